"""Sizes and phases compared as a person compares them: DVC's queue with two workers, diffs, and a second clone."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from conftest import ROOT, run
from study import BOOKS

GUARD = str(ROOT / "tests/guard.py")
CORE = 10  # books of the study that are written down as core ones; some of them are held out
PATIENCE = 400.0  # seconds that the queue may take
SHORT = ("-S", "train.rank=3", "-S", "tiers.draws=1", "-S", "tiers.controls=[]")  # another rank: all is to be trained
OWNER = {"user.name": "An Owner", "user.email": "owner@study.example"}


def keep(project: Path) -> None:
    """Make a finished study a repository: its first books are the core, a folder is its DVC remote."""
    for name in (".gitignore", "data/.gitignore", ".dvc/.gitignore", ".dvc/config", "Makefile"):
        shutil.copy(ROOT / name, project / name)
    own = project / "data/catalogue/own.csv"
    lines = own.read_text().splitlines(keepends=True)
    own.write_text(
        "".join(line.replace(",fractal,", ",core,") if at <= CORE else line for at, line in enumerate(lines))
    )
    run(project, "git", "init", "-q", "-b", "main")
    run(project, "dvc", "remote", "add", "-q", "-d", "shelf", str(project.with_name("shelf")))
    run(project, "dvc", "repro", "-q", "tiers")
    commit(project)


def commit(project: Path) -> None:
    """Commit everything, under a name of the test's own."""
    for name, value in OWNER.items():
        run(project, "git", "config", name, value)
    run(project, "git", "add", "-A")
    run(project, "git", "commit", "-qm", "A study")


def entries(project: Path, step: str) -> int:
    """How many entries of a step the store holds."""
    return len(list((project / ".dvc/keyed" / step).glob("??/*/.sums.json")))


def start_workers(project: Path) -> subprocess.Popen[str]:
    """Two workers of DVC's queue; they end when the standard input of what is returned does."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment.pop("LTM_KEYED", None)
    command = [sys.executable, GUARD, "dvc", "queue", "start", "-j", "2"]
    return subprocess.Popen(
        command, cwd=project, env=environment, stdin=-1, stdout=-1, text=True, start_new_session=True
    )


def wait_for_queue(project: Path) -> None:
    """Wait until no experiment waits or runs."""
    end = time.monotonic() + PATIENCE
    while re.search(r"Queued|Running", told := run(project, "dvc", "queue", "status")):
        assert time.monotonic() < end, told
        time.sleep(1)


def shown(project: Path) -> dict[str, dict[str, str]]:
    """The experiments of a project by name, with their params and metrics."""
    table = run(project, "dvc", "exp", "show", "--csv", "--hide-workspace")
    rows = csv.DictReader(table[table.index("Experiment,") :].splitlines())
    return {row["Experiment"]: row for row in rows if row["Experiment"]}


class Compared:
    """A study in which two sizes and one phase were queued and run, and what is known of that."""

    def __init__(self, project: Path) -> None:
        self.project = project
        before = {step: entries(project, step) for step in ("adapters", "cells")}
        run(project, "dvc", "exp", "run", "--queue", *SHORT, "-S", "tiers.max_books=3,6")
        run(project, "dvc", "exp", "run", "--queue", "-n", "core", *SHORT, "-S", "tiers.tiers=[core]")
        with start_workers(project) as workers:
            wait_for_queue(project)
            workers.communicate()
        self.made = {step: entries(project, step) - count for step, count in before.items()}
        self.shown = shown(project)
        self.logs = {name: run(project, "dvc", "queue", "logs", name) for name in self.shown}
        self.by_size = {row["tiers.max_books"]: name for name, row in self.shown.items() if name != "core"}


@pytest.fixture(scope="module")
def compared(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Compared:
    folder = tmp_path_factory.mktemp("compared") / "study"
    shutil.copytree(study, folder, symlinks=True, ignore=shutil.ignore_patterns("tmp"))
    keep(folder)
    return Compared(folder)


def test_every_experiment_of_the_queue_ends_well_and_reads_what_it_was_asked_to(compared: Compared) -> None:
    assert {row["State"] for row in compared.shown.values()} == {"Success"}, compared.logs
    read = {name: row["books_read"] for name, row in compared.shown.items()}
    core = read.pop("core")
    assert read == {compared.by_size[size]: size for size in ("3", "6")}
    assert 6 < int(core) < BOOKS


def test_two_workers_train_and_score_nothing_twice(compared: Compared) -> None:
    said = "".join(compared.logs.values())
    trained = [int(number) for number in re.findall(r"(\d+) of them trained now", said)]
    scored = re.findall(r"^evaluate (\S+) (\d+)/\2 tokens", said, re.MULTILINE)
    labels = [label for label, _ in scored if label != "base"]
    assert len(trained) == 3 and sum(trained) == compared.made["adapters"] == 3  # rungs 3, 6, and the whole core
    assert len(labels) == len(set(labels)) == 3


def test_metrics_and_plots_of_two_experiments_are_compared(compared: Compared) -> None:
    pair = [compared.by_size["3"], compared.by_size["6"]]
    rows = json.loads(run(compared.project, "dvc", "metrics", "diff", *pair, "--json"))
    changed = rows["metrics/saturation.json"]
    assert changed["books_read"] == {"old": 3, "new": 6, "diff": 3}
    assert changed["prediction"]["old"] != changed["prediction"]["new"]
    plots = json.loads(run(compared.project, "dvc", "plots", "diff", *pair, "--json"))["data"]
    gain = plots["gain over the base, bits per byte"][0]
    values = gain["content"]["data"]["values"]
    assert {(one["rev"], one["books"]) for one in values} == {(pair[0], "3"), (pair[1], "3"), (pair[1], "6")}
    run(compared.project, "dvc", "plots", "diff", *pair, "core")
    page = (compared.project / "dvc_plots/index.html").read_text()
    assert all(name in page for name in (*pair, "core"))
    assert "dvc_plots" not in run(compared.project, "git", "status", "--short")


def test_make_experiments_gives_a_table_in_markdown_that_says_what_was_changed(compared: Compared) -> None:
    ready = compared.project / ".venv/ready"
    ready.parent.mkdir(exist_ok=True)
    ready.touch()
    table = [line for line in run(compared.project, "make", "--silent", "experiments").splitlines() if line.strip()]
    assert all(line.startswith("|") and line.endswith("|") for line in table), table
    names = [cell.strip() for cell in table[0].strip("|").split("|")]
    rows = [dict(zip(names, map(str.strip, line.strip("|").split("|")), strict=True)) for line in table[2:]]
    told = {row["Experiment"].split("[")[-1].rstrip("]"): row for row in rows}
    assert {"core", *compared.by_size.values(), "main"} <= set(told)
    assert told["core"]["tiers.tiers"] == "['core']"
    assert {size: told[name]["books_read"] for size, name in compared.by_size.items()} == {"3": "3", "6": "6"}


@pytest.fixture(scope="module")
def second(compared: Compared) -> Path:
    """A second clone that pulled the experiments, with nothing but git's and DVC's remotes."""
    project = compared.project
    bare, other = project.with_name("study.git"), project.with_name("second")
    run(project, "git", "clone", "-q", "--bare", ".", str(bare))
    run(project, "git", "remote", "add", "origin", str(bare))
    run(project, "dvc", "exp", "push", "origin", *compared.shown)
    run(project, "git", "clone", "-q", str(bare), str(other))
    for name, value in OWNER.items():
        run(other, "git", "config", name, value)
    run(other, "dvc", "exp", "pull", "origin", *compared.shown)
    return other


def test_a_second_clone_shows_and_compares_the_experiments(compared: Compared, second: Path) -> None:
    facts = ("books_read", "prediction", "explanation", "js", "tiers.max_books", "tiers.tiers", "train.rank")
    there, here = shown(second), compared.shown
    assert {name: [row[one] for one in facts] for name, row in there.items()} == {
        name: [row[one] for one in facts] for name, row in here.items()
    }
    pair = list(compared.by_size.values())
    compare = ["dvc", "metrics", "diff", *pair, "--md"]
    assert run(second, *compare) == run(compared.project, *compare)
    plots = json.loads(run(second, "dvc", "plots", "diff", *pair, "--json"))["data"]
    assert plots["gain over the base, bits per byte"][0]["revisions"] == pair


def test_a_second_clone_applies_an_experiment_and_trains_nothing(compared: Compared, second: Path) -> None:
    run(second, "dvc", "exp", "apply", compared.by_size["6"])
    assert (second / "data/train/tiered-real-d0-i0/00006/adapter_model.safetensors").exists()
    said = run(second, "dvc", "repro")
    assert "Data and pipelines are up to date" in said and "Running stage" not in said
    assert not entries(second, "adapters")


@pytest.fixture
def orphan(tmp_path: Path) -> Iterator[psutil.Process]:
    """A process whose parent, started under the guard, has ended; the guard's own parent is then killed."""
    script = (
        f"import subprocess, sys; subprocess.Popen([sys.executable, {GUARD!r}, 'sh', '-c', {{!r}}], stdin=-1).wait()"
    )
    leave = f"setsid sleep 600 & echo $! > {tmp_path}/pid"
    with subprocess.Popen([sys.executable, "-c", script.format(leave)], stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout is not None and tests.stdout.readline() == "started\n"
        tests.kill()
    yield psutil.Process(int((tmp_path / "pid").read_text()))


def test_workers_end_also_when_the_tests_are_killed(orphan: psutil.Process) -> None:
    psutil.wait_procs([orphan], timeout=30)
    assert not orphan.is_running()
