"""The proof's statistics: exact sign flips over pairs, intervals, and the power of the design.

What is tested is an array of differences (pairs, components): bits per byte that the candidate saves over the placebo
of each pair, on each probe book and, last, on all of them. Pairs are the units; the items of a book are added up
before, so a long book counts once. A candidate is a flash on a component if its mean lies above a margin there: some
standard deviations of the placebos, which are another book in each pair, so of matched books. Without it every book a
little better than the average would be found with enough pairs.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]

SAMPLES = 2000  # of the bootstrap behind an interval
STUDIES = 200  # simulated for the power
TINY = 1e-12


@dataclass(frozen=True)
class Tested:
    """A test: the p-value over all components, the one that stands out most, and the book among them that does."""

    p: float
    component: int
    book: int


def flips(pairs: int) -> Array:
    """All sign vectors of so many pairs, shape (2 ** pairs, pairs), that of no flip first."""
    return np.array(list(itertools.product((1.0, -1.0), repeat=pairs)))


def studentised(sums: Array, squares: Array, pairs: int) -> Array:
    """Student's t from the sum over pairs and the sum of squares, which no sign flip changes."""
    variance = np.maximum(squares - sums**2 / pairs, TINY) / (pairs - 1)
    found: Array = sums / np.sqrt(pairs * variance)
    return found


def flash_test(differences: Array, margin: Array | float, signs: Array | None = None) -> Tested:
    """Test whether any component lies above its margin, of shape (components,).

    The largest t of all components is held against its values under every flip of the signs of whole pairs (max-T:
    Westfall and Young 1993; exact where the differences are symmetric about the margin), so one p-value answers for
    all components, and none is below 2 ** -pairs. Shape of `differences`: (pairs, components).
    """
    pairs = len(differences)
    signs = flips(pairs) if signs is None else signs
    beyond = differences - margin
    found = studentised(signs @ beyond, (beyond**2).sum(axis=0), pairs)
    largest = found.max(axis=1)
    return Tested(
        float(np.mean(largest >= largest[0] - 1e-9)),
        int(found[0].argmax()),
        int(found[0, :-1].argmax() if found.shape[1] > 1 else 0),
    )


def false_discovery(found: Sequence[float]) -> list[float]:
    """q-values of p-values, by Benjamini and Hochberg 1995; [] for none."""
    from scipy.stats import false_discovery_control

    return [float(value) for value in false_discovery_control(found, method="bh")] if found else []


def interval(
    saved: Array, sizes: Array, books: Sequence[str], coverage: float, seed: Sequence[int]
) -> tuple[float, float, float]:
    """The bits per byte saved, each probe book counting once, and its interval.

    Pairs are drawn anew, then books, then the items of each. `saved` holds bits of shape (pairs, items), `sizes`
    bytes and `books` the book of each item. Few pairs spread too little when they are drawn anew, so deviations are
    widened by sqrt(R / (R - 1)) for R pairs; where there is one book, the interval speaks of that book.
    """
    chance, pairs = np.random.default_rng(list(seed)), len(saved)
    drawn = chance.integers(0, pairs, (SAMPLES, pairs))
    values, columns = [], []
    for book in sorted(set(books)):
        mine = np.array([one == book for one in books])
        bits, bytes_of = saved[:, mine], sizes[mine]
        chosen = chance.integers(0, len(bytes_of), (SAMPLES, len(bytes_of)))
        means = np.take_along_axis(bits[drawn].mean(axis=1), chosen, 1)
        values.append(bits.sum() / pairs / bytes_of.sum())
        columns.append(means.sum(axis=1) / bytes_of[chosen].sum(axis=1))
    every = np.column_stack(columns)
    draws = np.take_along_axis(every, chance.integers(0, len(values), every.shape), 1).mean(axis=1)
    value, wide = float(np.mean(values)), np.sqrt(pairs / (pairs - 1))
    low, high = (np.quantile(draws, share) for share in (0.5 - coverage / 2, 0.5 + coverage / 2))
    return value, float(value + wide * (low - value)), float(value + wide * (high - value))


def smallest_effect(differences: Sequence[Array], margin: Array, level: float, seed: int, power: float = 0.8) -> float:
    """The effect on one component that the design finds with probability `power` at `level`; nan where it finds none.

    Simulated: normal pairs with the covariance that the differences of all tested candidates have around their means,
    and an effect on the component of median spread. Shape of each of `differences`: (pairs, components).
    """
    pairs, components = differences[0].shape
    rest = np.concatenate([one - one.mean(axis=0) for one in differences])
    covariance = np.atleast_2d(rest.T @ rest / (len(rest) - len(differences)))
    size = np.sqrt(np.diag(covariance))
    place = int(np.argsort(size)[components // 2])
    chance, signs = np.random.default_rng(seed), flips(pairs)
    noise = chance.multivariate_normal(np.zeros(components), covariance, (STUDIES, pairs), method="svd")
    effect = np.zeros(components)

    def found(times: float) -> bool:
        effect[place] = times * size[place]
        return bool(np.mean([flash_test(one + effect, margin, signs).p <= level for one in noise]) >= power)

    low, high = 0.0, 32.0
    if not found(high):
        return float("nan")
    for _ in range(8):
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle) else (middle, high)
    return float(high * size[place])
