"""Own thinking: what the filter refuses, what the guard stops, what is equal, and the stage as processes of its own."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from study import own_prose

from stages import base
from stages.shared.keyed import file_digest
from stages.shared.records import ShelfBook, write_csv, write_json

BOOKS, RUNGS = 12, (3, 6, 12)
LOOSE = {
    "pool": 8,
    "min_tokens": 8,
    "linkage": 0.1,
    "copied": 20,
    "likeness": 0.9,
    "distinct": 0.0,
    "squeezed": 0.0,
    "letters": 0.0,
    "agreement": -50.0,
}


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def text_of(seed: int, number: int) -> str:
    return ". ".join(own_prose(seed)[number].split(". ")[:4]) + "."


def write_tiers(tiers: Path) -> None:
    """One reading of 12 books with two texts each."""
    books = [
        ShelfBook(f"b{i:02d}", "T", "A", "en", "core", "c", "own", "x", "epub", f"{i}", 1, "here", "")
        for i in range(BOOKS)
    ]
    write_csv(tiers / "orders/tiered-d0.csv", ShelfBook, books)
    rows = [
        {"book_id": book.book_id, "text_id": f"{book.book_id}-{j}", "language": "en", "text": text_of(i + 1, j)}
        for i, book in enumerate(books)
        for j in range(2)
    ]
    for name in ("core", "orbit", "fractal"):
        write_lines(tiers / f"{name}.jsonl", rows if name == "core" else [])
    sizes = ";".join(map(str, RUNGS))
    with (tiers / "readings.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["reading", "order", "arm", "draw", "rungs", "top", "books"])
        table.writerow(["tiered-real-d0", "tiered", "real", 0, sizes, 1, sizes])


def write_probe(folder: Path, seed: int = 100) -> None:
    """Four held-out books, one of half A, and control text."""
    rows, items = [], []
    for number in range(4):
        name, half = f"p{number}", "A" if number == 3 else "B"
        rows.append({"book_id": name, "language": "en", "half": half})
        for place in range(2):
            text = text_of(seed + number, place)
            cut = len(text) // 2
            wrong = [text_of(seed + number, other)[:cut] for other in (4, 5)]
            parts = {"explanation": text[:cut], "conclusion": text[cut:], "wrong": wrong}
            items.append({"item": f"{name}-{place}", "book_id": name, "text": text, **parts})
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "books.csv").open("w", newline="") as stream:
        table = csv.DictWriter(stream, rows[0])
        table.writeheader()
        table.writerows(rows)
    write_lines(folder / "items.jsonl", items)
    write_lines(folder / "control.jsonl", [{"item": "c", "book_id": "control", "text": "Return the value of a key."}])


@pytest.fixture(scope="module")
def trained(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a base, a reading that was trained, and a probe."""
    folder = tmp_path_factory.mktemp("reflect")
    (folder / "data/base").mkdir(parents=True)
    base.write_base(f"path:{tiny_base}", {}, folder / "data/base")
    write_tiers(folder / "data/tiers")
    write_probe(folder / "data/probe")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["train"] |= {"batch": 2, "precision": "float32", "learning_rate": 0.005}
    params["reflect"] |= {"reading": "tiered-real-d0-i0", "tokens": 120, "samples": 200, "filter": LOOSE}
    params["reflect"]["sampling"] |= {"max_tokens": 24, "batch": 4}
    params["reflect"]["guard"] |= {"control": 9.0, "probe_a": 9.0, "diversity": 0.1}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    finish(start(folder, "train"))
    return folder


@pytest.fixture
def project(trained: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained, tmp_path / "project")


def start(project: Path, stage: str = "reflect", store: str = "keyed") -> subprocess.Popen[str]:
    """Start a stage in a project, with a store of its own."""
    environment = os.environ | {"LTM_KEYED": str(project / store), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", f"stages.{stage}"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=project, env=environment, **pipes)  # type: ignore[call-overload,no-any-return]


def finish(started: subprocess.Popen[str]) -> str:
    """What a command that ends well has printed."""
    out, err = started.communicate(timeout=300)
    assert started.returncode == 0, out + err
    return out + err


def test_the_stage_runs_end_to_end(project: Path) -> None:
    said = finish(start(project))
    print(said)
    told = json.loads((project / "metrics/reflect.json").read_text())
    print(json.dumps(told, indent=1)[:4000])
    print((project / "data/reflect/cells.csv").read_text())
    print((project / "metrics/reflect.csv").read_text())
    assert told["run"]
