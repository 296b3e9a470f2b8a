"""The verdict in books: reached, not reached, or not decided, and what would decide it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from stages.saturation.curves import Curves, fit_curves
from stages.saturation.gains import Cube
from stages.saturation.noise import Noise, covariance

REFERENCE = 10  # books whose gain is 100 % of understanding
STEPS = 8  # grid points per doubling of the books
ONE_SIDED = 0.95
LEAST_RUNGS = 3
WIDEST = 2.5  # ratio of the two largest rungs; further apart the largest doubling is a guess, not a measurement


@dataclass(frozen=True)
class Bound:
    """A number with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Reason:
    """Why nothing can be decided: a phrase of the report and its values."""

    key: str
    values: Mapping[str, object]


@dataclass(frozen=True)
class Verdict:
    """`kind` is "reached", "not reached" or "not decided"; `reasons` say what stands in the way.

    `n_star` is the smallest number of books from which on every measured doubling is surely below epsilon;
    `n_star_low` and `n_star_high` hold the place where the curve itself falls below (None: beyond the range).
    `last` is U(2n) - U(n) at the largest measured doubling, from `last_from` books on.
    """

    kind: str
    epsilon: float
    reasons: tuple[Reason, ...]
    n_star: float | None = None
    n_star_low: float | None = None
    n_star_high: float | None = None
    last: Bound | None = None
    last_from: float = 0.0
    curves: Curves | None = None


def bound(samples: np.ndarray, value: float, interval: float) -> Bound:
    """Two-sided interval of `samples` around an estimate."""
    low, high = np.quantile(samples, [(1 - interval) / 2, (1 + interval) / 2])
    return Bound(float(value), float(low), float(high))


def grid_of(lowest: float, highest: float) -> np.ndarray:
    """Books from `highest` downwards in eighths of a doubling, ascending, none below `lowest`."""
    count = int(np.floor(np.log2(highest / lowest) * STEPS + 1e-9))
    return np.asarray(highest * 2.0 ** (-np.arange(count, -1, -1) / STEPS))


def interpolated(rungs: np.ndarray, values: np.ndarray, books: float) -> np.ndarray:
    """Values (..., rungs) at `books`, interpolated in log n; NaN outside the rungs."""
    if not rungs[0] <= books <= rungs[-1]:
        return np.full(values.shape[:-1], np.nan)
    place = min(int(np.searchsorted(rungs, books, side="right")) - 1, len(rungs) - 2)
    if place < 0 or rungs[place] == books:
        return np.asarray(values[..., max(place, 0)])
    share = np.log(books / rungs[place]) / np.log(rungs[place + 1] / rungs[place])
    return np.asarray(values[..., place] * (1 - share) + values[..., place + 1] * share)


def reference_gain(rungs: np.ndarray, values: np.ndarray) -> np.ndarray:
    """G(10) of curves (..., rungs): read at the rung 10, or interpolated in log n between rungs around it."""
    if len(rungs) == 1 and rungs[0] == REFERENCE:
        return np.asarray(values[..., 0])
    return interpolated(rungs, values, REFERENCE)


def is_positive(samples: np.ndarray) -> bool:
    """Whether a gain is clearly above zero: its one-sided 95 % lower bound is."""
    return bool(np.isfinite(samples).all() and np.quantile(samples, 1 - ONE_SIDED) > 0)


def understanding(rungs: np.ndarray, curve: np.ndarray, samples: np.ndarray, interval: float) -> list[Bound] | None:
    """U at every rung in points, from joint samples of both gains; None where G(10) is not clearly above zero."""
    reference, references = reference_gain(rungs, curve), reference_gain(rungs, samples)
    if not is_positive(references):
        return None
    ratios = 100 * samples / references[:, None]
    return [bound(ratios[:, place], 100 * curve[place] / float(reference), interval) for place in range(len(rungs))]


def obstacles(cube: Cube, noise: Noise, samples: np.ndarray, authors: int, least: tuple[int, int]) -> list[Reason]:
    """Why no verdict can be given, whatever the curve looks like; empty where one can."""
    found = []
    if len(cube.books) < least[0] or authors < least[1]:
        sizes = {"books": len(cube.books), "authors": authors, "least_books": least[0], "least_authors": least[1]}
        found.append(Reason("few probe books", sizes))
    if not noise.posterior.freedom or noise.pooled_above_half:
        found.append(Reason("one draw", {}))
    rungs = np.array(cube.rungs)[cube.used]
    if len(rungs) < LEAST_RUNGS or rungs[-1] < 2 * rungs[0]:
        there = ", ".join(map(str, rungs)) or "-"
        found.append(Reason("few rungs", {"shelf": cube.shelf, "rungs": there, "least": LEAST_RUNGS}))
    elif rungs[-1] > WIDEST * rungs[-2]:
        found.append(Reason("wide gap", {"low": f"{rungs[-2]:,}", "high": f"{rungs[-1]:,}"}))
    elif not is_positive(reference_gain(np.array(cube.rungs), samples)):
        found.append(Reason("no reference", {"books": REFERENCE}))
    return found


def averaged_curves(cube: Cube, noise: Noise, samples: np.ndarray) -> Curves:
    """Fit all families to the rungs that may decide; values at G(10) first, then at the grid of doublings."""
    used = cube.used
    rungs = np.array(cube.rungs, dtype=float)[used]
    at = np.concatenate([[REFERENCE], grid_of(float(rungs[0]), float(rungs[-1]))])
    cells = int(np.isfinite(cube.gains[:, :, used, 0]).sum())
    matrix = covariance(cube, noise)[np.ix_(used, used)]
    return fit_curves(rungs, cube.curve[used], samples[:, used], matrix, cells, at)


def judge(
    cube: Cube, noise: Noise, samples: np.ndarray, epsilon: float, authors: int, least: tuple[int, int],
    interval: float, rng: np.random.Generator, blind: bool = True,
) -> list[Verdict]:  # fmt: skip
    """Give the verdicts for epsilon, epsilon / 2 and 2 epsilon, in this order.

    Nothing is decided on a half of the probe that is not `blind`, since training was chosen by looking at it.
    """
    levels = (epsilon, epsilon / 2, 2 * epsilon)
    reasons = tuple(obstacles(cube, noise, samples, authors, least)) if blind else (Reason("half a", {}),)
    if reasons:
        return [Verdict("not decided", level, reasons) for level in levels]
    curves = averaged_curves(cube, noise, samples)
    fitted = curves.samples(rng)
    steps = doublings(fitted)
    middle = doublings(curves.averaged[None, :])[0]
    return [weigh(curves, steps, middle, level, interval) for level in levels]


def doublings(values: np.ndarray) -> np.ndarray:
    """U(2n) - U(n) of curves whose first column is G(10) and whose others are the grid, (samples, grid - STEPS)."""
    gains, reference = values[:, 1:], values[:, :1]
    return np.asarray(100 * (gains[:, STEPS:] - gains[:, :-STEPS]) / reference)


def weigh(curves: Curves, steps: np.ndarray, middle: np.ndarray, epsilon: float, interval: float) -> Verdict:
    """Decide from samples of the gain per doubling, (samples, grid), against epsilon."""
    books = curves.at[1:-STEPS]
    upper, lower = np.quantile(steps, ONE_SIDED, axis=0), np.quantile(steps, 1 - ONE_SIDED, axis=0)
    start = settled(upper[None, :] < epsilon)[0]
    ends = np.append(books, np.inf)[settled(steps < epsilon)]
    low, high = np.quantile(ends, [(1 - interval) / 2, (1 + interval) / 2], method="inverted_cdf")
    last = bound(steps[:, -1], float(middle[-1]), interval)
    kind, reasons = "not decided", ()
    if start < len(books):
        kind = "reached"
    elif lower[-1] > epsilon:
        kind = "not reached"
    return Verdict(
        kind, epsilon, reasons, float(books[start]) if kind == "reached" else None, finite(low), finite(high),
        last, float(books[-1]), curves,
    )  # fmt: skip


def settled(below: np.ndarray) -> np.ndarray:
    """First place from which on a row is true to its end; the row's length where its end is false.

    Example: [[0, 1, 0, 1, 1], [1, 1, 0]] -> [3, 3]
    """
    backwards = np.logical_and.accumulate(below[:, ::-1], axis=1).sum(axis=1)
    return np.asarray(below.shape[1] - backwards)


def finite(value: float) -> float | None:
    """None in place of infinity."""
    return float(value) if np.isfinite(value) else None
