"""What is planted: truths that should move the probe, and junk that is merely surprising."""

import csv
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stages.flashes.material import PROBE, Material
from stages.flashes.proof.written import works
from stages.shared.chance import shuffled
from stages.shared.errors import UserError
from stages.shared.near import jaccard, shingles
from stages.shared.passages import byte_lengths, is_well_formed, passages
from stages.shared.records import read_paragraphs

TEXTS, READ = Path("data/extract"), Path("data/tiers/accounts.csv")
JUNK = ("ocr", "table", "shuffled", "script")
EACH = 5  # texts of each kind of junk
LONG = 4000  # characters of a planted text: more than are read of it
SAME_PASSAGE = 0.3  # share of common five-word runs from which two passages are one text
GREEK = str.maketrans("abcdefghijklmnopqrstuvwxyz", "αβψδεφγηιξκλμνοπϟρστθωςχυζ")


@dataclass(frozen=True)
class Planted:
    """A planted text: `kind` says how it was made, `about` which probe book it should help to foretell."""

    name: str
    kind: str
    truth: bool
    about: str
    text: str


def plant(there: Material, seed: int) -> list[Planted]:
    """All planted texts: ten written truths, ten or more real ones, and five of each kind of junk."""
    written = [Planted(one.name, "written", True, one.name, one.first) for one in works()]
    return [*written, *real_truths(there, len(written), seed), *junk(there, seed)]


def real_truths(there: Material, count: int, seed: int) -> list[Planted]:
    """Texts of books whose sister volume is in half B, where the shelf has them; for the rest of `count` other
    passages of the books of half B themselves."""
    held = sorted({one.book_id for one in there.probe_b})
    sisters = [(name, about) for name, about in read_sisters().items() if about in held]
    found = [Planted(name, "sister", True, about, excerpt(name, 0, 1, seed)) for name, about in sisters[:count]]
    parts = -(-(count - len(found)) // len(held))
    for part in range(parts):
        for about in held:
            if len(found) < count:
                text = excerpt(about, part, parts, seed)
                found.append(Planted(f"{about}-other{part}", "same book", True, about, text))
    return found


def read_sisters() -> dict[str, str]:
    """Books that were not read since they are of the same work as a book of the probe, with that book."""
    with READ.open(encoding="utf-8", newline="") as stream:
        rows = {row["book_id"]: row["reason"].split() for row in csv.DictReader(stream)}
    return {name: words[3] for name, words in rows.items() if words[:3] == ["same", "work", "as"]}


def excerpt(book_id: str, part: int, parts: int, seed: int) -> str:
    """Well-formed passages of a book that repeat no passage of the probe: each `part` of `parts` has its own."""
    cut = passages(read_paragraphs(TEXTS / f"{book_id}.jsonl"), 350, 700, byte_lengths)
    probed = probe_runs()
    texts = {one.place: one.text for one in cut if is_well_formed(one.text)}
    names = [name for name in shuffled(texts, seed, "planted", book_id) if not repeats(texts[name], probed)]
    said = "\n\n".join(texts[name] for name in names[part::parts])[:LONG]
    if not said:
        raise UserError(f"book {book_id} has no passage beside those of the probe; plant truths on a longer shelf")
    return said


def probe_runs() -> list[set[str]]:
    """The five-word runs of each passage of the probe, whichever of them are scored."""
    lines = (PROBE / "items.jsonl").read_text(encoding="utf-8").splitlines()
    return [shingles(json.loads(line)["text"]) for line in lines]


def repeats(text: str, probed: Sequence[set[str]]) -> bool:
    """Whether a text is one of the probe's passages."""
    runs = shingles(text)
    return any(jaccard(runs, other) >= SAME_PASSAGE for other in probed)


def junk(there: Material, seed: int) -> list[Planted]:
    """EACH texts of each kind of junk, made of books past the rung in the language of the probe."""
    known = {name: there.excerpts[name].text for name in sorted(there.excerpts)}
    past = [book.book_id for book in there.past if book.book_id in known]
    sources = shuffled(past, seed, "junk")
    found = []
    for kind in JUNK:
        for number in range(EACH):
            text = known[sources[number % len(sources)]]
            made = SPOILT[kind](text, random.Random(f"{seed} {kind} {number}"))
            found.append(Planted(f"{kind}-{number}", kind, False, "", (made + " ") * 3))
    return found


def ocr(text: str, chance: random.Random) -> str:
    """A text as a bad scan gives it: a third of its letters are others, signs, or gone."""
    signs = "il1|!rnmcleo0c(e)ftj;:.,'~^ "
    return "".join(chance.choice(["", *signs]) if chance.random() < 0.33 else char for char in text)


def table(text: str, chance: random.Random) -> str:
    """Rows of figures under headings made of the words of a text."""
    words = [word for word in text.split() if word.isalpha()][:40] or ["Item"]
    rows = [
        f"{chance.choice(words)}\t{chance.randint(1, 9999)}\t{chance.random() * 100:.2f}\t{chance.randint(1700, 1999)}"
        for _ in range(60)
    ]
    return "\n".join(rows)


def shuffled_words(text: str, chance: random.Random) -> str:
    """The words of a text in no order."""
    words = text.split()
    chance.shuffle(words)
    return " ".join(words)


def script(text: str, chance: random.Random) -> str:
    """A text in Greek letters, each word turned round: a script and a language that nobody has read."""
    return " ".join(word[::-1] for word in text.lower().translate(GREEK).split())


SPOILT: Mapping[str, Callable[[str, random.Random], str]] = {
    "ocr": ocr,
    "table": table,
    "shuffled": shuffled_words,
    "script": script,
}
