"""Overturns: does reading turn over what a model had learned, at certain books?

Along a trunk each step between two points has a divergence (Jensen-Shannon, from the stored states). It is divided by
the mean curve of the trunk and its null: trunks really trained, from the same seed, on shuffled orders of the same
books. (A permutation of a decaying series would call its beginning an overturn every time.) The stretch of steps that
stands out most is found by two change points (`ruptures`, least squares, jump 1); its statistic is the squared error
that they save. An overturn is a stretch that stands out more than in every trunk of the null, behind which the gains
of the probe's passages have lost their correlation with those before it, more than in every trunk of the null, and
both at the same books in a majority of the seeds. A jump is size, a reversal is an overturn; the count may be 0.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.shared.errors import UserError
from stages.shared.progress import Progress

Array = np.ndarray
Steps = Callable[[Array], Array]  # states (points, tokens, width) -> mean divergence of each step (points - 1,)
LEVEL = 0.05
LEAST_NULLS, LEAST_INITS, LEAST_STEPS = 19, 3, 4
MOST = 4  # stretches that are looked for in one trunk
AROUND = 2  # points whose gains are averaged on either side of a stretch


@dataclass(frozen=True)
class Trunk:
    """One trunk: `books` (points,), from 0 on; `steps` (points - 1,); `gains` (points, items), bits over the base."""

    kind: str  # real, shuffled
    number: int
    books: Array
    steps: Array
    gains: Array


@dataclass(frozen=True)
class Stretch:
    """Steps `first` to `last` (exclusive) of one seed's trunk that stand out, with the p-values of both tests."""

    init: int
    first: int
    last: int
    stands_out: float
    correlation: float  # of gains before with gains behind; NaN where nothing was learned before
    reversal: float

    @property
    def both(self) -> bool:
        """Whether it stands out and is a reversal."""
        return self.stands_out <= LEVEL and self.reversal <= LEVEL


@dataclass(frozen=True)
class Place:
    """Books between which most seeds agree, and how many they are."""

    start: int
    end: int
    inits: int

    def overlaps(self, other: "Place") -> bool:
        """Whether some book is in both."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True)
class Overturns:
    """What was found along one reading: overturns, and jumps, which stand out without a reversal.

    `relative` holds each seed's steps over the mean curve, and the null's; `titles` the books as they were read.
    """

    reading: str
    books: tuple[int, ...]
    inits: int
    nulls: int
    stretches: tuple[Stretch, ...]
    found: tuple[Place, ...]
    jumps: tuple[Place, ...]
    relative: dict[tuple[str, int], Array]
    titles: tuple[str, ...] = ()


def read_trunks(folder: Path, steps: Steps, shown: bool = False) -> tuple[str, list[Trunk]]:
    """The reading that was followed and its trunks, from data/evaluate/trajectories; none where none was.

    With a real base's `steps` each trunk takes seconds; the progress is then `shown`.
    """
    if not (folder / "trunks.csv").exists():
        return "", []
    with (folder / "trunks.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    found = []
    with Progress("saturation overturns", len(rows) if shown else 0, "trunk") as progress:
        for row in rows:
            path = folder / f"{row['trajectory']}.npz"
            if not path.exists():
                raise UserError(f"{path} is missing; run `dvc repro evaluate`")
            with np.load(path) as there:
                gains = there["bits"][0] - there["bits"]
                found.append(Trunk(row["kind"], int(row["number"]), there["books"], steps(there["states"]), gains))
            progress.step(1, row["trajectory"])
    return rows[0]["reading"], found


def overturns(reading: str, trunks: Sequence[Trunk], titles: Sequence[str] = ()) -> Overturns | None:
    """Test the trunks of one reading; None where there are too few of them, or too few points, for the tests."""
    real = [one for one in trunks if one.kind == "real"]
    null = [one for one in trunks if one.kind == "shuffled"]
    if len(null) < LEAST_NULLS or len(real) < LEAST_INITS or len(real[0].steps) < LEAST_STEPS:
        return None
    curve = np.mean([one.steps for one in null], axis=0)
    relative = {(one.kind, one.number): one.steps / curve for one in [*null, *real]}
    stretches = [stretch for one in real for stretch in judge_trunk(one, null)]
    books = tuple(int(size) for size in real[0].books)
    found = agreed([one for one in stretches if one.both], books, len(real))
    jumps = [one for one in agreed(stretches, books, len(real)) if not any(map(one.overlaps, found))]
    return Overturns(
        reading, books, len(real), len(null), tuple(stretches), tuple(found), tuple(jumps), relative, tuple(titles)
    )


def judge_trunk(real: Trunk, null: Sequence[Trunk]) -> list[Stretch]:
    """The stretches of one seed's trunk that stand out, each tested for a reversal.

    The mean curve is that of the trunk and its null together: so each of them has the same share in what it is
    divided by, and without an overturn the trunk is one of them like any other.
    """
    curve = np.mean([one.steps for one in (real, *null)], axis=0)
    series = real.steps / curve
    of_null = np.array([standing_out(one.steps / curve)[0] for one in null])
    found: list[Stretch] = []
    while len(found) < MOST:
        gain, first, last = standing_out(series)
        chance = p_value(int((of_null >= gain).sum()), len(null))
        if chance > LEVEL:
            break
        before_and_behind = correlation(real.gains, first, last)
        lower = sum(correlation(one.gains, first, last) <= before_and_behind for one in null)
        reversal = p_value(lower, len(null)) if np.isfinite(before_and_behind) else 1.0
        found.append(Stretch(real.number, first, last, chance, before_and_behind, reversal))
        rest = np.ones(len(series), dtype=bool)
        rest[first:last] = False
        series = np.where(rest, series, series[rest].mean())
    return found


def p_value(as_extreme: int, null: int) -> float:
    """The p-value of a value that `as_extreme` of `null` trunks reach: never below one in all trunks."""
    return (1 + as_extreme) / (1 + null)


def standing_out(series: Array) -> tuple[float, int, int]:
    """The squared error that two change points save, and the stretch of the highest mean that they bound.

    Example: [1, 1, 4, 4, 1, 1] -> (12.0, 2, 4)
    """
    from ruptures import Dynp

    fitted = Dynp(model="l2", min_size=1, jump=1).fit(series[:, None])
    ends = fitted.predict(n_bkps=2)
    parts = list(zip([0, *ends[:-1]], ends, strict=True))
    first, last = max(parts, key=lambda part: series[part[0] : part[1]].mean())
    whole = float(((series - series.mean()) ** 2).sum())
    return whole - float(fitted.cost.sum_of_costs(ends)), first, last


def correlation(gains: Array, first: int, last: int) -> float:
    """Correlation over items of the gains at the points before a stretch with those behind it; NaN at the beginning."""
    before = gains[max(1, first - AROUND + 1) : first + 1]
    behind = gains[last : last + AROUND]
    if not len(before):
        return float("nan")
    return float(np.corrcoef(before.mean(axis=0), behind.mean(axis=0))[0, 1])


def agreed(stretches: Sequence[Stretch], books: Sequence[int], inits: int) -> list[Place]:
    """The places at which a majority of the seeds has one of these stretches."""
    found: list[Place] = []
    for step in range(len(books) - 1):
        there = {one.init for one in stretches if one.first <= step < one.last}
        if 2 * len(there) <= inits:
            continue
        if found and found[-1].end == books[step]:
            found[-1] = Place(found[-1].start, books[step + 1], max(found[-1].inits, len(there)))
        else:
            found.append(Place(books[step], books[step + 1], len(there)))
    return found
