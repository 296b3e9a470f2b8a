"""Held-out books and leaks: what may not be read because the probe, or another book, holds it."""

import csv
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stages.shared.errors import UserError
from stages.shared.near import jaccard, shingles
from stages.shared.records import ShelfBook
from stages.shared.sketches import SAME_TEXT, Sketch, overlaps, repeats
from stages.tiers.arms import Text

LEAK = 0.1  # share of a probe book in another, or of another in it, from which that other is not read
SAME_PASSAGE = 0.3  # share of common five-word runs from which two passages are one text


def work_key(title: str, author: str) -> str:
    """A name of the work that editions share: letters of the bare title and of the author's last name."""
    bare = title.casefold().partition(":")[0].partition("(")[0]
    last = author.casefold().replace(",", " ").split()
    return "".join(filter(str.isalnum, bare)) + "/" + (max(last, key=len) if last else "")


def probe_works(probe: Path) -> dict[str, str]:
    """The books of the probe, each with the key of its work."""
    with (probe / "books.csv").open(encoding="utf-8", newline="") as stream:
        return {row["book_id"]: work_key(row["title"], row["author"]) for row in csv.DictReader(stream)}


def held_out(
    shelf: Sequence[ShelfBook], with_scenes: Collection[str], probe: Path, sketches: Mapping[str, Sketch]
) -> dict[str, str]:
    """Which books may not be read, and why: the probe's own, the same work, the same text under another name.

    `sketches` holds those of all books that have a text, earlier ones first. A book whose scenes were all rejected,
    often because they repeat another book's, is told as well, and is never what another one is held to repeat.
    """
    of_probe = probe_works(probe)
    reasons = dict.fromkeys(of_probe, "held out for the probe")
    works = {work: book_id for book_id, work in of_probe.items()}
    for book in shelf:
        if book.book_id in with_scenes and book.book_id not in of_probe:
            if twin := works.get(work_key(book.title, book.author)):
                reasons[book.book_id] = f"same work as {twin} of the probe"
    of_others = {name: runs for name, runs in sketches.items() if name not in reasons}
    twins = overlaps(of_others, {name: sketches[name] for name in of_probe}, LEAK)
    reasons |= {name: f"same text as {twin} of the probe" for name, twin in twins.items()}
    left = sorted((name for name in of_others if name not in twins), key=lambda name: name not in with_scenes)
    return reasons | {
        name: str(one) for name, one in repeats({name: sketches[name] for name in left}, SAME_TEXT).items()
    }


@dataclass(frozen=True)
class Items:
    """The probe's items as the five-word runs of each, and of all together."""

    runs: dict[str, set[str]]
    every: set[str]

    def repeated_by(self, text: str) -> str | None:
        """The item that a text repeats, whatever book it comes from; None where it repeats none."""
        common = shingles(text)
        if not common & self.every:
            return None
        return next((name for name, item in self.runs.items() if jaccard(common, item) >= SAME_PASSAGE), None)


def read_items(probe: Path) -> Items:
    """Read the items of the probe."""
    lines = (probe / "items.jsonl").read_text(encoding="utf-8").splitlines()
    runs = {row["item"]: shingles(row["text"]) for row in map(json.loads, lines)}
    return Items(runs, {run for item in runs.values() for run in item})


def check_leaks(texts: Iterable[Text], items: Items) -> None:
    """Stop where a training text repeats a probe item."""
    for one in texts:
        if name := items.repeated_by(one.text):
            raise UserError(f"text {one.text_id} repeats probe item {name}; drop its book from the shelf")
