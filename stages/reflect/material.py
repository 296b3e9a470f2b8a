"""What own thinking starts from: a saturated adapter, the texts it has read, and those of the books that come next.

Nothing of the probe is known here, nor in anything that writes, filters or reads: only `cells` opens it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.shared.errors import UserError
from stages.shared.records import TIERS
from stages.shared.rungs import find_rung

TEXTS = Path("data/tiers")


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
    found = find_rung("reflect", reading, rung)
    order, read = [book.book_id for book in found.order], found.facts["books"]
    if len(order) <= read:
        said = f"no book comes after rung {found.facts['rung']} of {reading}"
        raise UserError(f"{said}; set reflect.rung to a lower one")
    texts = read_texts(tokenizer)
    return Material(found.folder, found.facts, of_books(order[:read], texts), of_books(order[read:], texts))


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
