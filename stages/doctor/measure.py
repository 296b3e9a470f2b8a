"""A short measurement: the stages themselves, run on a few books with the real base in a folder of its own.

What each stage says of its own pace (its progress lines) is what is measured; nothing of the project is changed.
"""

import copy
import csv
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from stages.shared.chance import shuffled
from stages.shared.errors import UserError
from stages.shared.progress import Progress
from stages.shared.records import Account, ShelfBook, read_csv, write_csv

READ, HELD, JUDGED, SPARE = 8, 4, 3, 2  # books that are read, held out, of these in half B; that may be rejected
STEPS = ("extract", "scenes", "validate", "probe", "tiers", "train", "evaluate")
PACE = re.compile(r"^(?P<label>\S.*?) (?P<done>\d+)/(?P<total>\d+) \w+s, (?P<rate>[\d.]+)/s, \d+ s")
ROOMS = {"extract": "data/extract", "scenes": "data/scenes", "train": "data/train", "evaluate": "data/evaluate/states"}


@dataclass
class Run:
    """One stage that was run: its seconds, its peak of memory, and what its progress lines said when."""

    seconds: float = 0.0
    peak: int = 0  # bytes of the stage's own process
    paces: dict[str, tuple[float, float, float]] = field(default_factory=dict)  # label: units, seconds, when it ended


@dataclass(frozen=True)
class Measured:
    """What the short study took."""

    runs: Mapping[str, Run]
    rooms: Mapping[str, int]  # bytes of the folders of ROOMS
    books: Sequence[ShelfBook]
    tokens: float  # that are read of a book
    share: float  # of the passages, chains and control text of the real probe that were scored
    rows: int  # books of which scenes were picked


def choose(shelf: Sequence[ShelfBook], language: str, rejected: Collection[str]) -> list[ShelfBook]:
    """Fourteen books by hash, in the headline language where there are enough."""
    here = {book.book_id: book for book in shelf if book.status == "here" and book.book_id not in rejected}
    order = shuffled(here, "doctor")
    order.sort(key=lambda name: here[name].language != language)
    chosen = [here[name] for name in order[: READ + HELD + SPARE]]
    spoken = sum(book.language == language for book in chosen)
    if len(chosen) < READ + HELD or spoken < HELD:
        need = f"{READ + HELD} books, {HELD} of them in {language}"
        raise UserError(f"the measurement needs {need}; the shelf has {len(here)} here ({spoken} in {language})")
    return chosen


def rejected(root: Path) -> set[str]:
    """The books that an earlier run could not read."""
    path = root / "data/extract/accounts.csv"
    return {row.book_id for row in read_csv(path, Account) if row.status == "rejected"} if path.exists() else set()


def short_params(params: Mapping[str, Any], share: float) -> dict[str, Any]:
    """The params of the short study: one reading with one adapter, and a share of the probe."""
    short = copy.deepcopy(dict(params))
    language = short["probe"]["language"]
    short["probe"] |= {"books": {language: HELD}, "share_b": JUDGED / HELD}
    short["probe"]["control_bytes"] = max(500, round(short["probe"]["control_bytes"] * share))
    short["evaluate"]["chained"] = max(1, round(short["evaluate"]["chained"] * share))
    short["tiers"] |= {"orders": ["tiered"], "draws": 1, "ladder": [READ], "every": False, "max_books": None}
    short["tiers"] |= {"ladders": {}, "controls": [], "control_rungs": [], "top_draws": None}
    short["train"] |= {"inits": 1}
    if "trajectory" in short["train"]:
        short["train"]["trajectory"]["reading"] = None
    return short


def lay_out(folder: Path, root: Path, books: Sequence[ShelfBook], params: Mapping[str, Any]) -> None:
    """Make the folder of the short study: the project's books and base by links, a shelf of its own."""
    (folder / "data").mkdir()
    (folder / "metrics").mkdir()
    for name in ("data/base", "data/library", "data/sample", "requirements.lock"):
        if (root / name).exists():
            (folder / name).symlink_to((root / name).resolve())
    shutil.copytree(root / "data/catalogue", folder / "data/catalogue")
    write_csv(folder / "data/shelf.csv", ShelfBook, books)
    (folder / "data/curation.yaml").write_text("schema: 1\nscenes: []\n", encoding="utf-8")
    (folder / "params.yaml").write_text(yaml.safe_dump(dict(params), sort_keys=False), encoding="utf-8")


def run_stage(folder: Path, root: Path, name: str, *options: str) -> Run:
    """Run a stage in the folder; raises UserError with what it said where it fails."""
    place = {"PYTHONPATH": str(root), "LTM_KEYED": str(folder / "keyed"), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", f"stages.{name}", *options]
    begin, found, said = time.monotonic(), Run(), list[str]()
    pipe, environment = subprocess.PIPE, os.environ | place
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=pipe, stderr=subprocess.STDOUT) as running:
        watcher = threading.Thread(target=watch, args=(running.pid, found), daemon=True)
        watcher.start()
        for line in running.stdout or ():
            said.append(line.decode(errors="replace").strip())
            if told := PACE.match(said[-1]):
                units, rate = float(told["done"]), float(told["rate"])
                found.paces[told["label"]] = (units, units / max(rate, 0.005), time.monotonic() - begin)
    found.seconds = time.monotonic() - begin
    if running.returncode:
        raise UserError(f"the short study stopped in {name}: {said[-1] if said else 'it said nothing'}")
    return found


def watch(pid: int, found: Run) -> None:
    """Follow the memory of a process and its workers until it ends."""
    import psutil

    try:
        main = psutil.Process(pid)
        while main.is_running() and main.status() != psutil.STATUS_ZOMBIE:
            taken = 0
            for one in [main, *main.children(recursive=True)]:
                taken += one.memory_info().rss
            found.peak = max(found.peak, taken)
            time.sleep(0.2)
    except psutil.Error:
        return


def measure(folder: Path, root: Path, params: Mapping[str, Any], shelf: Sequence[ShelfBook]) -> Measured:
    """Run the short study; `root` is the project, `folder` an empty folder."""
    language = params["probe"]["language"]
    judged = round(sum(params["probe"]["books"].values()) * params["probe"]["share_b"])
    share = JUDGED / max(JUDGED, judged)
    books = choose(shelf, language, rejected(root))
    lay_out(folder, root, books, short_params(params, share))
    runs = {}
    with Progress("doctor", len(STEPS), "stage") as progress:
        for name in STEPS:
            if name == "probe":
                run_stage(folder, root, "probe", "--choose", str(HELD + 2))
            runs[name] = run_stage(folder, root, name)
            progress.step(note=f"{name} {runs[name].seconds:.0f} s")
    rooms = {name: room(folder / place) for name, place in ROOMS.items()}
    with (folder / "data/tiers/books.csv").open(encoding="utf-8", newline="") as stream:
        tokens = [int(row["tokens"]) for row in csv.DictReader(stream)]
    picked = len(list((folder / "data/scenes").glob("*.yaml")))
    return Measured(runs, rooms, books, sum(tokens) / len(tokens), share, picked)


def room(folder: Path) -> int:
    """Bytes of the files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
