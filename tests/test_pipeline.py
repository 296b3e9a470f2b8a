"""The whole pipeline as a person runs it: `dvc repro` on a few books of one's own, EPUB and PDF, with a tiny model."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from conftest import prose, run
from safetensors.torch import load_file, save_file
from study import BOOKS, digest, write_epub

from stages.shared.measures import book_gains

ROOT = Path(__file__).parent.parent
FIRST = "data/train/tiered-real-d0-i0/00003"


@pytest.fixture(scope="module")
def project(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished study, for tests that go on with it."""
    return shutil.copytree(study, tmp_path_factory.mktemp("project") / "study", symlinks=True)


def test_it_ends_in_a_verdict_with_every_score_at_every_rung(project: Path) -> None:
    told = json.loads((project / "metrics/saturation.json").read_text())
    assert "not decided" in json.dumps(told)
    shown = run(project, "python", "-m", "stages.saturation", "--show")
    for word in ("prediction gain", "explanatory power", "order gain", "chain-of-thought", "not decided", "ltm_layers"):
        assert word in shown.lower()


def test_every_adapter_of_every_reading_is_there(project: Path) -> None:
    found = {
        str(path.parent.relative_to(project / "data/train")) for path in project.glob("data/train/*/*/reading.json")
    }
    tops = {path.split("/")[1] for path in found if "words" in path}
    top = tops.pop()
    assert not tops
    expected = {f"tiered-real-d{draw}-i0/{rung}" for draw in (0, 1) for rung in ("00003", "00006", top)}
    assert found == expected | {f"tiered-{arm}-d0-i0/{top}" for arm in ("shuffled_words", "other_prose")}


def test_books_that_cannot_be_read_are_counted_with_their_reason(project: Path) -> None:
    accounts = (project / "data/extract/accounts.csv").read_text()
    assert accounts.count(",read,") == BOOKS
    assert accounts.count(",rejected,") == 2
    assert "encrypted" in accounts


def test_nothing_of_the_probe_is_read(project: Path) -> None:
    held = {line.split(",")[0] for line in (project / "data/probe/books.csv").read_text().splitlines()[1:]}
    read = {
        line.split(",")[0]
        for path in project.glob("data/train/*/*/books.csv")
        for line in path.read_text().splitlines()[1:]
    }
    assert held
    assert read
    assert not held & read


def test_an_adapter_scored_alone_gets_the_scores_of_its_cell(project: Path) -> None:
    said = run(project, "python", "-m", "stages.evaluate", "--adapter", FIRST, "--items", "alone.parquet")
    alone, whole = pd.read_parquet(project / "alone.parquet"), pd.read_parquet(project / "data/evaluate/items.parquet")
    cell = whole[(whole["reading"] == "tiered-real-d0-i0") & (whole["rung"] == 3)]
    keys = ["item", "score", "condition", "stratum"]
    both = cell.merge(alone[alone["arm"] == "outside"], on=keys, validate="one_to_one")
    assert len(both) == len(cell)
    assert (both["bits_x"] == both["bits_y"]).all()
    mean = (
        book_gains(cell_and_base(whole, cell)).query("measure == 'prediction' and stratum == 'random'")["gain"].mean()
    )
    assert f"{mean:.4f} [" in said


def cell_and_base(whole: pd.DataFrame, cell: pd.DataFrame) -> pd.DataFrame:
    """The rows of the base beside those of a cell."""
    return pd.concat([whole[whole["arm"] == "base"], cell])


def test_two_cells_are_compared_from_their_stored_states(project: Path) -> None:
    def compare(one: str, other: str) -> list[float]:
        said = run(project, "python", "-m", "stages.evaluate", "--compare", one, other)
        return [float(number) for number in re.findall(r"(?:\)|JS) (-?[\d.e+-]+)", said)]

    first, last = "tiered-real-d0-i0-00003", "tiered-real-d0-i0-00006"
    assert compare(first, first) == pytest.approx([0, 0], abs=1e-5)
    assert min(compare(first, last)) > 0


def test_what_is_no_adapter_of_this_base_is_told(project: Path, tmp_path: Path) -> None:
    def told(folder: Path) -> str:
        answer = subprocess.run(
            [sys.executable, "-m", "stages.evaluate", "--adapter", str(folder)],
            cwd=project,
            capture_output=True,
            text=True,
        )
        assert answer.returncode == 1
        assert "Traceback" not in answer.stderr
        return answer.stderr

    assert "has no adapter_config.json" in told(tmp_path)
    shutil.copytree(project / FIRST, tmp_path / "wide")
    weights = load_file(tmp_path / "wide/adapter_model.safetensors")
    save_file(
        {name: torch.cat([value] * 2, dim=0) for name, value in weights.items()},
        tmp_path / "wide/adapter_model.safetensors",
    )
    assert "does not fit" in told(tmp_path / "wide")


def test_a_second_run_does_nothing(project: Path) -> None:
    assert run(project, "dvc", "repro").strip().endswith("Data and pipelines are up to date.")


def test_a_cold_run_gives_the_same_bytes(project: Path) -> None:
    names = ["bookmap", "extract", "scenes", "validate", "probe", "tiers", "train"]
    folders = [project / "data" / name for name in names if (project / "data" / name).is_dir()]
    before = {folder.name: digest(folder) for folder in folders}
    shutil.move(project / ".dvc/keyed", project / ".dvc/keyed-before")
    run(project, "dvc", "repro", "--force", "--no-run-cache", "train")
    assert {folder.name: digest(folder) for folder in folders} == before


def test_one_more_book_is_one_more_book(project: Path) -> None:
    probe, items = digest(project / "data/probe"), digest(project / "data/extract")
    trained = digest(project / "data/train")
    write_epub(project / "data/library/added.epub", 77)
    run(project, "python", "-m", "stages.bookmap", "--add", "data/library/added.epub", "--language", "en")
    told = run(project, "dvc", "repro", "train")
    assert "1 of them now" in told
    assert digest(project / "data/probe") == probe
    after = digest(project / "data/extract")
    assert {name: after[name] for name in items if name.endswith("jsonl")} == {
        name: value for name, value in items.items() if name.endswith("jsonl")
    }
    kept = [name for name, value in digest(project / "data/train").items() if trained.get(name) == value]
    orders = [(project / f"data/tiers/orders/tiered-d{draw}.csv").read_text().splitlines() for draw in (0, 1)]
    for draw, order in enumerate(orders):
        place = next(at for at, line in enumerate(order) if "Year 77" in line)
        for rung in (3, 6):
            name = f"tiered-real-d{draw}-i0/{rung:05d}/adapter_model.safetensors"
            assert (name in kept) == (rung < place)


def test_what_a_person_decides_reaches_what_is_read_and_leaves_the_picked_scenes(project: Path) -> None:
    picked, file = digest(project / "data/scenes"), project / "data/curation.yaml"
    shown = yaml.safe_load((project / "data/ltm_seed_100.yaml").read_text())["scenes"]
    dropped, replaced = (
        {"scene": one["scene"], "sha256": hashlib.sha256(one["text"].encode()).hexdigest(), "why": "a test"}
        for one in (shown[0], shown[-1])
    )
    text = " ".join(prose(555, 2))
    decisions = [dropped | {"do": "drop"}, replaced | {"do": "replace", "text": text}]
    file.write_text(yaml.safe_dump({"schema": 1, "scenes": decisions}))
    told = run(project, "dvc", "repro", "tiers")
    assert "Stage 'scenes' didn't change" in told and "is stale" not in told
    after = {one["scene"]: one for one in yaml.safe_load((project / "data/ltm_seed_100.yaml").read_text())["scenes"]}
    assert dropped["scene"] not in after
    assert after[replaced["scene"]]["text"] == text
    read = "".join(path.read_text() for path in (project / "data/tiers").glob("*.jsonl"))
    assert f"{dropped['scene']}:" not in read
    assert digest(project / "data/scenes") == picked


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("tiers.ladder", [500], "the smallest rung 500 is larger than the"),
        ("tiers.rungs", [3], "unknown key tiers.rungs; valid keys of tiers are seed, tiers, orders"),
        ("probe.books", {"en": 40}, "asks for 40 books in en"),
        ("scenes.min_tokens", 100_000, "scenes.min_tokens 100000 must be below scenes.max_tokens 400"),
        ("base.source", "path:/nowhere", "is no folder here"),
    ],
)
def test_bad_params_end_in_one_line_with_the_remedy(project: Path, key: str, value: object, said: str) -> None:
    section, name = key.split(".")
    params = yaml.safe_load((project / "params.yaml").read_text())
    before = (project / "params.yaml").read_text()
    params[section][name] = value
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    answer = subprocess.run([sys.executable, "-m", f"stages.{section}"], cwd=project, capture_output=True, text=True)
    (project / "params.yaml").write_text(before)
    assert answer.returncode == 1
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr
