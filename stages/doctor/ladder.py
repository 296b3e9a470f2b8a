"""What a ladder asks for: readings, adapters and books read, as the planner of `tiers` has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stages.shared.params import load_params
from stages.shared.records import TIERS, ShelfBook
from stages.tiers import readings  # the doctor is no stage: it asks the stages, and none asks it
from stages.tiers.settings import TiersParams

SIZES = (100, 900)  # of the core and of its orbit; the rest is fractal


@dataclass(frozen=True)
class Work:
    """The work of all readings, inits counted."""

    books: int  # on the shelf
    rungs: tuple[int, ...]  # of the longest reading
    readings: int
    adapters: int
    read: float  # books whose texts are trained on, cool-downs counted


def shelf_of(count: int, category: str) -> list[ShelfBook]:
    """A shelf of so many books that are not there yet, to plan with."""
    tiers = [TIERS[sum(number >= size for size in (SIZES[0], sum(SIZES)))] for number in range(count)]
    return [
        ShelfBook(f"b{number:05d}", "", "", "en", tier, category, "own", "", "epub", "", 0, "here", "")
        for number, tier in enumerate(tiers)
    ]


def work_of(params: dict[str, Any], books: Sequence[ShelfBook]) -> Work:
    """The readings that params.yaml asks for on a shelf from which the probe's books are taken."""
    settings, train = load_params(TiersParams, "tiers"), params["train"]
    held = sum(params["probe"]["books"].values())
    planned = readings.plans(settings, books[: max(0, len(books) - held)])
    ladders = [row.numbers for plan in planned for row in readings.rows(settings, plan)]
    trained = sum(books_read(rungs, train["cooldown"]) for rungs in ladders)
    adapters = sum(map(len, ladders))
    longest = max(ladders, key=len)
    inits = train["inits"]
    return Work(len(books), tuple(longest), len(ladders) * inits, adapters * inits, trained * inits)


def books_read(rungs: Sequence[int], cooldown: float) -> float:
    """Books whose texts a reading is trained on: the trunk up to its last branch, and the cool-down of every rung.

    Example: books_read([10, 20], 0.2) -> 16 + 2 + 4 = 22
    """
    return (1 - cooldown) * max(rungs) + cooldown * sum(rungs)
