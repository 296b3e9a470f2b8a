"""The bookmap's rows: out of the embedded selection, or by the rules out of a catalogue that the user brought."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.bookmap.catalogue import read_catalogue
from stages.bookmap.rows import SIZES, check_books, core_books, selected_books
from stages.bookmap.rules import read_rules, read_themes
from stages.bookmap.selection import select, summarise_selection
from stages.shared.records import Book

FOLDER = Path("data/catalogue")
CORE = FOLDER / "core.csv"
RULES = FOLDER / "selection_rules.yaml"
THEMES = FOLDER / "orbit_rules.yaml"
SELECTION = FOLDER / "selection.csv.gz"
RESERVE = FOLDER / "reserve.csv.gz"


@dataclass(frozen=True)
class Bookmap:
    """The rows, those that follow next, and the account of the catalogue ({} for the embedded selection)."""

    books: list[Book]
    reserve: list[Book]
    account: Mapping[str, Any]


def read_bookmap(catalogue: str | None) -> Bookmap:
    """The rows of core, orbit and fractal, checked; None or the path of the embedded selection means that one."""
    core = core_books(CORE)
    if catalogue is None or Path(catalogue) == SELECTION:
        books = core + selected_books(SELECTION)
        check_books(books, SIZES)
        return Bookmap(books, selected_books(RESERVE), {})
    rules, found = read_rules(RULES), read_catalogue(Path(catalogue))
    selection = select(found, core, CORE, read_themes(THEMES), rules)
    check_books(selection.books, {"core": len(core), "orbit": rules.sizes.orbit, "fractal": rules.sizes.fractal})
    return Bookmap(selection.books, selection.reserve, summarise_selection(selection, found, core, rules))
