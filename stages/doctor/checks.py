"""What this machine has and lacks for a run: a finding for each thing, with its remedy where it has one."""

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from stages.doctor.leaks import find_leaks
from stages.shared.errors import UserError
from stages.shared.keyed import store_root
from stages.shared.params import load_params
from stages.shared.records import ShelfBook, read_csv
from stages.shared.workers import Workers

GIGABYTE = 10**9
PYTHON = (3, 11)
PATIENCE = 20.0  # seconds a remote may take to answer
LOCK, SHELF, BASE = Path("requirements.lock"), Path("data/shelf.csv"), Path("data/base/base.json")


@dataclass(frozen=True)
class Finding:
    """One line of the doctor: `missing` stops a run, `note` is worth knowing."""

    level: Literal["ok", "note", "missing"]
    subject: str
    said: str


def look() -> Iterator[Finding]:
    """Everything that is looked at, one by one."""
    yield python()
    yield packages()
    yield programs()
    yield processor()
    yield load()
    yield memory(load_params(Workers, "workers"))
    yield disk()
    yield from remote()
    yield books()
    yield base()
    yield from git()


def python() -> Finding:
    """The version of Python."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] == PYTHON:
        return Finding("ok", "python", found)
    return Finding("missing", "python", f"{found}, this project runs on 3.11; `make PYTHON=/path/to/python3.11 demo`")


def packages() -> Finding:
    """The packages of requirements.lock: those that are absent, and those of another version."""
    wanted = [line.split("==") for line in LOCK.read_text(encoding="utf-8").splitlines() if "==" in line]
    installed = importlib.metadata.distributions()
    here = {plain_name(one.metadata["Name"]): one.version.partition("+")[0] for one in installed}
    plain = [(plain_name(name), version.split()[0]) for name, version in wanted]
    absent = [name for name, _ in plain if name not in here]
    other = [f"{name} {here[name]}, not {version}" for name, version in plain if here.get(name, version) != version]
    if absent:
        named = ", ".join(absent[:3])
        return Finding("missing", "packages", f"{len(absent)} absent ({named}); `pip install -r requirements.lock`")
    if other:
        named = "; ".join(other[:3])
        return Finding("note", "packages", f"{len(other)} of another version ({named}): other bytes are possible")
    return Finding("ok", "packages", f"all {len(plain)} of requirements.lock")


def plain_name(name: str) -> str:
    """The name of a package as the index compares them."""
    return name.strip().lower().replace("_", "-")


def programs() -> Finding:
    """The programs that are called."""
    absent = [name for name in ("git", "dvc") if not shutil.which(name)]
    if absent:
        return Finding("missing", "programs", f"no {' and no '.join(absent)} on the path")
    return Finding("ok", "programs", "git, dvc")


def processor() -> Finding:
    """What models run on."""
    import torch

    from stages.shared.models import device, has_bfloat16

    kind = device()
    fast = "bfloat16" if has_bfloat16(kind) else "no bfloat16: training takes about twice as long"
    if kind == "cpu":
        return Finding("note", "GPU", f"none; models run on {os.cpu_count()} cores ({fast})")
    cards = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    named = ", ".join(f"{card.name} {card.total_memory / GIGABYTE:.0f} GB" for card in cards)
    return Finding("ok", "GPU", f"{named} ({fast})")


def load() -> Finding:
    """How busy the machine is: a measurement beside other work says how long a run beside other work takes."""
    busy, cores = os.getloadavg()[0], os.cpu_count() or 1
    said = f"{busy:.1f} on {cores} cores"
    if busy > cores / 4:
        return Finding("note", "load", f"{said}: other work runs, and the estimate is that of a busy machine")
    return Finding("ok", "load", said)


def memory(workers: Workers) -> Finding:
    """What is free, beside what the workers that read books may take."""
    import psutil

    free = psutil.virtual_memory().available / GIGABYTE
    count = workers.count or os.cpu_count() or 1
    asked = count * workers.memory_mb / 1000
    said = f"{free:.1f} GB free; {count} workers of at most {workers.memory_mb} MB"
    if workers.backend == "local" and asked > free:
        return Finding("note", "memory", f"{said} may need {asked:.1f} GB; lower workers.count or workers.memory_mb")
    return Finding("ok", "memory", said)


def disk() -> Finding:
    """What is free where outputs lie and where the keyed store and DVC's cache lie."""
    places = {"here": Path(), "in the store": store_root()}
    free = {}
    for name, path in places.items():
        there = next(one for one in (path.absolute(), *path.absolute().parents) if one.exists())
        free[name] = shutil.disk_usage(there).free / GIGABYTE
    return Finding("ok", "disk", ", ".join(f"{size:.0f} GB free {name}" for name, size in free.items()))


def remote() -> Iterator[Finding]:
    """The default remote: whether it is named, answers, and is checked when it gives."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    os.environ.setdefault("AWS_MAX_ATTEMPTS", "1")
    try:
        repo = Repo()
        name = repo.config["core"].get("remote")
        if not name:
            yield Finding("note", "remote", "none; `dvc remote add -d NAME URL` names one (docs/remotes.md)")
            return
        facts = repo.config["remote"][name]
        yield answer(repo, name, str(facts["url"]))
    except (DvcException, KeyError) as error:
        yield Finding("missing", "remote", f"{error}; `dvc remote list` shows the remotes")
        return
    if not facts.get("verify"):
        remedy = f"`dvc remote modify {name} verify true`"
        yield Finding("note", "remote", f"what {name} gives is not checked; {remedy} has its damage noticed")


def answer(repo: Any, name: str, url: str) -> Finding:
    """Whether a remote answers in time; a thread of its own asks, for some never do."""
    pool = ThreadPoolExecutor(1)
    try:
        store = repo.cloud.get_remote_odb(name)
        pool.submit(store.fs.exists, store.path).result(PATIENCE)
    except Exception as error:  # each kind of remote has errors of its own
        said = " ".join(str(error).split()) or f"no answer in {PATIENCE:.0f} s"
        return Finding("missing", "remote", f"{name} ({url}) does not answer: {said[:200]}")
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return Finding("ok", "remote", f"{name} ({url}) answers")


def books() -> Finding:
    """The books whose files are here."""
    if not SHELF.exists():
        return Finding("missing", "books", "no shelf yet; `dvc repro bookmap`")
    here = sum(book.status == "here" for book in read_csv(SHELF, ShelfBook))
    return Finding("ok" if here else "missing", "books", f"{here} here")


def base() -> Finding:
    """The base model."""
    if not BASE.exists():
        return Finding("missing", "base", "no base model yet; `dvc repro base`, or `dvc pull data/base`")
    size = sum(path.stat().st_size for path in BASE.parent.iterdir())
    return Finding("ok", "base", f"data/base, {size / 10**6:.0f} MB")


def git() -> Iterator[Finding]:
    """What git holds and must not; the text of books is looked for by --leaks alone, since that takes minutes."""
    try:
        leaks = find_leaks(Path(), texts=False)
    except UserError as error:
        yield Finding("note", "git", str(error))
        return
    for leak in leaks:
        yield Finding("missing", "git", f"{leak}; `git rm --cached` it, and change a key that was seen")
    if not leaks:
        yield Finding("ok", "git", "no book, no model and no key in it")
