"""Scores of an adapter on both halves of the probe and on control text: the only place that opens the probe."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from stages.shared import adapters
from stages.shared.chance import shuffled
from stages.shared.errors import UserError
from stages.shared.keyed import Keyed, key_of
from stages.shared.models import Base
from stages.shared.records import write_json
from stages.shared.scoring import Request, score

PROBE = Path("data/probe")
Row = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """One text that is scored behind a context: of which half, book and score, and under which condition."""

    half: str
    book_id: str
    score: str  # prediction, explanation, control
    condition: str  # passage; own or wrong
    context: str
    target: str


@dataclass(frozen=True)
class Cell:
    """Bits and bytes under one model of everything asked, in the order of the probe."""

    asked: tuple[Asked, ...]
    bits: tuple[float, ...]

    def by_book(self, half: str, name: str) -> dict[str, float]:
        """Bits per byte of each book: of prediction and control the bits, of explanation those of wrong less own.

        Several wrong explanations of a text count as their mean.
        """
        bits: dict[str, float] = {}
        sizes: dict[str, int] = {}
        wrongs = [(one.book_id, one.target) for one in self.asked if one.condition == "wrong"]
        for one, found in zip(self.asked, self.bits, strict=True):
            if (one.half, one.score) == (half, name):
                sign = -1.0 if one.condition == "own" else 1.0
                share = 1 / wrongs.count((one.book_id, one.target)) if one.condition == "wrong" else 1.0
                bits[one.book_id] = bits.get(one.book_id, 0.0) + sign * share * found
                sizes[one.book_id] = sizes.get(one.book_id, 0) + (0 if one.condition == "wrong" else size(one.target))
        return {book: value / sizes[book] for book, value in bits.items()}


def size(text: str) -> int:
    """Bytes of a text in UTF-8."""
    return len(text.encode())


def gains(cell: Cell, reference: Cell, half: str, name: str) -> dict[str, float]:
    """The gain of a cell over a reference on each book, bits per byte, positive is better; {} where none was asked."""
    ours, theirs = cell.by_book(half, name), reference.by_book(half, name)
    sign = 1.0 if name == "explanation" else -1.0
    return {book: sign * (ours[book] - theirs[book]) for book in sorted(ours)}


def mean(values: Mapping[str, float]) -> float:
    """Mean over books; NaN where there is none."""
    return sum(values.values()) / len(values) if values else float("nan")


def read_probe(language: str) -> tuple[Asked, ...]:
    """What is asked of every cell: all passages of the language's probe books, one explanation a book, control text."""
    with (PROBE / "books.csv").open(encoding="utf-8", newline="") as stream:
        halves = {row["book_id"]: row["half"] for row in csv.DictReader(stream) if row["language"] == language}
    items = [row for row in read_lines(PROBE / "items.jsonl") if row["book_id"] in halves]
    if not items:
        raise UserError(f"the probe has no passage of language {language!r}; look at probe.language and probe.books")
    found = [Asked(halves[row["book_id"]], row["book_id"], "prediction", "passage", "", row["text"]) for row in items]
    found += [one for row in explained(items) for one in explanation(row, halves[row["book_id"]])]
    controls = read_lines(PROBE / "control.jsonl")
    return (*found, *(Asked("", row["book_id"], "control", "passage", "", row["text"]) for row in controls))


def read_lines(path: Path) -> list[Row]:
    """Read a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def explained(items: Sequence[Row]) -> list[Row]:
    """One item of each book that has wrong explanations, chosen by hash."""
    able = {row["item"]: row for row in items if row["wrong"]}
    first: dict[str, Row] = {}
    for name in shuffled(able, "reflect", "explained"):
        first.setdefault(able[name]["book_id"], able[name])
    return [first[book] for book in sorted(first)]


def explanation(row: Row, half: str) -> list[Asked]:
    """The conclusion of an item behind its own explanation and behind each wrong one."""
    contexts = [("own", row["explanation"]), *(("wrong", text) for text in row["wrong"])]
    return [Asked(half, row["book_id"], "explanation", name, text, row["conclusion"]) for name, text in contexts]


class Examiner:
    """Scores adapters by key on a base of its own, which is never trained on."""

    def __init__(self, shared: Sequence[object], asked: Sequence[Asked], open_base: Callable[[], Base]) -> None:
        self.asked, self.open_base = tuple(asked), open_base
        self.shared = [*shared, [vars(one) for one in asked]]
        self.store = Keyed("reflected-cells")

    def cell(self, folder: Path) -> Cell:
        """The cell of an adapter, from the store or scored now."""
        key = key_of(self.shared, adapters.digests(folder))
        entry = self.store.get_or_put(key, partial(self.score, folder))
        return Cell(self.asked, tuple(json.loads((entry / "bits.json").read_text(encoding="utf-8"))))

    def score(self, folder: Path, out: Path) -> None:
        """Score an adapter into an entry of the store, bits rounded to 3 decimals."""
        base = self.open_base()

        def request(one: Asked) -> Request:
            before, after = (
                base.tokenizer.encode(text, add_special_tokens=False) for text in (one.context, one.target)
            )
            return Request((*before, *after), len(before))

        found = score(adapters.load(base, folder), base.prefix, [request(one) for one in self.asked])
        write_json(out / "bits.json", [round(one.total, 3) for one in found])
