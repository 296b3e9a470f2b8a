"""The poll curve: do two readings of disjoint books make the same model, and from how many books on?

As a pollster asks two samples of respondents: the Jensen-Shannon divergence between the adapters of two disjoint
draws of n books, and the correlation of their gains item by item; minus what two inits of the same books differ by.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.saturation.noise import Resample, resample_books
from stages.saturation.settings import Saturation
from stages.saturation.shelves import Shelves
from stages.saturation.verdict import Bound, bound
from stages.shared.chance import fraction

Apart = Callable[[str, str], np.ndarray]  # two cells -> divergence per scored token, bits
Cell = tuple[int, int, int]  # draw, init, rung


@dataclass(frozen=True)
class PollPoint:
    """One rung: divergence (bits per token) and correlation between disjoint draws, and between inits.

    `excess` is the divergence of draws minus that of inits; the values of inits are None where one init was read.
    """

    books: int
    pairs: int
    divergence: Bound
    correlation: Bound
    init_divergence: Bound | None
    init_correlation: Bound | None
    excess: Bound | None


def cell_name(order: str, arm: str, cell: Cell) -> str:
    """The name under which a cell's states are kept.

    Example: cell_name("tiered", "real", (0, 1, 10)) -> "tiered-real-d0-i1-00010"
    """
    return f"{order}-{arm}-d{cell[0]}-i{cell[1]}-{cell[2]:05d}"


def disjoint_pairs(cells: Sequence[Cell], order: str, shelves: Shelves) -> dict[int, list[tuple[Cell, Cell]]]:
    """Pairs of cells of one rung and init whose draws have no book in common, by rung."""
    found: dict[int, list[tuple[Cell, Cell]]] = {}
    known = set(shelves.draws(order))
    for one, other in itertools.combinations(sorted(cells), 2):
        alike = one[1:] == other[1:] and one[0] != other[0] and {one[0], other[0]} <= known
        if alike and shelves.shared(order, one[0], other[0], one[2]) == 0:
            found.setdefault(one[2], []).append((one, other))
    return found


def init_pairs(cells: Sequence[Cell]) -> dict[int, list[tuple[Cell, Cell]]]:
    """Pairs of cells of one rung and draw with different inits, by rung."""
    found: dict[int, list[tuple[Cell, Cell]]] = {}
    for one, other in itertools.combinations(sorted(cells), 2):
        if (one[0], one[2]) == (other[0], other[2]) and one[1] != other[1]:
            found.setdefault(one[2], []).append((one, other))
    return found


def poll(items: pd.DataFrame, shelves: Shelves, settings: Saturation, language: str, apart: Apart) -> list[PollPoint]:
    """The poll curve of the primary order and arm, at the rungs where disjoint draws were read; empty without them."""
    real = (items["order"] == settings.order) & (items["arm"] == settings.arm)
    rows = items[real & (items["score"] == "divergence") & (items["condition"] == "kl")]
    cells = sorted(set(rows[["draw", "init", "rung"]].itertuples(index=False, name=None)))
    pairs, inits = disjoint_pairs(cells, settings.order, shelves), init_pairs(cells)
    if not pairs:
        return []
    table = Polled(items, settings, language, apart)
    return [table.point(rung, pairs[rung], inits.get(rung, [])) for rung in sorted(pairs)]


class Polled:
    """Divergences and per-item gains of pairs of cells, on a half of the probe in the headline language."""

    def __init__(self, items: pd.DataFrame, settings: Saturation, language: str, apart: Apart) -> None:
        self.items, self.settings, self.apart = items, settings, apart
        self.chosen = (
            (items["half"] == settings.half) & (items["language"] == language) & (items["stratum"] == "random")
        )
        books = tuple(sorted(items.loc[self.chosen, "book_id"].unique()))
        rng = np.random.default_rng(int(fraction(settings.seed, "probe") * 16**13))
        self.resample: Resample = resample_books(books, settings.samples, rng)

    def name(self, cell: Cell) -> str:
        """The cell's reading and rung as one name."""
        return cell_name(self.settings.order, self.settings.arm, cell)

    def rows(self, cell: Cell, score: str, condition: str) -> pd.DataFrame:
        """Rows of one cell under one condition, in the order in which its tokens were scored."""
        items = self.items
        one = (items["order"] == self.settings.order) & (items["arm"] == self.settings.arm)
        one &= (items["draw"] == cell[0]) & (items["init"] == cell[1]) & (items["rung"] == cell[2])
        return items[one & (items["score"] == score) & (items["condition"] == condition)]

    def divergences(self, pair: tuple[Cell, Cell]) -> np.ndarray:
        """Mean divergence per token on each probe book, shape (books,)."""
        rows = self.rows(pair[0], "divergence", "kl")
        tokens = self.apart(self.name(pair[0]), self.name(pair[1]))
        starts = np.concatenate([[0], np.cumsum(rows["tokens"])[:-1]]).astype(int)
        table = pd.DataFrame(
            {"book": rows["book_id"], "bits": np.add.reduceat(tokens, starts), "tokens": rows["tokens"]}
        )
        totals = table[self.chosen[rows.index]].groupby("book")[["bits", "tokens"]].sum()
        totals = totals.loc[list(self.resample.books)]
        return np.asarray(totals["bits"] / totals["tokens"])

    def gains(self, cell: Cell) -> pd.DataFrame:
        """Gain of prediction per item, with its book."""
        rows = self.rows(cell, "prediction", "passage")
        rows = rows[self.chosen[rows.index]].set_index("item")
        base = self.items[(self.items["reading"] == "base") & (self.items["score"] == "prediction")].set_index("item")
        return pd.DataFrame(
            {"book": rows["book_id"], "gain": (base["bits"].loc[rows.index] - rows["bits"]) / rows["bytes"]}
        )

    def correlations(self, pair: tuple[Cell, Cell]) -> tuple[float, np.ndarray]:
        """Correlation of the two cells' gains over items, and of resampled books (samples,), widened as Fisher's z."""
        one, other = self.gains(pair[0]), self.gains(pair[1])
        place = {book: number for number, book in enumerate(self.resample.books)}
        weights = self.resample.counts[:, [place[book] for book in one["book"]]].astype(float)
        both = (one["gain"].to_numpy(), other.loc[one.index, "gain"].to_numpy())
        middle = np.arctanh(weighted_correlation(np.ones((1, len(one))), *both))
        spread = (np.arctanh(weighted_correlation(weights, *both)) - middle) * self.resample.stretch
        return float(np.tanh(middle[0])), np.asarray(np.tanh(middle + spread))

    def means(self, pairs: Sequence[tuple[Cell, Cell]]) -> tuple[np.ndarray, np.ndarray]:
        """Divergence and correlation averaged over pairs, each as (1 + samples,) with the estimate first."""
        books = np.mean([self.divergences(pair) for pair in pairs], axis=0)
        weights = self.resample.counts / self.resample.counts.sum(axis=1, keepdims=True)
        samples = books.mean() + (weights @ books - books.mean()) * self.resample.stretch
        found = [self.correlations(pair) for pair in pairs]
        middle, spread = np.mean([one for one, _ in found]), np.mean([one for _, one in found], axis=0)
        return np.append(books.mean(), samples), np.append(middle, spread)

    def point(self, rung: int, pairs: Sequence[tuple[Cell, Cell]], inits: Sequence[tuple[Cell, Cell]]) -> PollPoint:
        """One rung of the poll curve."""
        apart, alike = self.means(pairs)
        same = self.means(inits) if inits else None
        return PollPoint(
            rung, len(pairs), self.bound(apart), self.bound(alike),
            self.bound(same[0]) if same else None, self.bound(same[1]) if same else None,
            self.bound(apart - same[0]) if same else None,
        )  # fmt: skip

    def bound(self, values: np.ndarray) -> Bound:
        """Interval of samples behind their estimate."""
        return bound(values[1:], float(values[0]), self.settings.interval)


def weighted_correlation(weights: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Pearson correlation under each row of `weights` (samples, items), kept below 1 so that Fisher's z exists."""
    weights = weights / weights.sum(axis=1, keepdims=True)
    first, second = one[None] - (weights @ one)[:, None], other[None] - (weights @ other)[:, None]
    covariance = (weights * first * second).sum(axis=1)
    spread = np.sqrt((weights * first**2).sum(axis=1) * (weights * second**2).sum(axis=1))
    return np.asarray(np.clip(covariance / np.maximum(spread, 1e-300), -1 + 1e-9, 1 - 1e-9))


def same_from(points: Sequence[PollPoint]) -> int | None:
    """The smallest rung from which on disjoint draws differ no more than inits do: excess not shown above zero.

    None where the largest rung still shows an excess, or where inits were not read.
    """
    found = None
    for point in reversed(points):
        if point.excess is None or point.excess.low > 0:
            break
        found = point.books
    return found
