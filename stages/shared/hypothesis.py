"""The hypothesis under test, as its author states it: understanding in points after so many books."""

import numpy as np

BOOKS = (10, 100, 1_000, 3_000, 10_000)
LOW = (100, 200, 300, 310, 320)
HIGH = (100, 200, 300, 310, 330)


def hypothesis(books: float) -> tuple[float, float] | None:
    """Lower and upper points after `books`, interpolated in log n between its sizes; None outside them.

    Example: hypothesis(100) -> (200.0, 200.0)
    """
    if not BOOKS[0] <= books <= BOOKS[-1]:
        return None
    place = np.log(books)
    return float(np.interp(place, np.log(BOOKS), LOW)), float(np.interp(place, np.log(BOOKS), HIGH))


def hypothesis_slope(start: float, end: float) -> tuple[float, float] | None:
    """Lower and upper points per doubling of the books between two sizes; None outside the hypothesis.

    Example: hypothesis_slope(10, 100) -> (30.1, 30.1), since 100 points come in 3.32 doublings
    """
    first, last = hypothesis(start), hypothesis(end)
    if first is None or last is None:
        return None
    doublings = np.log2(end / start)
    return float((last[0] - first[0]) / doublings), float((last[1] - first[0]) / doublings)
