"""The records of a run: a book past the rung, a pair, a judgement, a row of metrics/flashes.csv."""

from dataclasses import dataclass

PASSED = "passed"  # the filter
FLASH, FADED, NONE = "flash", "faded", "none"
EVERY = ""  # in place of a book: all of the probe
COVERAGE = 0.90  # of intervals

Bounds = tuple[float, float, float]


@dataclass(frozen=True)
class Candidate:
    """A book past the rung and what the filter says of it.

    `novelty` is 1 minus its likeness to the most alike book that was read; `surprise` bits per byte under the
    adapter; `alignment` the mean cosine of its gradient with those of the books of probe A; both also as standard
    deviations from matched books (`_z`). `score` is the sum of the latter. `status` is passed, or why it did not.
    """

    book_id: str
    title: str
    author: str
    language: str
    tier: str
    category: str
    status: str
    novelty: float | None = None
    surprise: float | None = None
    surprise_z: float | None = None
    alignment: float | None = None
    alignment_z: float | None = None
    score: float | None = None


@dataclass(frozen=True)
class Pair:
    """A pair of one candidate: its number, the placebo, and what both sides read beside the book and after it."""

    candidate: str
    number: int
    placebo: str
    company: tuple[str, ...]
    further: tuple[str, ...]


@dataclass(frozen=True)
class Judged:
    """One tested candidate. Effects are bits per byte saved over matched placebos, with 90 % intervals.

    `moved` is the probe book that stands out most; `lasting` is the effect after further books on what was tested to
    have moved, that book or the mean of all, None where nothing was found.
    """

    name: str
    status: str
    p: float
    q: float
    effect: Bounds
    moved: str
    moved_effect: Bounds
    lasting: float | None
    lasting_p: float | None


@dataclass(frozen=True)
class Row:
    """A row of metrics/flashes.csv: one tested book, what filter and proof say of it, and where its best scene is."""

    book_id: str
    title: str
    author: str
    language: str
    tier: str
    novelty: float | None
    surprise: float | None
    surprise_z: float | None
    alignment: float | None
    alignment_z: float | None
    status: str
    effect: float
    effect_low: float
    effect_high: float
    p: float
    q: float
    moved: str
    moved_title: str
    moved_effect: float
    moved_low: float
    moved_high: float
    lasting: float | None
    lasting_p: float | None
    scene: str
    place: str
