"""The gold by which the choice of scenes is judged: passages a reader labelled, and central passages of known books.

Only places are kept, never text: paragraphs `first` to `last` of a book's extract (index, from 0), their prose and
verse joined by blank lines, characters `begin` to `end` of that, and 16 hex digits of the text's sha256. So a place
holds however passages are cut later.

scenes_labels.csv: passages as `stages.scenes` cut them (80-192 tokens of SmolLM2), ill-formed ones included.
    drawn   random: the first 7, 8 or 16 of a book in the order of `shuffled(places, "scenes-labels", book_id)`, so
            a book's rate over them is unbiased (the books were chosen for their languages and kinds, and weigh alike
            whatever their length); enriched: drawn apart among lists, notes, capitals, digits, stage words
    split   dev where `fraction("scenes-split", book_id) < 0.5`, else test
    label   good: who opens the book here gets a whole thought, scene or run of verse; broken: does not.
            A first word that points back, or one more sentence that opens the next turn, breaks nothing by itself
    why     good: thought, scene, verse. Broken, by what weighs most: heading (heading, caption, byline inside),
            list (names, contents, table), notes (apparatus, colophon), markup (stray signs), stage (directions
            mostly), seam (end of one piece and start of another), stanza (verse cut inside a sentence or couplet),
            start (what it speaks of was said before), end (breaks off, or announces what is not there),
            dialogue (an exchange without its matter)
The same reader judged 40 of them again in the same hour, the first pass half remembered: 37 alike, Cohen's kappa 0.85
(so an upper bound).
scenes_central.csv: what is known to be central in well-known books, chosen from general knowledge before any score was
    seen and only then looked up; book_id is the shelf's or the bookmap's, note the reader's own description.

scenes_blind.csv: the scenes of the demo and as many random passages of the same books (any that are cut, ill-formed
    ones included), mixed and judged by two further readers (language models), half each,
    who saw text, language and title alone. By
    place and hash; a scene that is picked no more counts for the picker that was judged, not for today's.

Run  python -m benchmarks.scenes_gold [FOLDER ...]    (default data/extract; says how many places still hold)
"""

import argparse
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stages.shared.errors import UserError, run
from stages.shared.records import Paragraph, read_csv, read_paragraphs

HERE = Path(__file__).parent
LABELS, CENTRAL, BLIND = (HERE / f"scenes_{name}.csv" for name in ("labels", "central", "blind"))
EXTRACT = Path("data/extract")
WHY = {
    "good": ("thought", "scene", "verse"),
    "broken": ("heading", "list", "notes", "markup", "stage", "seam", "stanza", "start", "end", "dialogue"),
}
STATES = ("hold", "changed", "absent")


@dataclass(frozen=True)
class Place:
    """A run of text inside a book."""

    book_id: str
    first: int  # index of its first paragraph
    last: int  # index of its last paragraph
    begin: int  # its first character in the joined paragraphs
    end: int  # one past its last
    sha256: str  # of its text, 16 hex digits


@dataclass(frozen=True)
class Label(Place):
    """A passage and a reader's judgement of it."""

    part: int  # as the passage was cut: 0, or its number in a long paragraph
    language: str
    split: str  # dev, test
    drawn: str  # random, enriched
    label: str  # good, broken
    why: str  # a code of WHY[label]


@dataclass(frozen=True)
class Central(Place):
    """A central passage of a well-known book."""

    note: str  # what it is, in 3 to 8 words


@dataclass(frozen=True)
class Blind:
    """A passage that was judged without knowing whether it is a scene."""

    book_id: str
    place: str  # as the picker names it
    sha256: str  # of its text, 16 hex digits
    language: str
    drawn: str  # scene, random
    label: str  # good, broken
    why: str  # a code of WHY[label]


def load_labels(path: Path = LABELS) -> list[Label]:
    """The labelled passages, by book and place."""
    return read_csv(path, Label)


def load_central(path: Path = CENTRAL) -> list[Central]:
    """The central passages, by book and place."""
    return read_csv(path, Central)


def load_blind(path: Path = BLIND) -> list[Blind]:
    """The scenes and random passages that were judged blind."""
    return read_csv(path, Blind)


def text_of(place: Place, paragraphs: Sequence[Paragraph]) -> str:
    """The text at a place of a book."""
    run = [one.text for one in paragraphs[place.first : place.last + 1] if one.kind in ("prose", "verse")]
    return "\n\n".join(run)[place.begin : place.end]


def digest(text: str) -> str:
    """The first 16 hex digits of a text's sha256."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def check(places: Sequence[Place], folders: Sequence[Path]) -> dict[str, list[Place]]:
    """The places whose text holds in the extracts of some folders, has changed, or whose book is absent from all."""
    found: dict[str, list[Place]] = {state: [] for state in STATES}
    books = {book_id: read(book_id, folders) for book_id in {place.book_id for place in places}}
    for place in places:
        paragraphs = books[place.book_id]
        if paragraphs is None:
            found["absent"].append(place)
        else:
            found["hold" if digest(text_of(place, paragraphs)) == place.sha256 else "changed"].append(place)
    return found


def read(book_id: str, folders: Sequence[Path]) -> list[Paragraph] | None:
    """The paragraphs of a book from the first folder that has it; None where none has."""
    path = next((path for folder in folders if (path := folder / f"{book_id}.jsonl").exists()), None)
    return read_paragraphs(path) if path else None


def tell(name: str, found: dict[str, list[Place]]) -> None:
    """Print how many places hold; raises UserError where one has changed, or none could be looked at."""
    books = len({place.book_id for place in found["absent"]})
    print(f"{name}: " + ", ".join(f"{len(found[state])} {state}" for state in STATES) + f" ({books} books)")
    if found["changed"]:
        one = found["changed"][0]
        raise UserError(
            f"{len(found['changed'])} places of {name} hold another text than was judged, first {one.book_id}"
            f" p{one.first}-{one.last}; the extract has changed: find these passages again, or drop their rows"
        )
    if not found["hold"]:
        raise UserError(f"no book of {name} is here; run `dvc repro extract`, or name the folder of an extract")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scenes_gold")
    parser.add_argument("folders", nargs="*", type=Path, default=[EXTRACT], help="where <book_id>.jsonl are")
    folders = parser.parse_args().folders
    tell(LABELS.name, check(load_labels(), folders))
    tell(CENTRAL.name, check(load_central(), folders))


if __name__ == "__main__":
    run(main)
