"""A rung of a reading, found by name: the folder of its adapter, and the books of its order, past the rung included."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.shared.continuation import read_facts
from stages.shared.errors import UserError
from stages.shared.records import ShelfBook, read_csv

TRAINED, ORDERS = Path("data/train"), Path("data/tiers/orders")


@dataclass(frozen=True)
class Found:
    """The folder and the facts of a rung's adapter, and all books of the reading's order."""

    folder: Path
    facts: dict[str, Any]
    order: list[ShelfBook]


def find_rung(section: str, reading: str, rung: int | None) -> Found:
    """Find a rung of a reading of real books; None is the one that `choose_rung` chooses.

    Raises UserError, naming the param of `section`, for a reading or a rung that is not there, and for a control.
    """
    folders = {int(path.parent.name): path.parent for path in sorted((TRAINED / reading).glob("*/reading.json"))}
    if not folders:
        there = ", ".join(sorted({path.parts[-3] for path in TRAINED.glob("*/*/reading.json")}))
        said = f"{section}.reading is {reading!r}; the readings of {TRAINED} are"
        raise UserError(f"{said} {there or 'none, run `dvc repro train`'}")
    facts = read_facts(folders[min(folders)])
    if facts["arm"] != "real":
        raise UserError(f"{section}.reading {reading} is of arm {facts['arm']}; name one of arm real")
    order = read_csv(ORDERS / f"{facts['order']}-d{facts['draw']}.csv", ShelfBook)
    chosen = rung or choose_rung(sorted(folders), len(order))
    if chosen not in folders:
        raise UserError(f"{section}.rung is {chosen}; the rungs of {reading} are {', '.join(map(str, folders))}")
    return Found(folders[chosen], read_facts(folders[chosen]), order)


def choose_rung(rungs: Sequence[int], books: int) -> int:
    """The highest rung not above half of the books, so that as many are left past it; else the lowest.

    Example: choose_rung([10, 20, 45], 45) -> 20
    """
    return max((rung for rung in rungs if 2 * rung <= books), default=min(rungs))
