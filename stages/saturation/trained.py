"""What the adapters of each rung were trained on: optimiser steps and text tokens beside books."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import mean

FEW_STEPS = 20  # up to here a gain tells of a training that begins as much as of books


@dataclass(frozen=True)
class Trained:
    """Mean over the readings of a rung."""

    steps: float
    tokens: float


def trained_at(cells: Iterable[Mapping[str, str]], order: str, arm: str) -> dict[int, Trained]:
    """Rung -> what the adapters of an order and arm have taken, from the rows of data/evaluate/cells.csv."""
    found: dict[int, list[Mapping[str, str]]] = {}
    for row in cells:
        if (row["order"], row["arm"]) == (order, arm):
            found.setdefault(int(row["rung"]), []).append(row)
    return {
        rung: Trained(*(mean(int(row[name]) for row in rows) for name in ("steps", "tokens")))
        for rung, rows in sorted(found.items())
    }
