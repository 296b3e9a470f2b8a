"""What the proof says of each candidate: flash, faded or none, with effect, interval and q-value."""

from collections.abc import Sequence

import numpy as np

from stages.flashes.material import Passage
from stages.flashes.pairs import Cells, by_component
from stages.flashes.records import COVERAGE, EVERY, FADED, FLASH, NONE, Bounds, Judged, Pair
from stages.flashes.settings import Flashes
from stages.flashes.statistics import Array, Tested, false_discovery, flash_test, interval, smallest_effect

LASTING = 0.05  # the level at which an effect must still be there


def judge(params: Flashes, cells: Cells, pairs: Sequence[Pair], lasting: bool = True) -> tuple[list[Judged], float]:
    """Judge all candidates of the pairs; also the smallest effect that this design finds 80 % of the time.

    Without `lasting` what is found is a flash, and no further books are read.
    """
    saved, placebos = cells.saved(pairs)
    differences = {name: by_component(one, cells.passages) for name, one in saved.items()}
    margins = {
        name: params.spreads * by_component(one, cells.passages).std(axis=0, ddof=1) for name, one in placebos.items()
    }
    tests = {name: flash_test(one, margins[name]) for name, one in differences.items()}
    q = dict(zip(tests, false_discovery([one.p for one in tests.values()]), strict=True))
    found = [name for name in tests if q[name] <= params.fdr]
    again = [pair for pair in pairs if lasting and pair.candidate in found]
    later = cells.saved(again, further=True)[0] if again else {}
    rows = [
        judged(params, name, tests[name], q[name], saved[name], later.get(name), cells.passages, number)
        for number, name in enumerate(tests)
    ]
    margin = np.mean([*margins.values()], axis=0)
    least = smallest_effect([*differences.values()], margin, params.fdr / len(tests), params.seed)
    return rows, least


def judged(
    params: Flashes,
    name: str,
    test: Tested,
    q: float,
    saved: Array,
    later: Array | None,
    passages: Sequence[Passage],
    number: int,
) -> Judged:
    """One candidate; `later` holds the bits saved after further books, where it was found."""
    books = sorted({one.book_id for one in passages})
    moved, seed = books[test.book], (params.seed, number)
    effect, moved_effect = (bounds(saved, passages, book, seed) for book in (EVERY, moved))
    status, value, p = FLASH if q <= params.fdr else NONE, None, None
    if later is not None:
        there = by_component(later, passages)[:, [test.component]]
        value, p = float(there.mean()), flash_test(there, 0.0).p
        status = FLASH if p <= LASTING else FADED
    return Judged(name, status, test.p, q, effect, moved, moved_effect, value, p)


def bounds(saved: Array, passages: Sequence[Passage], book: str, seed: Sequence[int]) -> Bounds:
    """The effect on one probe book, or on all of them, with its interval."""
    inside = np.array([book in (EVERY, one.book_id) for one in passages])
    chosen = [one for one in passages if book in (EVERY, one.book_id)]
    sizes = np.array([float(one.bytes) for one in chosen])
    return interval(saved[:, inside], sizes, [one.book_id for one in chosen], COVERAGE, seed)
