"""The fixed held-out items that every cell is scored on: whole books no reading ever sees, and control text.

The books come from a pool, a list in git, so that adding a book never changes the probe; hash and strata
choose among them. Nothing outside section `probe` of params.yaml changes a byte of the items.

Reads   data/catalogue/probe_pool.csv, data/shelf.csv, data/extract/, params.yaml (probe)
Writes  data/probe/books.csv, data/probe/items.jsonl, data/probe/control.jsonl
Run     python -m stages.probe
        python -m stages.probe --choose 24    list 24 books of the shelf as the pool (once, before a study)
"""

import ast
import csv
import dataclasses
import json
import shutil
import sysconfig
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from stages.shared.chance import digest, shuffled
from stages.shared.commands import command_line
from stages.shared.errors import UserError, run
from stages.shared.params import Section, load_params
from stages.shared.passages import Passage, byte_lengths, is_well_formed, passages, sentences
from stages.shared.records import ShelfBook, read_csv, read_paragraphs, write_csv

POOL, SHELF = Path("data/catalogue/probe_pool.csv"), Path("data/shelf.csv")
TEXTS, OUT = Path("data/extract"), Path("data/probe")
CONTROL_MODULES = ("argparse", "asyncio", "collections", "decimal", "difflib", "email", "logging", "pickle", "socket")


class ProbeParams(Section):
    """Section `probe` of params.yaml."""

    seed: int
    language: str
    books: dict[str, int]
    share_b: float = Field(gt=0, le=1)
    passages_per_book: int = Field(ge=1)
    min_bytes: int = Field(ge=100)
    max_bytes: int = Field(ge=200)
    control_bytes: int = Field(ge=0)


@dataclass(frozen=True)
class ProbeBook:
    """A held-out book and its half: A chooses hyperparameters, B decides."""

    book_id: str
    title: str
    author: str
    language: str
    tier: str
    category: str
    half: str
    passages: int  # well-formed passages it has


@dataclass(frozen=True)
class ProbeItem:
    """A passage of a held-out book, cut for every score.

    `explanation` + `conclusion` and `premise` + the `middle` + `last` each give the text back. `wrong` holds
    explanations from elsewhere in the book, `shuffled` the order of the middle sentences; both are empty
    where the passage or the book is too short for them, and the item then has no such score.
    """

    item: str
    book_id: str
    place: str
    text: str
    explanation: str
    conclusion: str
    wrong: list[str]
    premise: str
    middle: list[str]
    shuffled: list[int]
    last: str


WRONG_DRAWS = 4  # explanations from elsewhere, averaged (science.md)
WRONG_APART = 5  # passages between a text and a wrong explanation
LEAST_SENTENCES = 4  # of a passage with an order score: a premise, two that can change places, a last
WRONG_LENGTH = 0.1  # relative difference of length allowed


def choose(pool: Sequence[ShelfBook], count: int, seed: int) -> list[ShelfBook]:
    """Choose `count` books by hash: round robin over tier x category, one book an author."""
    strata: dict[tuple[str, str], list[ShelfBook]] = {}
    by_id = {book.book_id: book for book in pool}
    for book_id in shuffled(by_id, seed, "book"):
        strata.setdefault((by_id[book_id].tier, by_id[book_id].category), []).append(by_id[book_id])
    turns = take_turns(sorted(strata, key=lambda stratum: digest(seed, "stratum", *stratum)))
    chosen: list[ShelfBook] = []
    while len(chosen) < count and any(strata.values()):
        for stratum in turns:
            queue = strata[stratum]
            while queue and any(same_author(queue[0], other) for other in chosen):
                queue.pop(0)
            if queue and len(chosen) < count:
                chosen.append(queue.pop(0))
    return chosen


def take_turns(strata: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Reorder (tier, category) strata so that the tiers alternate: the first stratum of each tier, then the second.

    Example: [("core", "a"), ("core", "b"), ("orbit", "a")] -> [("core", "a"), ("orbit", "a"), ("core", "b")]
    """
    place = {stratum: sum(other[0] == stratum[0] for other in strata[:at]) for at, stratum in enumerate(strata)}
    return sorted(strata, key=lambda stratum: place[stratum])


def same_author(one: ShelfBook, other: ShelfBook) -> bool:
    """Whether two books name the same author; books without one are their own."""
    return bool(one.author) and one.author.casefold() == other.author.casefold()


def halves(books: Sequence[ShelfBook], share_b: float, seed: int) -> dict[str, str]:
    """Split books into halves A and B by hash, the share of B rounded up."""
    ranked = shuffled((book.book_id for book in books), seed, "half")
    in_b = -int(-len(ranked) * share_b // 1)
    return {book_id: "B" if index < in_b else "A" for index, book_id in enumerate(ranked)}


def split_at(pieces: Sequence[str], share: float) -> int:
    """How many sentences lie before the sentence boundary nearest to `share` of the text; at least 1."""
    total, size = sum(map(len, pieces)), 0
    distance = []
    for piece in pieces[:-1]:
        size += len(piece)
        distance.append(abs(size - share * total))
    return distance.index(min(distance)) + 1 if distance else 0


def wrong_explanations(index: int, length: int, book: Sequence[Passage], *seed: object) -> list[str]:
    """First parts of other passages of the book, far enough away and as long as the own one, chosen by hash."""
    found = []
    for other in shuffled((one.place for one in book), *seed):
        at = next(i for i, one in enumerate(book) if one.place == other)
        if abs(at - index) < WRONG_APART:
            continue
        head = ""
        for piece in sentences(book[at].text):
            head += piece
            if abs(len(head.strip().encode()) - length) <= WRONG_LENGTH * length:
                found.append(head.strip())
                break
        if len(found) == WRONG_DRAWS:
            return found
    return []


def item_of(index: int, book: Sequence[Passage], book_id: str, seed: int) -> ProbeItem:
    """Cut one passage of a book into the parts that the scores need."""
    passage = book[index]
    name = f"{book_id}-{passage.place}"
    pieces = sentences(passage.text)
    cut = split_at(pieces, 0.6)
    explanation = "".join(pieces[:cut]).rstrip()
    wrong = wrong_explanations(index, len(explanation.encode()), book, seed, name) if cut else []
    middle = pieces[1:-1] if len(pieces) >= LEAST_SENTENCES else []
    order = [int(i) for i in shuffled(map(str, range(len(middle))), seed, name, "order")]
    if order and order == sorted(order):
        order = order[::-1]
    return ProbeItem(
        item=name,
        book_id=book_id,
        place=passage.place,
        text=passage.text,
        explanation=explanation if cut else "",
        conclusion=passage.text[len(explanation) :] if cut else "",
        wrong=wrong,
        premise=pieces[0] if middle else "",
        middle=middle,
        shuffled=order,
        last=pieces[-1] if len(pieces) > 1 else "",
    )


def book_items(book_id: str, params: ProbeParams) -> tuple[int, list[ProbeItem]]:
    """The number of well-formed passages of a book and a seeded random sample of them as items."""
    paragraphs = read_paragraphs(TEXTS / f"{book_id}.jsonl")
    cut = passages(paragraphs, params.min_bytes, params.max_bytes, byte_lengths)
    book = [passage for passage in cut if is_well_formed(passage.text)]
    places = {passage.place: index for index, passage in enumerate(book)}
    sample = shuffled(places, params.seed, "item", book_id)[: params.passages_per_book]
    return len(book), [item_of(index, book, book_id, params.seed) for index in sorted(places[p] for p in sample)]


def control_texts(limit: int, seed: int) -> list[dict[str, str]]:
    """Docstrings of the standard library, at most `limit` bytes in all: text on which forgetting shows."""
    library = Path(sysconfig.get_paths()["stdlib"])
    found: dict[str, str] = {}
    for module in CONTROL_MODULES:
        files = [library / f"{module}.py", *sorted((library / module).glob("*.py"))]
        for path in filter(Path.exists, files):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                    text = ast.get_docstring(node) or ""
                    if 200 <= len(text.encode()) <= 800:
                        found.setdefault(text, f"{module}:{getattr(node, 'name', path.stem)}")
    texts, size = [], 0
    for text in sorted(found, key=lambda text: digest(seed, "control", text)):
        if size + len(text.encode()) > limit:
            break
        size += len(text.encode())
        texts.append({"item": found[text], "book_id": found[text].partition(":")[0], "text": text})
    return texts


def probe_books(shelf: Sequence[ShelfBook], params: ProbeParams) -> list[ShelfBook]:
    """The held-out books, per language as many as params ask for."""
    pool = read_pool()
    readable = [book for book in shelf if book.book_id in pool and (TEXTS / f"{book.book_id}.jsonl").exists()]
    chosen: list[ShelfBook] = []
    for language, count in params.books.items():
        found = choose([book for book in readable if book.language == language], count, params.seed)
        if len(found) < count:
            raise UserError(
                f"probe.books asks for {count} books in {language}, the pool {POOL} has {len(found)} readable ones by "
                f"different authors; lower the number or run `python -m stages.probe --choose N`"
            )
        chosen += found
    return chosen


def read_pool() -> set[str]:
    """The ids of the books that may be held out."""
    if not POOL.exists():
        raise UserError(f"{POOL} is missing; run `python -m stages.probe --choose 24` once, before any training")
    with POOL.open(encoding="utf-8", newline="") as stream:
        return {row["book_id"] for row in csv.DictReader(stream)}


def write_lines(path: Path, rows: Iterable[object]) -> None:
    """Write rows as JSON lines."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def write_pool(count: int, params: ProbeParams) -> None:
    """List `count` books of the shelf, spread over tiers, categories, languages and authors, as the pool."""
    shelf = [book for book in read_csv(SHELF, ShelfBook) if (TEXTS / f"{book.book_id}.jsonl").exists()]
    languages = Counter(book.language for book in shelf if book.language in params.books)
    chosen = []
    for language, available in sorted(languages.items()):
        share = max(1, round(count * available / max(1, sum(languages.values()))))
        chosen += choose([book for book in shelf if book.language == language], share, params.seed)
    POOL.parent.mkdir(parents=True, exist_ok=True)
    rows = "".join(f"{book.book_id}\n" for book in sorted(chosen, key=lambda book: book.book_id))
    POOL.write_text(f"book_id\n{rows}", encoding="utf-8")
    print(f"probe: {len(chosen)} books listed in {POOL}; commit it before the first reading")


def main() -> None:
    parser = command_line("probe", __doc__)
    parser.add_argument("--choose", type=int, metavar="N", help="list N books of the shelf as the pool and stop")
    asked = parser.parse_args()
    params = load_params(ProbeParams, "probe")
    if asked.choose:
        return write_pool(asked.choose, params)
    books = probe_books(read_csv(SHELF, ShelfBook), params)
    half: dict[str, str] = {}
    for language in params.books:
        half |= halves([book for book in books if book.language == language], params.share_b, params.seed)
    rows, items = [], []
    for book in books:
        count, found = book_items(book.book_id, params)
        facts = {f.name: getattr(book, f.name) for f in dataclasses.fields(ProbeBook) if hasattr(book, f.name)}
        rows.append(ProbeBook(**facts, half=half[book.book_id], passages=count))
        items += found
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    write_csv(OUT / "books.csv", ProbeBook, rows)
    write_lines(OUT / "items.jsonl", map(dataclasses.asdict, items))
    write_lines(OUT / "control.jsonl", control_texts(params.control_bytes, params.seed))
    halved = Counter(row.half for row in rows)
    explained = sum(bool(item.wrong) for item in items)
    print(f"probe: {len(items)} passages of {len(rows)} books ({dict(sorted(halved.items()))}), {explained} explained")


if __name__ == "__main__":
    run(main)
