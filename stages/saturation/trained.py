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


def trained_at(cells: Iterable[Mapping[str, str]]) -> dict[tuple[str, str], dict[int, Trained]]:
    """Order and arm -> rung -> what its adapters have taken, from the rows of data/evaluate/cells.csv."""
    found: dict[tuple[str, str], dict[int, list[Mapping[str, str]]]] = {}
    for row in cells:
        found.setdefault((row["order"], row["arm"]), {}).setdefault(int(row["rung"]), []).append(row)
    return {
        name: {
            rung: Trained(*(mean(int(row[key]) for row in rows) for key in ("steps", "tokens")))
            for rung, rows in sorted(rungs.items())
        }
        for name, rungs in found.items()
    }
