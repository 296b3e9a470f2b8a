"""The hypothesis' own contrasts, each with its interval and its answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from stages.saturation.verdict import ONE_SIDED, REFERENCE, Bound, Reason, bound, is_positive, reference_gain

Weigh = Callable[[np.ndarray, Bound], str]  # samples of a contrast in points, its interval -> answer
FIRST_RISE = 100.0  # points that the hypothesis states between 10 and 100 books
LAST_RISE = 30.0  # points that it allows between 1,000 and 10,000 books


@dataclass(frozen=True)
class Claim:
    """One claim of the hypothesis, a phrase of the report: supported, contradicted, compatible or not decided.

    `why` says why there are no points; `marked` that a rung above half of the shelf is behind it.
    """

    key: str
    answer: str
    points: Bound | None
    why: Reason | None = None
    marked: bool = False


def answer_claims(
    rungs: Sequence[int], curve: np.ndarray, samples: np.ndarray, used: np.ndarray, interval: float
) -> list[Claim]:
    """U(100) - U(10) = 100 points, U(100) - U(10) = U(1000) - U(100), and U(10000) - U(1000) at most 30 points."""
    asked: list[tuple[str, tuple[int, ...], tuple[float, ...], Weigh]] = [
        ("claim first", (10, 100), (-1.0, 1.0), partial(equality, FIRST_RISE)),
        ("claim equal", (10, 100, 1000), (1.0, -2.0, 1.0), partial(equality, 0.0)),
        ("claim late", (1000, 10000), (-1.0, 1.0), partial(limit, LAST_RISE)),
    ]
    return [claim(*one, rungs, curve, samples, used, interval) for one in asked]


def claim(
    key: str, sizes: tuple[int, ...], signs: tuple[float, ...], weigh: Weigh, rungs: Sequence[int],
    curve: np.ndarray, samples: np.ndarray, used: np.ndarray, interval: float,
) -> Claim:  # fmt: skip
    """Weigh one linear contrast of U."""
    unread = [size for size in sizes if size not in rungs]
    if unread:
        return Claim(key, "not decided", None, Reason("unread", {"books": f"{unread[0]:,}"}))
    references = reference_gain(np.array(rungs, dtype=float), samples)
    if not is_positive(references):
        return Claim(key, "not decided", None, Reason("no reference", {"books": REFERENCE}))
    places = [list(rungs).index(size) for size in sizes]
    weights = np.array(signs)
    values = 100 * samples[:, places] @ weights / references
    middle = 100 * curve[places] @ weights / float(reference_gain(np.array(rungs, dtype=float), curve))
    points = bound(values, float(middle), interval)
    return Claim(key, weigh(values, points), points, marked=not bool(used[places].all()))


def equality(stated: float, values: np.ndarray, points: Bound) -> str:
    """Equality can be contradicted or compatible, never proved."""
    return "compatible" if points.low <= stated <= points.high else "contradicted"


def limit(most: float, values: np.ndarray, points: Bound) -> str:
    """A largest value can be supported or contradicted."""
    if np.quantile(values, ONE_SIDED) < most:
        return "supported"
    return "contradicted" if np.quantile(values, 1 - ONE_SIDED) > most else "not decided"
