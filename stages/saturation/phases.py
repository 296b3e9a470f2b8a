"""Phases of the curve: straight segments in log n, with the bounds of their ends and slopes."""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from stages.saturation.curves import corrected
from stages.saturation.verdict import Bound, bound

MOST_KNOTS = 3  # the hypothesis has four stretches between its five sizes


@dataclass(frozen=True)
class Phase:
    """One segment from `start` to `end` books (with intervals where they are bends, not ends of the ladder).

    `slope`: gain per doubling of the books, in the unit of the score; `points`: the same in points of
    understanding, None where understanding is undefined.
    """

    start: Bound
    end: Bound
    slope: Bound
    points: Bound | None


def design(logs: np.ndarray, knots: tuple[int, ...]) -> np.ndarray:
    """Columns of a continuous line with bends at the rungs `knots`, shape (rungs, 2 + knots)."""
    bends = [np.maximum(logs - logs[knot], 0.0) for knot in knots]
    return np.stack([np.ones_like(logs), logs, *bends], axis=1)


def fit_lines(
    logs: np.ndarray, samples: np.ndarray, whitener: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Best continuous line with `count` bends at inner rungs, for every row of samples (samples, rungs).

    Returns misfits (samples,), the bends' places (samples, count) and fitted values at the rungs (samples, rungs).
    """
    choices = list(itertools.combinations(range(1, len(logs) - 1), count))
    target = samples @ whitener.T
    misfits, values = [], []
    for knots in choices:
        columns = design(logs, knots)
        solver = np.linalg.pinv(whitener @ columns)
        fitted = target @ solver.T @ columns.T
        misfits.append((((samples - fitted) @ whitener.T) ** 2).sum(axis=1))
        values.append(fitted)
    best = np.argmin(misfits, axis=0)
    rows = np.arange(len(samples))
    return np.array(misfits)[best, rows], np.array(choices, dtype=int)[best], np.array(values)[best, rows]


def find_phases(
    rungs: np.ndarray, curve: np.ndarray, samples: np.ndarray, covariance: np.ndarray, cells: int,
    reference: np.ndarray | None, interval: float,
) -> list[Phase]:  # fmt: skip
    """Segment a curve; the number of bends is the one of least AICc (each costs a slope and a place).

    rungs, curve: (rungs,); samples: (samples, rungs); reference: G(10) of the curve and of the samples,
    (1 + samples,), or None where understanding is undefined. Fewer than 3 rungs give one segment or none.
    """
    if len(rungs) < 2:
        return []
    logs, stacked = np.log2(rungs), np.vstack([curve, samples])
    ridge = 1e-9 * np.trace(covariance) / len(rungs) + 1e-18
    factor = linalg.cholesky(covariance + ridge * np.eye(len(rungs)), lower=True)
    whitener = linalg.solve_triangular(factor, np.eye(len(rungs)), lower=True)
    found = []
    for count in range(min(MOST_KNOTS, max(len(rungs) - 2, 0)) + 1):
        misfit, knots, values = fit_lines(logs, stacked, whitener, count)
        found.append((corrected(float(misfit[0]), 2 + 2 * count, cells), count, knots, values))
    _, count, knots, values = min(found, key=lambda one: (one[0], one[1]))
    return segments(rungs, logs, knots, values, reference, interval)


def segments(
    rungs: np.ndarray, logs: np.ndarray, knots: np.ndarray, values: np.ndarray, reference: np.ndarray | None,
    interval: float,
) -> list[Phase]:  # fmt: skip
    """Ends and slopes of the segments, the first row being the curve's own, the others samples of it."""
    last = len(rungs) - 1
    ends = np.column_stack([np.zeros(len(knots), dtype=int), knots, np.full(len(knots), last)])
    phases = []
    for left, right in itertools.pairwise(ends.T):
        rows = np.arange(len(values))
        slope = (values[rows, right] - values[rows, left]) / (logs[right] - logs[left])
        points = None if reference is None else 100 * slope / reference
        phases.append(
            Phase(
                bound(rungs[left][1:], rungs[left[0]], interval),
                bound(rungs[right][1:], rungs[right[0]], interval),
                bound(slope[1:], slope[0], interval),
                None if points is None else bound(points[1:], points[0], interval),
            )
        )
    return phases
