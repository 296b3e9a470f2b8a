"""Own thinking beside reading: gains of each arm with intervals, differences, and the verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stages.reflect import cells
from stages.reflect.rounds import Round, Thought
from stages.reflect.tables import ARMS, COMPUTE, TOKENS

BEAT, KEPT, NOT, UNDECIDED = "beat", "kept", "not", "undecided"


@dataclass(frozen=True)
class Interval:
    """A mean over replicates and probe books, with its two-sided interval; bits per byte."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """Own thinking beside both ways to read, where they have one thing equal: differences own - next, own - replay.

    `own` is its gain over the adapter from which all went on.
    """

    equal: str
    own: Interval
    differences: Mapping[str, Interval]

    @property
    def verdict(self) -> str:
        """`beat` where own thinking gained, and more than both; `not` where it gained less than one; else `undecided`.

        `kept` where it stands above both and shows no gain itself: it lost less than reading, which is no progress.
        """
        found = self.differences.values()
        if all(one.low > 0 for one in found):
            return BEAT if self.own.low > 0 else KEPT
        return NOT if any(one.high < 0 for one in found) else UNDECIDED


@dataclass(frozen=True)
class Chance:
    """Joint samples: how often each probe book is drawn, and what widens it; and draws of t over the replicates.

    As in the project's other intervals: books are resampled jointly for all arms, each resample widened so that its
    quantiles are those of t with books - 1 degrees of freedom, and replicates add t with replicates - 1. What a book
    differs by from replicate to replicate is counted in both, so the interval is rather too wide than too narrow.
    """

    level: float
    counts: np.ndarray  # (samples, books), each row sums to 1
    stretch: np.ndarray  # (samples,)
    student: np.ndarray  # (samples,)

    @classmethod
    def of(cls, books: int, replicates: int, samples: int, level: float, seed: int) -> "Chance":
        """Draw the samples."""
        rng = np.random.default_rng(seed)
        counts = rng.multinomial(books, np.full(books, 1 / books), size=samples) / books
        freedom = max(books - 1, 1)
        stretch = np.sqrt(books / freedom) * np.sqrt(freedom / rng.chisquare(freedom, size=samples))
        return cls(level, counts, stretch, rng.standard_t(replicates - 1, size=samples))

    def interval(self, values: np.ndarray) -> Interval:
        """The interval of values of shape (replicates, books)."""
        by_book, by_replicate = values.mean(axis=0), values.mean(axis=1)
        books = (self.counts @ by_book - by_book.mean()) * self.stretch
        spread = by_replicate.std(ddof=1) / np.sqrt(len(by_replicate))
        low, high = np.quantile(
            values.mean() + books + self.student * spread, [(1 - self.level) / 2, (1 + self.level) / 2]
        )
        return Interval(float(values.mean()), float(low), float(high))


Gains = dict[tuple[str, str, int], np.ndarray]  # arm, equal, round -> (replicates, books)


def gains_of(rounds: Sequence[Round], start: cells.Cell, half: str, score: str, last: int) -> Gains:
    """The gains over the saturated adapter of every arm at the rounds that all replicates have come to."""
    found: dict[tuple[str, str, int], list[list[float]]] = {}
    for one in sorted(rounds, key=lambda one: one.replicate):
        if one.round <= last:
            values = list(cells.gains(one.cell, start, half, score).values())
            found.setdefault((one.arm, one.equal, one.round), []).append(values)
    return {key: np.array(values) for key, values in found.items() if values[0]}


def last_round(thoughts: Sequence[Thought]) -> int:
    """The last round that own thinking of every replicate has read; -1 where one has read none."""
    return min(len(one.rounds) for one in thoughts) - 1


def compare(gains: Gains, equal: str, last: int, chance: Chance) -> Comparison:
    """Own thinking beside reading at the last common round."""
    own = gains["own", TOKENS, last]
    beside = {arm: chance.interval(own - gains[arm, equal, last]) for arm in ARMS[1:]}
    return Comparison(equal, chance.interval(own), beside)


def comparisons(gains: Gains, last: int, chance: Chance) -> list[Comparison]:
    """The comparisons that were read: at equal tokens, and at equal compute where the writer's is known."""
    known = [equal for equal in (TOKENS, COMPUTE) if ("next", equal, last) in gains]
    return [compare(gains, equal, last, chance) for equal in known]
