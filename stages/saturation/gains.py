"""The gains of one measure, order and arm as an array over draws, inits, rungs and probe books."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.saturation.shelves import Shelves
from stages.shared.errors import UserError

Key = tuple[str, str, str]  # measure, order, arm


@dataclass(frozen=True)
class Cube:
    """The gains of one measure, order and arm: readings × rungs × probe books.

    `gains` has the shape (draws, inits, rungs, books), NaN where a cell was not read; `used` marks the rungs that
    the verdict may use (at most half of the shelf); `apart` those where two draws share at most half of their
    books, so that they tell the noise of draws; `shelf` is the number of books the order has, 0 if unknown.
    """

    measure: str
    order: str
    arm: str
    rungs: tuple[int, ...]
    draws: tuple[int, ...]
    inits: tuple[int, ...]
    books: tuple[str, ...]
    gains: np.ndarray
    used: np.ndarray
    apart: np.ndarray
    shelf: int

    @property
    def key(self) -> Key:
        """What the cube is of."""
        return self.measure, self.order, self.arm

    @property
    def by_draw(self) -> np.ndarray:
        """Mean over the inits of each draw, shape (draws, rungs, books); NaN where the draw has no such cell."""
        return mean_over(self.gains, 1)

    @property
    def curve(self) -> np.ndarray:
        """The score at each rung: mean over draws of means over probe books, shape (rungs,)."""
        return mean_over(self.by_draw.mean(axis=2), 0)


def mean_over(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean over `axis` of what is there; NaN (without a warning) where nothing is."""
    there = np.isfinite(values)
    count = there.sum(axis=axis)
    total = np.where(there, values, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def make_cube(books: pd.DataFrame, measure: str, order: str, arm: str, shelves: Shelves | None = None) -> Cube | None:
    """Arrange rows of `book_gains` (one half, one stratum, one language) as a Cube; None where there is no row.

    The size of the shelf is that of `shelves`, or else of the rung marked as the top.
    """
    shelves = shelves or Shelves()
    rows = books[(books["measure"] == measure) & (books["order"] == order) & (books["arm"] == arm)]
    if rows.empty:
        return None
    axes = [sorted(rows[name].unique()) for name in ("draw", "init", "rung", "book_id")]
    places = [
        np.searchsorted(axis, rows[name]) for axis, name in zip(axes, ("draw", "init", "rung", "book_id"), strict=True)
    ]
    gains = np.full([len(axis) for axis in axes], np.nan)
    gains[tuple(places)] = rows["gain"].to_numpy(dtype=float)
    refuse_holes(gains, axes, f"{measure}, {order} {arm}")
    shelf = shelves.size(order)
    if not shelf and rows["top"].any():
        shelf = int(rows.loc[rows["top"].astype(bool), "rung"].max())
    draws, inits, sizes, names = axes
    used = np.array([rung <= shelf / 2 for rung in sizes])
    shares = [shelves.mean_shared(order, rung) for rung in sizes]
    apart = np.array([half if share is None else share <= 0.5 for half, share in zip(used, shares, strict=True)])
    found = (whole(sizes), whole(draws), whole(inits), tuple(map(str, names)))
    return Cube(measure, order, arm, *found, gains, used, apart, shelf)


def whole(values: list[int]) -> tuple[int, ...]:
    """Plain integers in place of numpy's."""
    return tuple(int(value) for value in values)


def refuse_holes(gains: np.ndarray, axes: list[list[object]], label: str) -> None:
    """A cell is scored on every probe book or was not read; a part of the books would shift its mean."""
    there = np.isfinite(gains)
    holes = there.any(axis=3) & ~there.all(axis=3)
    if holes.any():
        draw, init, rung = (int(where[0]) for where in np.nonzero(holes))
        book = axes[3][int(np.argmin(there[draw, init, rung]))]
        raise UserError(
            f"{label}: the cell draw {axes[0][draw]}, init {axes[1][init]}, rung {axes[2][rung]} "
            f"has no score on probe book {book}; run the stage evaluate again"
        )
