"""Extrapolation put to the test: hide the largest rungs, predict them, compare with what was measured."""

from dataclasses import dataclass

import numpy as np

from stages.saturation.curves import fit_curves
from stages.saturation.verdict import LEAST_RUNGS, Bound, bound


@dataclass(frozen=True)
class Hidden:
    """One hidden rung: the prediction from the smaller rungs with its interval, the measured gain, and the
    baseline that the last visible value stays; `held` where the interval (noise of the rung included) held it."""

    books: int
    predicted: Bound
    measured: float
    stays: float
    held: bool


def visible_count(rungs: int) -> int:
    """Rungs left after hiding the last third, at least one hidden and at least three left; 0 where that is too few.

    Example: visible_count(9) -> 6; visible_count(3) -> 0
    """
    left = rungs - max(1, rungs // 3)
    return left if left >= LEAST_RUNGS else 0


def hide(
    rungs: np.ndarray, curve: np.ndarray, samples: np.ndarray, covariance: np.ndarray, cells: int, interval: float,
    rng: np.random.Generator,
) -> list[Hidden]:  # fmt: skip
    """Hide the last third of the rungs and predict each of them; empty where fewer than 4 rungs were read.

    rungs, curve: (rungs,); samples: (samples, rungs); cells: number behind the whole curve.
    """
    left = visible_count(len(rungs))
    if not left:
        return []
    predicted, middle = predict(
        rungs[:left], curve[:left], samples[:, :left], covariance[:left, :left], cells * left // len(rungs),
        rungs[left:], rng,
    )  # fmt: skip
    noise = samples[:, left:] - curve[left:]
    found = []
    for place, books in enumerate(rungs[left:]):
        within = bound(predicted[:, place] - noise[:, place], middle[place], interval)
        measured = float(curve[left + place])
        held = within.low <= measured <= within.high
        found.append(Hidden(int(books), within, measured, float(curve[left - 1]), held))
    return found


def predict(
    rungs: np.ndarray, curve: np.ndarray, samples: np.ndarray, covariance: np.ndarray, cells: int, at: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Extrapolate by model averaging: samples of the curve at `at` (samples, points) and their middle (points,).

    Where the best family misses the visible curve by more than its noise, the noise is widened by the Birge ratio
    sqrt(misfit / degrees of freedom): what a family misses in sight it also misses out of sight.
    """
    first = fit_curves(rungs, curve, samples[:0], covariance, cells, at, free=False)
    best = min(first.fits, key=lambda fit: fit.aicc)
    ratio = max(1.0, best.misfit / max(len(rungs) - best.parameters, 1))
    wider = curve + (samples - curve) * np.sqrt(ratio)
    curves = fit_curves(rungs, curve, wider, covariance * ratio, cells, at, free=False)
    return curves.samples(rng), curves.averaged
