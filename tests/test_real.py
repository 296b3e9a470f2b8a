"""One cell on the real base model and real books, and the positive control."""

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from conftest import ROOT, new_project, run

from stages.evaluate import conditions
from stages.evaluate.__main__ import encoder
from stages.shared import models
from stages.shared.measures import book_gains
from stages.shared.plan import Step
from stages.shared.trunk import Recipe, Trunk

WORKS = ["sample-003", "sample-004", "sample-012", "sample-027", "sample-030", "sample-033", "sample-037", "sample-038"]

RECIPE = ("rank", "alpha", "dropout", "learning_rate", "warmup", "clip", "weight_decay")


def real_params() -> dict[str, Any]:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["sample"]["only"] = WORKS
    params["probe"] |= {"books": {"en": 2}, "share_b": 1.0, "passages_per_book": 4, "control_bytes": 500}
    params["tiers"] |= {"ladder": [3], "every": False, "draws": 1, "controls": []}
    params["evaluate"] |= {"chained": 1, "chain_tokens": 8, "scenes_per_book": 0}
    return params


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = new_project(tmp_path_factory.mktemp("real"), real_params())
    run(folder, "dvc", "repro", "-q", "evaluate")
    return folder


def test_an_own_explanation_helps_the_base_more_than_a_wrong_one(project: Path) -> None:
    items = pd.read_parquet(project / "data/evaluate/items.parquet")
    rows = items[(items["score"] == "explanation") & (items["reading"] == "base")].groupby("condition")["bits"].sum()
    assert rows["own"] < rows.drop("own").mean()


def test_the_base_reads_english_prose_as_well_as_it_was_measured_to(project: Path) -> None:
    items = pd.read_parquet(project / "data/evaluate/items.parquet")
    rows = items[(items["score"] == "prediction") & (items["reading"] == "base")]
    assert 0.9 < rows["bits"].sum() / rows["bytes"].sum() < 1.6


@pytest.fixture(scope="module")
def planted(project: Path) -> tuple[str, pd.DataFrame]:
    """An adapter trained outside of the pipeline on the passages of one held-out book, scored by the command."""
    base = models.load_base(project / "data/base")
    encode = encoder(base)
    items = list(map(json.loads, (project / "data/probe/items.jsonl").read_text().splitlines()))
    known = str(items[0]["book_id"])
    ids = [conditions.prediction(row, encode)[0].request.ids for row in items if row["book_id"] == known]
    params = yaml.safe_load((ROOT / "params.yaml").read_text())["train"]
    trunk = Trunk(base, Recipe(**{name: params[name] for name in RECIPE}, precision="float32"), 0)
    for _ in range(12):
        trunk.take(Step(tuple(map(str, range(len(ids)))), tuple(ids)), trunk.rate(trunk.done))
    trunk.model.save_pretrained(project / "planted")
    python = str(Path(sys.executable))
    said = run(project, python, "-m", "stages.evaluate", "--adapter", "planted", "--items", "planted.parquet")
    assert "prediction gain, en, random" in said
    return known, pd.read_parquet(project / "planted.parquet")


def test_an_adapter_that_knows_one_held_out_book_is_seen_exactly_there(
    project: Path, planted: tuple[str, pd.DataFrame]
) -> None:
    known, items = planted
    gains = book_gains(items)
    found = gains[gains["measure"] == "prediction"].set_index("book_id")["gain"]
    assert found[known] > 0.1
    assert found.drop(known).abs().max() < found[known] / 5


def test_an_adapter_trained_on_the_probe_itself_gains_three_times_what_reading_gains(
    project: Path, planted: tuple[str, pd.DataFrame]
) -> None:
    known, items = planted
    read = book_gains(pd.read_parquet(project / "data/evaluate/items.parquet"))
    best = [
        frame.loc[(frame["measure"] == "prediction") & (frame["book_id"] == known), "gain"].max()
        for frame in (book_gains(items), read)
    ]
    assert best[0] > 3 * best[1]
