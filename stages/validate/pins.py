"""A pinned scene that is no longer picked: its text found again in the book by place and sha256."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

from stages.shared.passages import sentences
from stages.shared.records import Paragraph, read_paragraphs

PLACE = re.compile(r"(?P<book>.+)-p(?P<first>\d+)(?:\.\d+|-(?P<last>\d+))?")
BODY = ("prose", "verse")


def book_of(scene_id: str) -> str:
    """The book of a scene, empty where its id names no place.

    Example: "own-0001-p12-14" -> "own-0001"
    """
    match = PLACE.fullmatch(scene_id)
    return match["book"] if match else ""


def find(scene_id: str, sha256: str, texts: Path) -> tuple[str, Sequence[Paragraph]] | None:
    """The passage at the place of a scene whose digest is `sha256`, with its paragraphs; None where there is none."""
    match, path = PLACE.fullmatch(scene_id), texts / f"{book_of(scene_id)}.jsonl"
    if not match or not path.is_file():
        return None
    places = range(int(match["first"]), int(match["last"] or match["first"]) + 1)
    run = [one for one in read_paragraphs(path) if one.index in places and one.kind in BODY]
    found = (text for text in readings(run) if hashlib.sha256(text.encode("utf-8")).hexdigest() == sha256)
    text = next(found, None)
    return (text, run) if text is not None else None


def readings(run: Sequence[Paragraph]) -> Iterator[str]:
    """What a passage of these paragraphs can be: all of them, or some sentences in a row of a single one."""
    yield "\n\n".join(one.text for one in run)
    if len(run) == 1:
        pieces = sentences(run[0].text)
        yield from ("".join(pieces[a:b]).strip() for a, b in combinations(range(len(pieces) + 1), 2))
