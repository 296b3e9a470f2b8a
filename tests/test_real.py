"""One cell on the real base model and real books, and the positive control."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from conftest import ROOT, new_project, run

from stages.evaluate import conditions
from stages.evaluate.__main__ import encoder
from stages.shared import models, scoring
from stages.train.plan import Step
from stages.train.trunk import Recipe, Trunk

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


def gain(project: Path, reading: str) -> float:
    """Prediction gain of a cell in bits per byte over all probe passages."""
    items = pd.read_parquet(project / "data/evaluate/items.parquet")
    rows = items[(items["score"] == "prediction") & (items["stratum"] == "random")]
    bits = rows.groupby("reading")["bits"].sum()
    return float((bits["base"] - bits[reading]) / rows[rows["reading"] == "base"]["bytes"].sum())


def test_an_own_explanation_helps_the_base_more_than_a_wrong_one(project: Path) -> None:
    items = pd.read_parquet(project / "data/evaluate/items.parquet")
    rows = items[(items["score"] == "explanation") & (items["reading"] == "base")].groupby("condition")["bits"].sum()
    assert rows["own"] < rows.drop("own").mean()


def test_the_base_reads_english_prose_as_well_as_it_was_measured_to(project: Path) -> None:
    items = pd.read_parquet(project / "data/evaluate/items.parquet")
    rows = items[(items["score"] == "prediction") & (items["reading"] == "base")]
    assert 0.9 < rows["bits"].sum() / rows["bytes"].sum() < 1.6


def test_an_adapter_trained_on_the_probe_itself_gains_three_times_what_reading_gains(project: Path) -> None:
    base = models.load_base(project / "data/base")
    lines = (project / "data/probe/items.jsonl").read_text().splitlines()
    encode = encoder(base)
    asked = [conditions.prediction(row, encode)[0].request for row in map(json.loads, lines)]
    before = sum(one.total for one in scoring.score(base.model, base.prefix, asked))
    params = yaml.safe_load((ROOT / "params.yaml").read_text())["train"]
    recipe = Recipe(**{name: params[name] for name in RECIPE}, precision="float32")
    trunk = Trunk(base, recipe, 0)
    step = Step(tuple(map(str, range(len(asked)))), tuple(request.ids for request in asked))
    for _ in range(12):
        trunk.take(step, trunk.rate(trunk.done))
    trunk.model.eval()
    after = sum(one.total for one in scoring.score(trunk.model.get_base_model(), base.prefix, asked))
    size = sum(len(json.loads(line)["text"].encode()) for line in lines)
    assert (before - after) / size > max(3 * gain(project, "tiered-real-d0-i0"), 0.1)
