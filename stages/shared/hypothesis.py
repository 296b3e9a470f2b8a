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
