"""What a run examines: the rung's adapter, the books past it, their scenes as tokens, and the probe's passages."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.flashes.matching import Kind, century, read_dates
from stages.flashes.settings import Flashes
from stages.shared import models
from stages.shared.chance import shuffled
from stages.shared.errors import UserError
from stages.shared.records import ShelfBook, read_csv
from stages.shared.rungs import find_rung
from stages.shared.scenefile import Scene, accepted_scenes

BASE, PROBE, SCENES = Path("data/base"), Path("data/probe"), Path("data/validate/scenes.jsonl")
DATED = (Path("data/ltm_10000_bookmap.csv"), Path("data/catalogue/own.csv"), Path("data/sample/catalogue.csv"))

Pieces = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Excerpt:
    """What of a book is read: its scenes, best first, as one run of tokens cut into equal pieces."""

    name: str
    text: str  # what the pieces say
    pieces: Pieces

    @property
    def bytes(self) -> int:
        """Length in UTF-8."""
        return len(self.text.encode("utf-8"))


@dataclass(frozen=True)
class Passage:
    """A passage of the probe."""

    item: str
    book_id: str
    bytes: int
    ids: tuple[int, ...]


@dataclass(frozen=True)
class Material:
    """All of it. `excerpts` has those books that have enough text, read ones and those past the rung."""

    adapter: Path
    facts: Mapping[str, Any]
    read: list[ShelfBook]
    past: list[ShelfBook]
    kinds: Mapping[str, Kind]
    excerpts: Mapping[str, Excerpt]
    scenes: Mapping[str, list[Scene]]
    probe_a: list[Passage]
    probe_b: list[Passage]
    probe_titles: Mapping[str, str]


def read_material(params: Flashes, reading: str, language: str) -> Material:
    """Read what the rung has read, what lies past it, and the probe in the headline language."""
    rung = find_rung("flashes", reading, params.rung)
    read = read_csv(rung.folder / "books.csv", ShelfBook)
    known = {book.book_id for book in read}
    scenes, tokenizer = accepted_scenes(SCENES), models.load_tokenizer(BASE)
    dates = read_dates(DATED)
    excerpts = {}
    for book in rung.order:
        texts = [scene.text for scene in scenes.get(book.book_id, [])]
        if found := cut(book.book_id, texts, tokenizer, params.tokens, params.piece):
            excerpts[book.book_id] = found
    books = read_probe_books(language)
    halves = {half: read_passages(books, half, params.passages, tokenizer) for half in "AB"}
    if not halves["A"] or not halves["B"]:
        raise UserError(
            f"the probe has no passage in {language} in half {'B' if halves['A'] else 'A'}; flashes need both"
        )
    return Material(
        rung.folder,
        rung.facts,
        read,
        [book for book in rung.order if book.book_id not in known],
        {book.book_id: kind_of(book, dates.get(book.book_id, "")) for book in rung.order},
        excerpts,
        scenes,
        halves["A"],
        halves["B"],
        {name: row["title"] for name, row in books.items()},
    )


def kind_of(book: ShelfBook, dates: str) -> Kind:
    """What a book is matched by."""
    return Kind(book.language, book.category, book.tier, century(dates))


def cut(name: str, texts: Sequence[str], tokenizer: Any, tokens: int, piece: int) -> Excerpt | None:
    """The first `tokens` tokens of some texts in pieces of `piece`; None where they have fewer.

    Every book gives as many tokens in as many steps, so candidate and placebo differ in what they say alone.
    """
    encoded = tokenizer.encode_batch(list(texts), add_special_tokens=False)
    ids: list[int] = []
    said = ""
    for text, one in zip(texts, encoded, strict=True):
        taken = min(len(one.ids), tokens - len(ids))
        if taken:
            ids += one.ids[:taken]
            said += text[: one.offsets[taken - 1][1]]
    if len(ids) < tokens:
        return None
    return Excerpt(name, said, tuple(tuple(ids[at : at + piece]) for at in range(0, tokens, piece)))


def read_probe_books(language: str) -> dict[str, dict[str, str]]:
    """The probe's books in a language, by id."""
    with (PROBE / "books.csv").open(encoding="utf-8", newline="") as stream:
        return {row["book_id"]: row for row in csv.DictReader(stream) if row["language"] == language}


def read_passages(books: Mapping[str, Mapping[str, str]], half: str, count: int, tokenizer: Any) -> list[Passage]:
    """`count` passages, chosen by hash, of each book of a half."""
    rows: dict[str, dict[str, str]] = {}
    for line in (PROBE / "items.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if books.get(row["book_id"], {}).get("half") == half:
            rows.setdefault(row["book_id"], {})[row["item"]] = row["text"]
    found = []
    for book_id, texts in sorted(rows.items()):
        for item in sorted(shuffled(texts, "flashes", book_id)[:count]):
            ids = tuple(tokenizer.encode(texts[item], add_special_tokens=False).ids)
            found.append(Passage(item, book_id, len(texts[item].encode("utf-8")), ids))
    return found
