"""What the planned orders say about the readings: how many books there are, and how many books two draws share."""

import csv
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Shelves:
    """Book ids in reading order, by order and draw; empty where nothing is known."""

    orders: Mapping[tuple[str, int], tuple[str, ...]] = field(default_factory=dict)

    def size(self, order: str) -> int:
        """Books on the shelf of an order; 0 where unknown."""
        return max((len(books) for (name, _), books in self.orders.items() if name == order), default=0)

    def draws(self, order: str) -> list[int]:
        """The draws whose order is known."""
        return sorted(draw for name, draw in self.orders if name == order)

    def shared(self, order: str, one: int, other: int, rung: int) -> float:
        """Share of the first `rung` books of one draw that the other draw reads by then as well, 0 to 1."""
        first, second = (set(self.orders[order, draw][:rung]) for draw in (one, other))
        return len(first & second) / max(len(first), 1)

    def mean_shared(self, order: str, rung: int) -> float | None:
        """Mean of `shared` over all pairs of draws; None where fewer than two are known."""
        pairs = list(itertools.combinations(self.draws(order), 2))
        return float(np.mean([self.shared(order, *pair, rung) for pair in pairs])) if pairs else None


def read_shelves(folder: Path) -> Shelves:
    """Read `<order>-d<draw>.csv` files, each with a column book_id in reading order."""
    orders = {}
    for path in sorted(folder.glob("*-d*.csv")):
        order, _, draw = path.stem.rpartition("-d")
        with path.open(encoding="utf-8", newline="") as stream:
            orders[order, int(draw)] = tuple(row["book_id"] for row in csv.DictReader(stream))
    return Shelves(orders)


def titles_of(tiers: Path, reading: str) -> tuple[str, ...]:
    """Title and author of every book of a reading, in its order; none where no reading is named."""
    if not reading:
        return ()
    with (tiers / "readings.csv").open(encoding="utf-8", newline="") as stream:
        [place] = {f"{row['order']}-d{row['draw']}" for row in csv.DictReader(stream) if row["reading"] == reading}
    with (tiers / "orders" / f"{place}.csv").open(encoding="utf-8", newline="") as stream:
        return tuple(f"{row['title']} ({row['author']})" for row in csv.DictReader(stream))
