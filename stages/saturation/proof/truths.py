"""True curves for synthetic studies: families that the fitter has, and some that it lacks."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stages.saturation.proof.synthetic import Truth

Shape = Callable[[np.ndarray, np.random.Generator], np.ndarray]
FIRST, LAST = 10.0, 1000.0  # rungs between which a truth is drawn
GAIN = 0.03  # bits per byte after FIRST books
NEAR, EPSILON, FAR = 5.0, 10.0, 15.0  # points per doubling that part the classes of truths


@dataclass(frozen=True)
class Curve:
    """A true curve: `shape` by name, `known` where the fitter has its family, `last` its last doubling in points."""

    shape: str
    known: bool
    truth: Truth
    last: float

    @property
    def settles(self) -> bool:
        """Whether the last doubling truly adds less than epsilon."""
        return self.last < EPSILON

    def star(self, step: int = 400) -> float:
        """Books from which on every measured doubling adds less than epsilon; infinity where there are none."""
        books = np.geomspace(FIRST, LAST / 2, step)
        points = 100 * (self.truth(2 * books) - self.truth(books)) / GAIN
        above = np.nonzero(points >= EPSILON)[0]
        if not len(above):
            return FIRST
        return float(books[above[-1] + 1]) if above[-1] + 1 < step else float("inf")


def logarithm(n: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Never saturates: the same gain at every doubling."""
    return np.asarray(np.log(n))


def power(n: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A power law towards a ceiling."""
    return np.asarray(-(n ** -rng.uniform(0.1, 1.2)))


def exponential(n: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Exponential approach, over between 40 and 800 books."""
    return np.asarray(-np.exp(-n / np.exp(rng.uniform(np.log(40), np.log(800)))))


def rectified(n: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Flat before its power phase."""
    return np.asarray(-1 / (np.exp(rng.uniform(1, 4)) + n ** rng.uniform(0.5, 1.2)))


def hill(n: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A sigmoid in log n, with no family of the fitter's: late take-off, then a plateau."""
    half, slope = np.exp(rng.uniform(np.log(30), np.log(600))), rng.uniform(1.2, 3)
    return np.asarray(n**slope / (half**slope + n**slope))


def stairs(n: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two smooth steps with a flat stretch between: no family of the fitter's."""
    first, second = rng.uniform(np.log(15), np.log(60)), rng.uniform(np.log(150), np.log(700))
    weight = rng.uniform(0.3, 0.7)
    steps = [weight / (1 + np.exp(-3 * (np.log(n) - first))), (1 - weight) / (1 + np.exp(-3 * (np.log(n) - second)))]
    return np.asarray(sum(steps))


SHAPES: dict[str, tuple[Shape, bool]] = {
    "logarithm": (logarithm, True),
    "power with ceiling": (power, True),
    "exponential": (exponential, True),
    "rectified": (rectified, True),
    "hill": (hill, False),
    "stairs": (stairs, False),
}
CLASSES = ((-1.0, NEAR), (NEAR, EPSILON), (EPSILON, FAR), (FAR, 1000.0))


def draw_curve(name: str, kind: int, rng: np.random.Generator) -> Curve | None:
    """One true curve of a shape whose last doubling lies in class `kind`; None where the shape hardly has one."""
    shape, known = SHAPES[name]
    low, high = CLASSES[kind]
    at = np.array([FIRST, LAST / 2, LAST])
    for _ in range(200):
        seed = int(rng.integers(2**32))
        ends = shape(at, np.random.default_rng(seed))
        scale = rng.uniform(20, 350) / (ends[2] - ends[0])
        last = scale * (ends[2] - ends[1])
        if low <= last < high:
            return Curve(name, known, scaled(shape, seed, float(ends[0]), float(scale)), float(last))
    return None


def scaled(shape: Shape, seed: int, start: float, scale: float) -> Truth:
    """The curve in bits per byte: GAIN after FIRST books, `scale` points for each unit of the shape."""

    def truth(n: np.ndarray) -> np.ndarray:
        return GAIN * (1 + scale / 100 * (shape(np.asarray(n, dtype=float), np.random.default_rng(seed)) - start))

    return truth
