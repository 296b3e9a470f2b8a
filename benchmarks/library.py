"""A library of thousands of books: reading it once, and what one book more costs beside what DVC alone costs.

Reads   data/shelf.csv, data/extract/ (of the embedded library: what the books are made of)
Writes  benchmarks/results.json (rows "library: ..."); the library is made in a temporary folder, 4 GB for 10,000
Run     python -m benchmarks.library [--books N] [--folder FOLDER] [--short]
"""

import argparse
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml

from benchmarks import rows, table
from benchmarks.books import name_of, sources, write_book
from benchmarks.rows import Figure
from stages.shared.errors import UserError, run
from stages.shared.keyed import link
from stages.shared.workers import Failure, Workers, map_items

BOOKS, SHORT = 10_000, 2
OWN = Path("data/library/own")
FILES = ("dvc.yaml", "requirements.lock", ".dvcignore")
WORKERS = Workers(backend="local", count=2, seconds=600.0, memory_mb=0)
LINKS = "bare"  # a stage that gives what extract gives and only links files: what DVC itself costs
PEER = "a DVC stage that only links the same files"


@dataclass(frozen=True)
class Took:
    """What a command took: seconds, and for a stage the most memory its main process held, in MB (0: not seen)."""

    seconds: float
    peak: float = 0.0


def main() -> None:
    """Measure, print the table, and write the rows unless asked to be short."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--books", type=int, help=f"how many, default {BOOKS}")
    parser.add_argument("--folder", type=Path, help="keep the books here; those that are there are not made again")
    parser.add_argument("--short", action="store_true", help="two books; results.json stays as it is")
    asked = parser.parse_args()
    sources()  # says what is missing, before anything is made
    with tempfile.TemporaryDirectory(prefix="library-") as scratch:
        folder = asked.folder or Path(scratch) / "books"
        found = rows.stamp(measure(Path(scratch), folder, asked.books or (SHORT if asked.short else BOOKS)))
    if not asked.short:
        rows.write(found)
    print(table.render(found))


def measure(scratch: Path, folder: Path, count: int) -> list[Figure]:
    """Make a library, read it, and then add, change and remove a book."""
    make_books(folder, count)
    project = new_project(scratch / "project")
    for path in books_in(folder)[:count]:
        link(path, project / OWN / path.name)
    return [*whole(project, count), *one_by_one(project, count)]


def new_project(folder: Path) -> Path:
    """This project's pipeline without the embedded library, and beside it a stage that only links files."""
    (folder / OWN).mkdir(parents=True)
    for name in FILES:
        shutil.copy(name, folder / name)
    shutil.copytree("stages", folder / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree("data/catalogue", folder / "data/catalogue")
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    params["sample"]["enabled"] = params["bookmap"]["sample"] = False
    params["workers"]["count"] = WORKERS.count
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    pipeline = yaml.safe_load((folder / "dvc.yaml").read_text(encoding="utf-8"))
    command = f"rm -rf data/{LINKS} && cp -al data/extract data/{LINKS}"
    bare = {"cmd": command, "deps": ["data/library", "data/shelf.csv"], "outs": [f"data/{LINKS}"]}
    pipeline["stages"][LINKS] = bare
    (folder / "dvc.yaml").write_text(yaml.safe_dump(pipeline), encoding="utf-8")
    timed(folder, "dvc", "init", "--no-scm", "-q")
    return folder


def make_books(folder: Path, count: int) -> None:
    """Write the books that are not there yet in worker processes."""
    folder.mkdir(parents=True, exist_ok=True)
    there = {path.stem for path in books_in(folder)}
    missing = [number for number in range(count) if name_of(number) not in there]
    write = functools.partial(write_book, folder)
    for number, outcome in map_items(write, missing, WORKERS.limits, WORKERS, "library: writing"):
        if isinstance(outcome, Failure):
            raise UserError(f"book {number} could not be written: {outcome.reason}")


def books_in(folder: Path) -> list[Path]:
    """The books of a folder, those aside that a killed run had begun to write."""
    return sorted(path for path in folder.iterdir() if path.suffix != ".draft")


def whole(project: Path, count: int) -> list[Figure]:
    """The figures of reading the whole library."""
    added = stage(project, "bookmap", "--add", "data/library")
    hashed = timed(project, "dvc", "add", "-q", "data/library")
    read = timed(project, "dvc", "repro", "-q", "extract", watched="stages.extract")
    timed(project, "dvc", "repro", "-q", LINKS)
    nothing = timed(project, "dvc", "repro", "extract")
    status = timed(project, "dvc", "status", "--with-deps", "extract")  # the same stages
    return [
        Figure("library: books", count, "books"),
        Figure("library: titles, authors and languages of all files", added.seconds, "s", "", "bookmap --add"),
        Figure("library: hashing of all files", hashed.seconds, "s", "", "dvc add"),
        Figure("library: repro of bookmap and extract", read.seconds, "s"),
        Figure("library: repro of bookmap and extract, rate", count / read.seconds, "books/s"),
        Figure("library: peak memory of the main process", read.peak, "MB"),
        Figure("library: repro when nothing changed", nothing.seconds, "s"),
        Figure(
            "library: repro when nothing changed",
            nothing.seconds / status.seconds,
            "times",
            "< 1.5",
            "dvc status --with-deps",
        ),
    ]


def one_by_one(project: Path, count: int) -> list[Figure]:
    """The figures of adding, changing and removing one book."""
    changes: dict[str, Callable[[], object]] = {
        "added": lambda: add(project, count),
        "changed": lambda: write_book(project / OWN, 10 * count + 10).replace(project / OWN / first_book(project)),
        "removed": lambda: (project / OWN / first_book(project)).unlink(),
    }
    return [figure for name, change in changes.items() for figure in one_book(project, name, change)]


def add(project: Path, number: int) -> None:
    """Add a book."""
    stage(project, "bookmap", "--add", str(write_book(project / OWN, number)))


def first_book(project: Path) -> str:
    """The name of the first book of the library."""
    return books_in(project / OWN)[0].name


def one_book(project: Path, name: str, change: Callable[[], object]) -> list[Figure]:
    """What `dvc add` and a repro take after a change of one book, and what a stage that only links files takes."""
    change()
    hashed = timed(project, "dvc", "add", "-q", "data/library")
    ours = timed(project, "dvc", "repro", "-q", "extract")
    bare = timed(project, "dvc", "repro", "-q", LINKS)
    return [
        Figure(f"library: one book {name}, repro", ours.seconds, "s"),
        Figure(f"library: one book {name}, hashing", hashed.seconds, "s", "", "dvc add"),
        Figure(f"library: one book {name}, repro", ours.seconds / bare.seconds, "times", "< 2", PEER),
    ]


def stage(project: Path, name: str, *options: str) -> Took:
    """Run a stage by itself."""
    return timed(project, sys.executable, "-m", f"stages.{name}", *options)


def timed(project: Path, *command: str, watched: str = "") -> Took:
    """Run a command in the project; its output is shown only where it fails."""
    folder = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {name: value for name, value in os.environ.items() if name != "LTM_KEYED"} | {"PATH": folder}
    began, peak = time.perf_counter(), 0.0
    with tempfile.TemporaryFile("w+") as said:
        running = subprocess.Popen(command, cwd=project, env=environment, stdout=said, stderr=said, text=True)
        while watched and running.poll() is None:
            peak = max(peak, peak_of(running.pid, watched))
            time.sleep(0.1)
        if running.wait():
            said.seek(0)
            raise UserError(f"{' '.join(command)} ended with code {running.returncode}:\n{said.read()[-2000:]}")
    took = Took(time.perf_counter() - began, peak)
    print(f"library: {' '.join(command[-4:])}: {took.seconds:.1f} s, {peak:.0f} MB", file=sys.stderr, flush=True)
    return took


def peak_of(pid: int, module: str) -> float:
    """The most memory that the process running a module held so far, in MB; it is a descendant of process `pid`."""
    try:
        for process in psutil.Process(pid).children(recursive=True):
            if process.cmdline()[-2:] == ["-m", module]:
                status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
                return float(status.partition("VmHWM:")[2].split()[0]) / 1024
    except (psutil.Error, OSError, IndexError):  # it has just ended
        pass
    return 0.0


if __name__ == "__main__":
    run(main)
