"""All cells of an items table: scores with intervals, understanding, controls and verdicts."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.saturation import verdict as judging
from stages.saturation.gains import Cube, Key, make_cube
from stages.saturation.noise import (
    Noise,
    Resample,
    books_samples,
    draw_samples,
    measure_noise,
    resample_books,
    sample_curves,
)
from stages.saturation.settings import Saturation
from stages.saturation.shelves import Shelves
from stages.saturation.verdict import Bound, Verdict, bound
from stages.shared.chance import fraction
from stages.shared.errors import UserError
from stages.shared.measures import MEASURES, book_gains, check_items

LEAST_BOOKS = 2  # one probe book has no spread, so no interval
UNDERSTOOD = ("prediction", "explanation", "chain")


@dataclass(frozen=True)
class Scored:
    """One measure along one order and arm: the curve with its noise and joint samples (samples, rungs).

    `borrowed`: the arm was read by one draw, so the noise of draws is that of the real arm.
    """

    cube: Cube
    noise: Noise
    samples: np.ndarray
    bounds: tuple[Bound, ...]
    understanding: tuple[Bound, ...] | None
    borrowed: bool = False


@dataclass(frozen=True)
class Contrast:
    """Real arm minus a control at one rung; `beats` where the one-sided 95 % lower bound is above zero."""

    measure: str
    control: str
    rung: int
    difference: Bound
    beats: bool


@dataclass(frozen=True)
class OrderContrast:
    """Another order minus the primary one, real arms both, at one rung.

    `borrowed`: the draws of the other order share most of their books there, so the noise of the primary one's stands
    in for theirs.
    """

    measure: str
    order: str
    rung: int
    difference: Bound
    borrowed: bool


@dataclass(frozen=True)
class Analysis:
    """Everything the report, tables and plots show."""

    settings: Saturation
    language: str
    scored: dict[Key, Scored]
    contrasts: tuple[Contrast, ...]
    verdicts: tuple[Verdict, ...]
    authors: int
    orders: tuple[OrderContrast, ...] = ()

    def get(self, measure: str) -> Scored | None:
        """The curve of `measure` along the primary order and arm."""
        return self.scored.get((measure, self.settings.order, self.settings.arm))

    @property
    def primary(self) -> Scored:
        """The curve that the verdict is about."""
        return self.scored[self.settings.score, self.settings.order, self.settings.arm]


def stream(seed: int, *name: str) -> np.random.Generator:
    """A generator that depends on the seed and the name alone, so that one more arm changes no other interval."""
    return np.random.default_rng(int(fraction(seed, *name) * 16**13))


def analyse(items: pd.DataFrame, settings: Saturation, language: str, shelves: Shelves | None = None) -> Analysis:
    """Score every cell of an items table and give the verdict.

    `language` is that of the headline numbers; `shelves` tells the books of each order and draw, where known.
    """
    check_items(items)
    books = book_gains(items)
    headline = choose(books, settings.half, language, "random")
    scored = score_all(cubes_of(headline, settings, shelves or Shelves()), headline, settings)
    if (settings.score, settings.order, settings.arm) not in scored:
        raise UserError(
            f"no cell of half {settings.half} in {language} has score {settings.score}, order {settings.order}, "
            f"arm {settings.arm}; change saturation.score, order, arm or half, or train and evaluate such a reading"
        )
    primary = scored[settings.score, settings.order, settings.arm]
    names = books.loc[books["book_id"].isin(primary.cube.books), ["book_id", "author"]].drop_duplicates()
    authors = int(names["author"].where(names["author"] != "", names["book_id"]).nunique())
    verdicts = judging.judge(
        primary.cube, primary.noise, primary.samples, settings.epsilon, authors,
        (settings.min_probe_books, settings.min_probe_authors), settings.interval,
        stream(settings.seed, "verdict"), blind=settings.half == "B",
    )  # fmt: skip
    return Analysis(
        settings,
        language,
        scored,
        tuple(contrasts(scored, headline, settings)),
        tuple(verdicts),
        authors,
        tuple(order_contrasts(scored, headline, settings)),
    )


def choose(books: pd.DataFrame, half: str, language: str, stratum: str) -> pd.DataFrame:
    """Rows of a half of the probe in one language and stratum, and the control text of the forgetting score."""
    probe = (books["half"] == half) & (books["language"] == language) & (books["stratum"] == stratum)
    return books[probe | ((books["stratum"] == "control") & (books["measure"] == "forgetting"))]


def resample_of(books: pd.DataFrame, measure: str, settings: Saturation) -> Resample:
    """One resample of the probe books for all measures; the control text has its own."""
    control = books["measure"] == "forgetting"
    rows = books[control if measure == "forgetting" else ~control]
    kind = "control" if measure == "forgetting" else "probe"
    return resample_books(tuple(sorted(rows["book_id"].unique())), settings.samples, stream(settings.seed, kind))


def cubes_of(books: pd.DataFrame, settings: Saturation, shelves: Shelves) -> list[Cube]:
    """Cubes of every measure, order and arm that was read; the primary arm first, so that controls can borrow."""
    pairs = books[["order", "arm"]].drop_duplicates().itertuples(index=False, name=None)
    arms = sorted(pairs, key=lambda pair: (pair[0] != settings.order, pair[1] != settings.arm, pair))
    found = [make_cube(books, measure, order, arm, shelves) for measure in MEASURES for order, arm in arms]
    return [cube for cube in found if cube is not None]


def score_all(cubes: Sequence[Cube], books: pd.DataFrame, settings: Saturation) -> dict[Key, Scored]:
    """Curves of all cubes of `books` that have the probe books for an interval."""
    found: dict[Key, Scored] = {}
    resamples = {measure: resample_of(books, measure, settings) for measure in {cube.measure for cube in cubes}}
    for cube in cubes:
        if len(cube.books) >= LEAST_BOOKS:
            lender = found.get((cube.measure, settings.order, settings.arm))
            found[cube.key] = score(cube, resamples[cube.measure], settings, lender)
    return found


def score(cube: Cube, resample: Resample, settings: Saturation, lender: Scored | None) -> Scored:
    """Estimate the noise of one cube and draw its joint samples."""
    noise = measure_noise(cube)
    borrowed = not noise.posterior.freedom and lender is not None and lender.noise.posterior.freedom > 0
    if borrowed and lender is not None:
        noise = dataclasses.replace(noise, posterior=lender.noise.posterior, draw=lender.noise.draw)
    samples = sample_curves(cube, noise, resample, stream(settings.seed, cube.measure, cube.order, cube.arm))
    curve, rungs = cube.curve, np.array(cube.rungs, dtype=float)
    bounds = tuple(bound(samples[:, place], curve[place], settings.interval) for place in range(len(curve)))
    points = None
    if cube.measure in UNDERSTOOD:
        points = judging.understanding(rungs, curve, samples, settings.interval)
    return Scored(cube, noise, samples, bounds, tuple(points) if points else None, borrowed)


def contrasts(scored: dict[Key, Scored], books: pd.DataFrame, settings: Saturation) -> list[Contrast]:
    """The real arm minus every control at the rungs that both were read at, ascending, for each score."""
    found = []
    for (measure, order, arm), control in scored.items():
        if order != settings.order or arm == settings.arm or measure not in (*UNDERSTOOD, "order"):
            continue
        real = scored[measure, order, settings.arm]
        resample = resample_of(books, measure, settings)
        for rung in sorted(set(real.cube.rungs) & set(control.cube.rungs)):
            total, value = difference(real, control, rung, resample, settings)
            between = bound(total, value, settings.interval)
            found.append(Contrast(measure, arm, rung, between, judging.is_positive(total)))
    return found


def order_contrasts(scored: dict[Key, Scored], books: pd.DataFrame, settings: Saturation) -> list[OrderContrast]:
    """Every other order minus the primary one at the rungs that both were read at: what the order does."""
    found = []
    for (measure, order, arm), other in scored.items():
        if order == settings.order or arm != settings.arm or measure not in (*UNDERSTOOD, "order"):
            continue
        primary = scored[measure, settings.order, settings.arm]
        borrowed = other.borrowed or other.noise.pooled_above_half
        if borrowed:
            noise = dataclasses.replace(other.noise, posterior=primary.noise.posterior, draw=primary.noise.draw)
            other = dataclasses.replace(other, noise=noise)
        resample = resample_of(books, measure, settings)
        for rung in sorted(set(primary.cube.rungs) & set(other.cube.rungs)):
            total, value = difference(other, primary, rung, resample, settings)
            found.append(OrderContrast(measure, order, rung, bound(total, value, settings.interval), borrowed))
    return found


def difference(
    one: Scored, other: Scored, rung: int, resample: Resample, settings: Saturation
) -> tuple[np.ndarray, float]:
    """Samples of one minus other at a rung, and its value.

    Draws of the two are independent; probe books are the same, so their noise is that of the difference.
    """
    total, value = np.zeros(settings.samples), 0.0
    for sign, arm in ((1, one), (-1, other)):
        place = arm.cube.rungs.index(rung)
        noise = dataclasses.replace(arm.noise, shrink=np.eye(len(arm.cube.rungs)))
        name = (arm.cube.measure, arm.cube.order, arm.cube.arm, "contrast")
        draws = draw_samples(arm.cube, noise, settings.samples, stream(settings.seed, *name))
        total += sign * (arm.cube.curve[place] + books_samples(arm.cube, noise, resample)[:, place] + draws[:, place])
        value += sign * arm.cube.curve[place]
    return total, value
