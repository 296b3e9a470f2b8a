"""The bookmap out of a catalogue: core, orbit, fractal and reserve, and the account of every row."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from stages.bookmap.catalogue import Catalogue, Entry
from stages.bookmap.fractal import pick_fractal
from stages.bookmap.orbit import pick_orbit
from stages.bookmap.rows import gutenberg_path, same_work_patterns
from stages.bookmap.rules import Rules, Theme
from stages.bookmap.titles import Titles
from stages.bookmap.twins import find_twins
from stages.bookmap.works import Work, candidates_of, fold, leave_core_out, shelf_names
from stages.shared.errors import UserError
from stages.shared.records import Book

UNUSED = "behind the reserve"
SHELVES = 3  # shelves and subjects that a row of the bookmap names


@dataclass(frozen=True)
class Selection:
    """The bookmap and its reserve, and what became of each row of the catalogue."""

    books: list[Book]
    reserve: list[Book]
    fates: dict[int, str]


def select(
    catalogue: Catalogue, core: Sequence[Book], core_table: Path, themes: Mapping[str, Theme], rules: Rules
) -> Selection:
    """Choose orbit, fractal and reserve; raises UserError where a theme or the fractal runs short."""
    fates: dict[int, str] = {}
    owners = {int(number): book.book_id for book in core for number in book.gutenberg_id.split(";") if number}
    candidates = candidates_of([entry for entry in catalogue.entries if entry.number not in owners], rules, fates)
    works = fold(leave_core_out(candidates, owners, same_work_patterns(core_table), fates), rules, fates)
    twins = find_twins(works, rules)
    orbit = pick_orbit(works, themes, twins, rules)
    chosen = {work.book_id for work, _ in orbit}
    rest = [work for work in works if work.book_id not in chosen]
    wanted = rules.sizes.fractal + rules.sizes.reserve
    tail = list(islice(pick_fractal(rest, chosen, twins, rules, fates), wanted))
    check_fractal(len(tail), rules, len(rest))
    fractal, reserve = tail[: rules.sizes.fractal], tail[rules.sizes.fractal :]
    fates |= {entry.number: "core" for entry in catalogue.entries if entry.number in owners}
    for tier, chosen_works in (("orbit", [work for work, _ in orbit]), ("fractal", fractal), ("reserve", reserve)):
        fates |= {file.entry.number: tier for work in chosen_works for file in work.files}
    books = [
        *with_facts(core, catalogue.entries),
        *(book_of(work, "orbit", name, rules) for work, name in orbit),
        *(book_of(work, "fractal", work.stratum(rules), rules) for work in fractal),
    ]
    return Selection(books, [book_of(work, "reserve", work.stratum(rules), rules) for work in reserve], fates)


def check_fractal(found: int, rules: Rules, works: int) -> None:
    """Raise UserError where the fractal has too few books."""
    if found < rules.sizes.fractal:
        raise UserError(
            f"the fractal has {found} of the {rules.sizes.fractal} books it needs ({works} works are left beside the "
            "orbit); bring a fuller catalogue, or lower sizes.fractal or raise fractal.per_author in "
            "data/catalogue/selection_rules.yaml"
        )


def with_facts(core: Sequence[Book], entries: Sequence[Entry]) -> list[Book]:
    """The core books with class and shelves of their first file, where the catalogue has it."""
    by_number = {str(entry.number): entry for entry in entries}
    books = []
    for book in core:
        entry = by_number.get(book.gutenberg_id.split(";")[0])
        facts = {"loc_class": loc_class(entry), "bookshelf": shelf_line(entry)} if entry else {}
        books.append(replace(book, **facts))
    return books


def book_of(work: Work, tier: str, category: str, rules: Rules) -> Book:
    """The row of a work."""
    ids = ";".join(str(file.entry.number) for file in work.files)
    authors = work.first.authors
    return Book(
        book_id=work.book_id,
        title=title_of(work, rules),
        author="; ".join(author.name for author in authors),
        dates=authors[0].dates if authors else "",
        language=work.language,
        tier=tier,
        category=category,
        loc_class=loc_class(work.entry),
        bookshelf=shelf_line(work.entry),
        gutenberg_id=ids,
        path=gutenberg_path(ids),
        essence=essence_of(work, rules),
        essence_source="catalogue_facts",
    )


def title_of(work: Work, rules: Rules) -> str:
    """The title of a work; of one in several files without what names a volume."""
    title = title_line(work.entry.title)
    front = Titles(rules.titles).front(title) if len(work.files) > 1 else title
    return front if len(front) > 2 else title


def title_line(title: str) -> str:
    """A title in one line; the catalogue's mark of a subtitle becomes a colon.

    Example: "Uncle Wiggily $b Or, What happened" -> "Uncle Wiggily: Or, What happened"
    """
    return " ".join(title.replace("\r\n", "\n").replace("\n", ": ").replace(" $b ", ": ").split())


def loc_class(entry: Entry) -> str:
    """The first class of a row."""
    return entry.classes[0] if entry.classes else ""


def shelf_line(entry: Entry) -> str:
    """The first shelves of a row."""
    return ";".join(shelf_names(entry.shelves)[:SHELVES])


def essence_of(work: Work, rules: Rules) -> str:
    """What the catalogue knows about a book, in a sentence or two."""
    subjects = "; ".join(subject.replace(" -- ", ", ") for subject in work.entry.subjects[:SHELVES])
    field = rules.class_names.get(work.class_letters[0], "other")
    age = work.century(rules.fractal.century_after_birth)
    when = "century unknown" if age == "unknown" else f"{age.partition('(')[0]}{' century' if age[0].isdigit() else ''}"
    facts = f"Class {loc_class(work.entry)} ({field}); {work.language}; {when}."
    return f"Catalogue facts: {subjects}. {facts}" if subjects else f"Catalogue facts: {facts}"


def funnel(selection: Selection, catalogue: Catalogue, rules: Rules) -> dict[str, int]:
    """How many rows went where: the drops in their order, what is folded or passed, the tiers; they add up."""
    counts = Counter(selection.fates.get(entry.number, UNUSED) for entry in catalogue.entries)
    first = list(dict.fromkeys(drop.reason for drop in rules.drops))
    last = [UNUSED, "core", "orbit", "fractal", "reserve"]
    middle = sorted(set(counts) - {*first, *last})
    return {name: counts[name] for name in [*first, *middle, *last]}


def spread(books: Sequence[Book]) -> dict[str, dict[str, dict[str, int]]]:
    """Books by tier, language and letter of the class ("-" where there is none), the most first."""
    cells = Counter((book.tier, book.language, book.loc_class[:1] or "-") for book in books)
    languages = Counter((book.tier, book.language) for book in books)
    table: dict[str, dict[str, dict[str, int]]] = {}
    order = sorted(cells, key=lambda cell: (cell[0] != "core", cell[0] == "fractal", -languages[cell[:2]], cell))
    for tier, language, letter in order:
        table.setdefault(tier, {}).setdefault(language, {})[letter] = cells[tier, language, letter]
    return table


def summarise_selection(
    selection: Selection, catalogue: Catalogue, core: Sequence[Book], rules: Rules
) -> dict[str, Any]:
    """What metrics/bookmap.json says about the catalogue and the choice."""
    known = {entry.number for entry in catalogue.entries}
    absent = [
        book.book_id for book in core for number in book.gutenberg_id.split(";") if number and int(number) not in known
    ]
    return {
        "catalogue": catalogue.path.as_posix(),
        "sha256": catalogue.sha256,
        "largest_id": catalogue.largest_id,
        "rows": len(catalogue.entries),
        "funnel": funnel(selection, catalogue, rules),
        "reserve": len(selection.reserve),
        "core_not_in_catalogue": sorted(set(absent)),
        "books_by_tier_language_class": spread(selection.books),
    }
