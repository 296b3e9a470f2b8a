"""What the benchmarks are run on: the first reading of data/tiers, the probe's passages, the adapters of data/train."""

import csv
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.shared.errors import UserError
from stages.shared.records import TIERS as TIER_NAMES
from stages.shared.records import ShelfBook, read_csv

if TYPE_CHECKING:
    from stages.shared.plan import Plan, Step
    from stages.shared.trunk import Recipe

BASE, TIERS, PROBE, TRAINED = Path("data/base"), Path("data/tiers"), Path("data/probe"), Path("data/train")


def need(path: Path, stage: str) -> None:
    """Refuse to begin without a file that a stage makes."""
    if not path.exists():
        raise UserError(f"{path} is missing; run `dvc repro {stage}`")


def read_params() -> Any:
    """Section `train` of params.yaml."""
    from stages.shared.params import load_params
    from stages.train.__main__ import TrainParams

    return load_params(TrainParams, "train")


def recipe(precision: str) -> "Recipe":
    """The recipe of params.yaml in a precision; "auto" is the machine's own."""
    from stages.shared.models import device
    from stages.shared.trunk import Recipe, precision_of

    settings = read_params().model_dump() | {"precision": precision_of(precision, device())}
    return Recipe(**{field.name: settings[field.name] for field in dataclasses.fields(Recipe)})


def plan(rungs: Sequence[int]) -> "Plan":
    """The plan of the first real reading of data/tiers with rungs of our own."""
    from stages.shared.models import load_tokenizer
    from stages.shared.plan import plan_reading

    params, tokenizer, books = read_params(), load_tokenizer(BASE), books_in_order()
    if max(rungs) > len(books):
        raise UserError(f"the first reading of {TIERS} has {len(books)} books, not {max(rungs)}; lower --books")
    encoded = {
        book: [(name, tokenizer.encode(text, add_special_tokens=False).ids) for name, text in group]
        for book, group in texts().items()
    }
    return plan_reading(books, encoded, rungs, params.window, params.batch, params.cooldown)


def steps(books: int) -> "tuple[Step, ...]":
    """The steps of one reading of so many books."""
    found = plan([books])
    return found.taken(found.rungs[0])


def books_in_order() -> list[str]:
    """The books of the first real reading, in its order."""
    need(TIERS / "readings.csv", "tiers")
    with (TIERS / "readings.csv").open(encoding="utf-8", newline="") as stream:
        row = next(row for row in csv.DictReader(stream) if row["arm"] == "real")
    return [book.book_id for book in read_csv(TIERS / f"orders/{row['order']}-d{row['draw']}.csv", ShelfBook)]


def texts() -> dict[str, list[tuple[str, str]]]:
    """The texts of the real books: book -> [(text id, text)]."""
    found: dict[str, list[tuple[str, str]]] = {}
    for tier in TIER_NAMES:
        for line in (TIERS / f"{tier}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            found.setdefault(row["book_id"], []).append((row["text_id"], row["text"]))
    return found


def read_in(steps: "Sequence[Step]") -> list[str]:
    """The texts that some steps read, in their order."""
    known = {name: text for group in texts().values() for name, text in group}
    return [known[name] for step in steps for name in step.texts]


def tokens_of(steps: "Sequence[Step]") -> int:
    """Text tokens of some steps."""
    return sum(len(text) for step in steps for text in step.tokens)


def passages(count: int) -> list[str]:
    """The first `count` prediction passages of the probe."""
    need(PROBE / "items.jsonl", "probe")
    lines = (PROBE / "items.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines[:count]]


def trained(count: int) -> list[str]:
    """Folders of `count` trained adapters; those that are there take turns."""
    found = sorted(str(path.parent) for path in TRAINED.glob("*/*/adapter_config.json"))
    if not found:
        raise UserError(f"{TRAINED} has no adapter; run `dvc repro train`")
    return [found[index % len(found)] for index in range(count)]


def bits_per_byte(folders: Sequence[str | None], count: int) -> list[float]:
    """Bits per byte of the passages under each adapter, and under the base where a folder is None."""
    from stages.shared import adapters, models, scoring

    base, read = models.load_base(BASE), passages(count)
    encoded = [base.tokenizer.encode(text, add_special_tokens=False) for text in read]
    requests = [scoring.Request(tuple(ids)) for ids in encoded]
    size, found = sum(len(text.encode()) for text in read), []
    for folder in folders:
        model = adapters.load(base, Path(folder)) if folder else base.model
        found.append(sum(one.total for one in scoring.score(model, base.prefix, requests)) / size)
    return found
