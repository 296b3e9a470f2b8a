"""What own thinking starts from: a saturated adapter, the texts it has read, and those of the books that come next.

Nothing of the probe is known here, nor in anything that writes, filters or reads: only `cells` opens it.
"""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.shared.continuation import read_facts
from stages.shared.errors import UserError
from stages.shared.records import TIERS

TRAINED, TEXTS = Path("data/train"), Path("data/tiers")


@dataclass(frozen=True)
class Text:
    """A text that can be trained on; `ids` are its tokens."""

    name: str
    book_id: str
    language: str
    text: str
    ids: tuple[int, ...]


@dataclass(frozen=True)
class Material:
    """The adapter and its facts; the texts it has read and those of the books behind it, in the reading's order."""

    folder: Path
    facts: dict[str, Any]
    read: tuple[Text, ...]
    ahead: tuple[Text, ...]


def read_material(reading: str, rung: int | None, tokenizer: Any) -> Material:
    """The material of a reading's rung; None is the top rung not above half of its books, else its lowest."""
    rungs = {int(path.parent.name): path.parent for path in TRAINED.glob(f"{reading}/*/reading.json")}
    if not rungs:
        there = ", ".join(sorted({path.parts[-3] for path in TRAINED.glob("*/*/reading.json")}))
        raise UserError(f"reflect.reading is {reading!r}; the readings are {there or 'none, run `dvc repro train`'}")
    order = order_of(read_facts(next(iter(rungs.values()))))
    chosen = choose_rung(sorted(rungs), len(order)) if rung is None else rung
    if chosen not in rungs:
        raise UserError(f"reflect.rung is {rung}; the rungs of {reading} are {', '.join(map(str, sorted(rungs)))}")
    facts = read_facts(rungs[chosen])
    read, ahead = order[: facts["books"]], order[facts["books"] :]
    if not ahead:
        raise UserError(f"no book comes after rung {chosen} of {reading}; set reflect.rung to a lower one")
    texts = read_texts(tokenizer)
    return Material(rungs[chosen], facts, of_books(read, texts), of_books(ahead, texts))


def choose_rung(rungs: Sequence[int], books: int) -> int:
    """The highest rung not above half of the books, so that as many are left to be read on; else the lowest.

    Example: choose_rung([10, 20, 45], 45) -> 20
    """
    return max((rung for rung in rungs if 2 * rung <= books), default=min(rungs))


def order_of(facts: dict[str, Any]) -> list[str]:
    """The books of a reading's order, those behind its top rung included."""
    if facts["arm"] != "real":
        raise UserError(f"reflect.reading {facts['reading']} is of arm {facts['arm']}; name one of arm real")
    path = TEXTS / "orders" / f"{facts['order']}-d{facts['draw']}.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        return [row["book_id"] for row in csv.DictReader(stream)]


def read_texts(tokenizer: Any) -> dict[str, list[Text]]:
    """The real texts of data/tiers by book."""
    found: dict[str, list[Text]] = {}
    for tier in TIERS:
        for line in (TEXTS / f"{tier}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            ids = tuple(tokenizer.encode(row["text"], add_special_tokens=False).ids)
            one = Text(row["text_id"], row["book_id"], row.get("language", "en"), row["text"], ids)
            found.setdefault(row["book_id"], []).append(one)
    return found


def of_books(books: Sequence[str], texts: dict[str, list[Text]]) -> tuple[Text, ...]:
    """The texts of some books, in their order."""
    return tuple(one for book in books for one in texts.get(book, []))
