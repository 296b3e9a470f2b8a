"""The stage flashes end to end on a tiny model: what it finds, what it refuses, and what a kill leaves."""

import csv
import hashlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from conftest import ROOT
from flashes_project import PAST, READ, write_project
from work import misbehave, square

from stages.flashes import __main__ as stage
from stages.flashes import crew, pairs
from stages.flashes import filter as sieve
from stages.flashes.matching import Kind
from stages.flashes.settings import Flashes
from stages.shared.errors import UserError
from stages.shared.params import load_params
from stages.shared.workers import Workers

COMMAND = (sys.executable, "-m", "stages.flashes")


def start(project: Path, store: Path, *more: str) -> subprocess.Popen[str]:
    """Start the stage in a project, with a keyed store of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "LTM_KEYED": str(store)}
    pipe = subprocess.PIPE
    return subprocess.Popen((*COMMAND, *more), cwd=project, env=environment, stdout=pipe, stderr=pipe, text=True)


def run(project: Path, store: Path) -> str:
    """Run the stage to its end; returns what it said."""
    running = start(project, store)
    said, errors = running.communicate()
    assert running.returncode == 0, errors
    return said


@pytest.fixture(scope="module")
def project(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the stage reads."""
    return write_project(tiny_base, tmp_path_factory.mktemp("flashes"))


@pytest.fixture(scope="module")
def finished(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after a run that nobody disturbed."""
    folder = shutil.copytree(project, tmp_path_factory.mktemp("finished") / "project")
    run(folder, folder / "keyed")
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_planted_flash_is_found_with_its_place_and_stays(finished: Path) -> None:
    first = rows(finished / "metrics/flashes.csv")[0]
    assert (first["book_id"], first["status"], first["moved"]) == ("b20", "flash", "held1")
    assert float(first["moved_low"]) < float(first["moved_effect"]) < float(first["moved_high"])
    assert float(first["lasting"]) > 0
    assert first["place"] == "Of wind; paragraphs 0-1; page 7"


def test_the_other_tested_book_is_no_flash(finished: Path) -> None:
    assert [row["status"] for row in rows(finished / "metrics/flashes.csv")[1:]] == ["none"]


def test_the_filter_tells_of_every_book_past_the_rung(finished: Path) -> None:
    found = rows(finished / "data/flashes/filter.csv")
    assert sorted(row["book_id"] for row in found) == [f"b{at:02d}" for at in range(READ, READ + PAST)]
    surprise = {row["book_id"]: float(row["surprise_z"]) for row in found}
    assert max(surprise, key=lambda book: surprise[book]) == "b20"
    scores = [float(row["score"]) for row in found if row["status"] == "passed"]
    assert scores == sorted(scores, reverse=True)


def test_the_facts_of_a_run_say_what_it_could_have_found(finished: Path) -> None:
    facts = json.loads((finished / "metrics/flashes.json").read_text())
    assert facts["run"] and facts["flashes"] == 1 and facts["pairs"] == 10 and facts["books_past"] == PAST
    assert facts["found_80"] > 0 and facts["least_p"] == pytest.approx(2**-10, rel=0.01)


def test_every_pair_of_a_candidate_has_another_placebo(finished: Path) -> None:
    found = rows(finished / "data/flashes/pairs.csv")
    for candidate in {row["candidate"] for row in found}:
        placebos = [row["placebo"] for row in found if row["candidate"] == candidate]
        assert len(set(placebos)) == 10 and candidate not in placebos
        assert all(row["placebo"] not in row["further"].split(";") for row in found)


def digests(project: Path) -> dict[str, str]:
    files = [path for folder in ("data/flashes", "metrics") for path in sorted((project / folder).iterdir())]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def scored(store: Path) -> dict[str, str]:
    """The cells that a store holds."""
    with (
        suppress(sqlite3.OperationalError),
        closing(sqlite3.connect(f"file:{store}/flashes.sqlite?mode=ro", uri=True)) as file,
    ):
        return dict(file.execute("select key, rowid from numbers").fetchall())
    return {}


def test_a_run_on_two_workers_that_is_killed_goes_on_and_ends_with_the_bytes_of_one_process(
    project: Path, finished: Path, tmp_path: Path
) -> None:
    folder, store = shutil.copytree(project, tmp_path / "killed"), tmp_path / "keyed"
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["workers"]["count"] = 2
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    running = start(folder, store)
    while len(scored(store)) < 7 and running.poll() is None:
        time.sleep(0.05)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    assert running.returncode == -signal.SIGKILL
    kept = scored(store)
    run(folder, store)
    assert kept.items() <= scored(store).items()
    assert digests(folder) == digests(finished)


def test_without_a_reading_nothing_is_run_and_the_files_have_their_heads(tmp_path: Path) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    said = run(tmp_path, tmp_path / "keyed")
    assert "not run" in said and "flashes.reading=tiered-real-d0-i0" in said
    assert json.loads((tmp_path / "metrics/flashes.json").read_text()) == {"run": False}
    assert rows(tmp_path / "metrics/flashes.csv") == []
    assert not (tmp_path / "keyed").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reading": "tiered-real-d9-i0"}, "the readings of data/train are tiered-real-d0-i0"),
        ({"rung": 5}, "the rungs of tiered-real-d0-i0 are 8"),
        ({"tokens": 9000}, "has 9000 tokens of scenes"),
        ({"tested": 15}, "lower flashes.tested"),
        ({"alignment": 99.0}, "lower flashes.novelty or flashes.alignment"),
        ({"pairs": 9}, "flashes.pairs is 9"),
    ],
)
def test_what_cannot_be_examined_is_refused_with_a_remedy(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], said: str
) -> None:
    (tmp_path / "data").symlink_to(finished / "data")
    params = yaml.safe_load((finished / "params.yaml").read_text())
    params["flashes"] |= change
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LTM_KEYED", str(finished / "keyed"))
    with pytest.raises(UserError, match=re.escape(said)):
        stage.examine(read := load_params(Flashes, "flashes"), str(read.reading))


def settings(**changes: Any) -> Flashes:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())["flashes"]
    return Flashes.model_validate(params | changes)


def test_a_text_that_was_read_before_is_not_novel() -> None:
    text = "The judge keeps what was lost, and the sea answers every law that the garden forgets in the long winter."
    read = {"a": "Nothing of this stands in any other text that somebody wrote about a river.", "b": text}
    found = sieve.novelty({"same": text, "near": text.replace("garden", "mirror"), "new": "Where does it go?"}, read)
    assert found["same"] == 0.0 and found["near"] < 0.5 and found["new"] == 1.0


def test_the_filter_says_which_bound_keeps_a_book_out() -> None:
    params = settings(novelty=0.5, surprise=4.0, alignment=-2.0)
    assert sieve.refusal(params, 0.4, 1.0, 0.0) == "novelty 0.40 is below 0.5"
    assert sieve.refusal(params, 0.9, 4.1, 0.0) == "surprise 4.1 is above 4"
    assert sieve.refusal(params, 0.9, 1.0, -2.5) == "alignment -2.5 is below -2"
    assert sieve.refusal(params, 0.9, 1.0, 0.0) == sieve.PASSED


def test_both_sides_of_a_pair_read_the_same_company_in_the_same_places() -> None:
    kinds = {f"b{at:02d}": Kind("en", "epic", "core", 17) for at in range(14)}
    made = pairs.design(settings(), ["b00", "b01"], kinds, list(kinds), ["r1", "r2", "r3"])
    assert len(made) == 20
    by_number = {(pair.candidate, pair.number): pair for pair in made}
    for number in range(10):
        one, other = by_number["b00", number], by_number["b01", number]
        assert one.company == other.company and one.placebo == other.placebo
        assert {one.placebo}.isdisjoint({"b00", "b01"})


def test_too_few_books_for_placebos_are_refused() -> None:
    kinds = {f"b{at:02d}": Kind("en", "epic", "core", 17) for at in range(11)}
    with pytest.raises(UserError, match="9 books past the rung are left as placebos"):
        pairs.design(settings(), ["b00", "b01"], kinds, list(kinds), ["r1"])


def workers(count: int) -> Workers:
    return Workers(backend="local", count=count, seconds=60.0, memory_mb=0)


@pytest.mark.parametrize("count", [1, 2])
def test_jobs_give_the_same_here_and_on_workers(count: int) -> None:
    found = crew.run_jobs(square, {"a": 2, "b": 3, "c": 4}, workers(count), "jobs", ())
    assert list(found) == [("a", 4), ("b", 9), ("c", 16)]


@pytest.mark.parametrize(("asked", "free_gb", "expected"), [(0, 64, 4), (3, 64, 3), (0, 7, 2), (0, 2, 1)], ids=str)
def test_a_worker_has_a_core_as_far_as_memory_holds_them(
    asked: int, free_gb: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew.torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(crew, "cores", lambda: 4)
    monkeypatch.setattr(crew.psutil, "virtual_memory", lambda: SimpleNamespace(available=free_gb * 10**9))
    assert crew.sized(workers(asked), 135_000_000).count == expected


def test_a_worker_has_a_gpu_where_there_are_some_and_a_cluster_counts_for_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crew.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(crew.torch.cuda, "device_count", lambda: 3)
    assert crew.sized(workers(0), 135_000_000).count == 3
    assert crew.sized(workers(2).model_copy(update={"backend": "ray"}), 135_000_000).count == 0


def test_what_was_finished_is_given_before_a_job_that_failed_is_told() -> None:
    given = []
    with pytest.raises(UserError, match=r"1 of 3 jobs failed .*two lines.*run it again"):
        for key, _ in crew.run_jobs(misbehave, {"a": "no", "b": "raise", "c": "yes"}, workers(2), "jobs", ()):
            given.append(key)
    assert given == ["a", "c"]
