"""The rows of benchmarks/results.json: what was measured, on which machine, of which commit, on which day."""

import dataclasses
import datetime
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stages.shared.records import write_json

RESULTS = Path("benchmarks/results.json")


@dataclass(frozen=True)
class Figure:
    """One measured number; `name` reads "topic: what", `goal` reads ">= 1.5" or "< 6" or is empty."""

    name: str
    value: float
    unit: str
    goal: str = ""
    peer: str = ""  # whom the number is about, or whom a ratio is against; empty for ours alone


@dataclass(frozen=True)
class Row(Figure):
    """A figure with where and when it was measured."""

    machine: str = ""
    commit: str = ""
    date: str = ""


def stamp(figures: Iterable[Figure]) -> list[Row]:
    """The figures as rows of this machine, commit and day, rounded to four digits."""
    here, revision = machine(), commit()
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return [
        Row(**dataclasses.asdict(one) | {"value": rounded(one.value)}, machine=here, commit=revision, date=today)
        for one in figures
    ]


def rounded(value: float) -> float:
    """A number with four significant digits.

    Example: 123.4567 -> 123.5
    """
    return float(f"{value:.4g}")


def merge(old: Iterable[Row], new: Sequence[Row]) -> list[Row]:
    """The new rows in place of all old ones of their topics, sorted by name and peer; other topics stay."""
    topics = {topic(row) for row in new}
    kept = [row for row in old if topic(row) not in topics]
    return sorted([*kept, *new], key=lambda row: (row.name, row.peer))


def topic(row: Figure) -> str:
    """The topic of a row: what its name says before the colon."""
    return row.name.partition(":")[0]


def read(path: Path = RESULTS) -> list[Row]:
    """The rows written so far; none where nothing was measured yet."""
    return [Row(**row) for row in json.loads(path.read_text(encoding="utf-8"))] if path.exists() else []


def write(new: Sequence[Row], path: Path = RESULTS) -> None:
    """Write new rows among those of the other topics."""
    write_json(path, [dataclasses.asdict(row) for row in merge(read(path), new)])


def machine() -> str:
    """Class of the processor, threads, and whether it multiplies bfloat16 in hardware."""
    from stages.shared.models import device, has_bfloat16

    place = device()
    known = "bfloat16" if has_bfloat16(place) else "no bfloat16"
    return f"{gpu() if place == 'cuda' else processor()}, {os.cpu_count()} threads, {known}"


def gpu() -> str:
    """The name of the GPU."""
    import torch

    return str(torch.cuda.get_device_name())


def processor(path: Path = Path("/proc/cpuinfo")) -> str:
    """The processor as the kernel names it, with family and model, since virtual machines hide the rest."""
    if not path.exists():
        return platform.processor() or platform.machine()
    lines = path.read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    name = facts.get("model name", platform.machine())
    return f"{name} (family {facts['cpu family']}, model {facts['model']})" if "cpu family" in facts else name


def commit() -> str:
    """The commit of the working tree, marked where files differ from it; "unknown" outside git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=7", "--exclude=*"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"
