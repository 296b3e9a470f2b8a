"""`kill -9` in the midst of a repro, at seeded moments: the next one goes on and ends with the same bytes."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, new_project, prose, run

from stages.sample.catalogue import Work
from stages.sample.epub import write_epub
from stages.sample.pdf import write_pdf
from stages.sample.texts import Block, Chapter

BOOKS, KILLS = 48, 5
STEPS = ("extract", "scenes")


def write_book(folder: Path, seed: int) -> None:
    """A small book of some 2,000 words: each third an EPUB, a PDF, a text."""
    blocks = [Block("prose", text) for text in prose(seed, 24)]
    format = ("epub", "pdf", "txt")[seed % 3]
    if format == "txt":
        (folder / f"{seed:02d}.txt").write_text("\n\n".join(block.text for block in blocks))
        return
    facts = {"title": f"Year {seed}", "author": f"Writer Number {seed}", "dates": "1900", "tier": "core"}
    more = {"category": "novel", "essence": "", "package": "", "paths": (), "language": "en", "format": format}
    work = Work.model_validate(facts | more | {"book_id": "sample-001"})
    {"epub": write_epub, "pdf": write_pdf}[format](work, [Chapter("One", blocks)], folder / f"{seed:02d}.{format}")


@pytest.fixture(scope="module")
def project(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline with its shelf and base, in which nothing was read yet."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["sample"]["enabled"] = params["bookmap"]["sample"] = False
    params["base"]["source"] = f"path:{tiny_base}"
    params["extract"]["min_words"] = 300
    folder = new_project(tmp_path_factory.mktemp("whole"), params)
    for seed in range(BOOKS):
        write_book(folder / "data/library", seed)
    run(folder, sys.executable, "-m", "stages.bookmap", "--add", "data/library", "--language", "en")
    run(folder, "dvc", "add", "-q", "data/library")
    run(folder, "dvc", "repro", "-q", "bookmap", "base")
    return folder


def start(project: Path) -> subprocess.Popen[bytes]:
    """Start a repro of both steps as a group of processes of its own."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {name: value for name, value in os.environ.items() if name != "LTM_KEYED"} | {"PATH": programs}
    command = ["dvc", "repro", "-q", STEPS[-1]]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=project, env=environment, stdout=quiet, stderr=quiet, start_new_session=True)


def entries(project: Path) -> int:
    """How many books lie in the store, both steps counted."""
    return sum(len(list((project / ".dvc/keyed" / step).glob("??/*/.sums.json"))) for step in STEPS)


def kill_at(project: Path, moment: int) -> None:
    """Start a repro and kill all its processes once the store holds `moment` entries."""
    running = start(project)
    while running.poll() is None and entries(project) < moment:
        time.sleep(0.001)
    os.killpg(running.pid, signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL


def digests(project: Path) -> dict[str, str]:
    """Every file that both steps gave."""
    files = [path for step in STEPS for path in sorted((project / "data" / step).rglob("*")) if path.is_file()]
    return {str(path.relative_to(project)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_repro_killed_at_five_moments_ends_with_the_bytes_of_one_left_alone(project: Path, tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    shutil.copytree(project, killed, symlinks=True)
    moments = sorted(random.Random(5).sample(range(1, len(STEPS) * BOOKS - 8), KILLS))
    for moment in moments:
        kill_at(killed, moment)
        assert entries(killed) >= moment
    said = run(killed, "dvc", "repro", STEPS[-1])
    assert f"({BOOKS} of them now)" not in said
    run(project, "dvc", "repro", "-q", STEPS[-1])
    assert len(digests(project)) == len(STEPS) * (BOOKS + 1) + 1  # a file a book, accounts, and the sketches of extract
    assert digests(killed) == digests(project)
    assert (killed / "dvc.lock").read_bytes() == (project / "dvc.lock").read_bytes()
