"""All cells of an items table: scores with intervals, understanding, controls and verdicts."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.saturation import verdict as judging
from stages.saturation.gains import MEASURES, Cube, book_gains, check_items, make_cube
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

LEAST_BOOKS = 2  # one probe book has no spread, so no interval
UNDERSTOOD = ("prediction", "explanation", "chain")
Key = tuple[str, str, str]  # measure, order, arm


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
class Side:
    """The primary score at the top rung on another stratum or language of the probe: shown, never pooled.

    `gain` is None where one book gives no interval.
    """

    language: str
    stratum: str
    books: int
    gain: Bound | None


@dataclass(frozen=True)
class Analysis:
    """Everything the report, tables and plots show."""

    settings: Saturation
    language: str
    scored: dict[Key, Scored]
    contrasts: tuple[Contrast, ...]
    sides: tuple[Side, ...]
    verdicts: tuple[Verdict, ...]
    base_rates: dict[str, float]  # probe book -> bits per byte of the base on its passages
    authors: int

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
    headline = choose(books, language, "random")
    scored = score_all(headline, settings, shelves or Shelves())
    if (settings.score, settings.order, settings.arm) not in scored:
        raise UserError(
            f"no cell of half B in {language} has score {settings.score}, order {settings.order}, arm {settings.arm}; "
            "change saturation.score, saturation.order or saturation.arm, or train and evaluate such a reading"
        )
    primary = scored[settings.score, settings.order, settings.arm]
    names = books.loc[books["book_id"].isin(primary.cube.books), ["book_id", "author"]].drop_duplicates()
    authors = int(names["author"].where(names["author"] != "", names["book_id"]).nunique())
    verdicts = judging.judge(
        primary.cube, primary.noise, primary.samples, settings.epsilon, authors,
        (settings.min_probe_books, settings.min_probe_authors), settings.interval,
        stream(settings.seed, "verdict"),
    )  # fmt: skip
    return Analysis(
        settings,
        language,
        scored,
        tuple(contrasts(scored, headline, settings)),
        tuple(sides(books, settings, language)),
        tuple(verdicts),
        base_rates(items, primary.cube.books),
        authors,
    )


def choose(books: pd.DataFrame, language: str, stratum: str) -> pd.DataFrame:
    """Rows of half B in one language and stratum, and the control text of the forgetting score."""
    probe = (books["half"] == "B") & (books["language"] == language) & (books["stratum"] == stratum)
    return books[probe | ((books["stratum"] == "control") & (books["measure"] == "forgetting"))]


def resample_of(books: pd.DataFrame, measure: str, settings: Saturation) -> Resample:
    """One resample of the probe books for all measures; the control text has its own."""
    control = books["measure"] == "forgetting"
    rows = books[control if measure == "forgetting" else ~control]
    kind = "control" if measure == "forgetting" else "probe"
    return resample_books(tuple(sorted(rows["book_id"].unique())), settings.samples, stream(settings.seed, kind))


def score_all(books: pd.DataFrame, settings: Saturation, shelves: Shelves) -> dict[Key, Scored]:
    """Curves of every measure, order and arm that was read; the primary arm first, so that controls can borrow."""
    found: dict[Key, Scored] = {}
    pairs = books[["order", "arm"]].drop_duplicates().itertuples(index=False, name=None)
    arms = sorted(pairs, key=lambda pair: (pair[0] != settings.order, pair[1] != settings.arm, pair))
    for measure in MEASURES:
        if not (books["measure"] == measure).any():
            continue
        resample = resample_of(books, measure, settings)
        for order, arm in arms:
            cube = make_cube(books, measure, order, arm, shelves)
            if cube is not None and len(cube.books) >= LEAST_BOOKS:
                lender = found.get((measure, settings.order, settings.arm))
                found[measure, order, arm] = score(cube, resample, settings, lender)
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
    """The real arm minus every control at the largest rung that both were read at, for each score."""
    found = []
    for (measure, order, arm), control in scored.items():
        if order != settings.order or arm == settings.arm or measure not in (*UNDERSTOOD, "order"):
            continue
        real = scored[measure, order, settings.arm]
        if shared := sorted(set(real.cube.rungs) & set(control.cube.rungs)):
            found.append(contrast(real, control, shared[-1], resample_of(books, measure, settings), settings))
    return found


def contrast(real: Scored, control: Scored, rung: int, resample: Resample, settings: Saturation) -> Contrast:
    """Draws of the arms are independent; probe books are the same, so their noise is that of the difference."""
    total, value = np.zeros(settings.samples), 0.0
    for sign, arm in ((1, real), (-1, control)):
        place = arm.cube.rungs.index(rung)
        noise = dataclasses.replace(arm.noise, shrink=np.eye(len(arm.cube.rungs)))
        name = (arm.cube.measure, arm.cube.order, arm.cube.arm, "contrast")
        draws = draw_samples(arm.cube, noise, settings.samples, stream(settings.seed, *name))
        total += sign * (arm.cube.curve[place] + books_samples(arm.cube, noise, resample)[:, place] + draws[:, place])
        value += sign * arm.cube.curve[place]
    difference = bound(total, value, settings.interval)
    return Contrast(real.cube.measure, control.cube.arm, rung, difference, judging.is_positive(total))


def sides(books: pd.DataFrame, settings: Saturation, language: str) -> list[Side]:
    """The primary score at the top rung for every other language and stratum of half B."""
    found = []
    groups = books.loc[books["half"] == "B", ["language", "stratum"]].drop_duplicates()
    for other, stratum in sorted(groups.itertuples(index=False, name=None)):
        rows = choose(books, other, stratum)
        cube = make_cube(rows, settings.score, settings.order, settings.arm)
        if (other, stratum) == (language, "random") or cube is None:
            continue
        gain = None
        if len(cube.books) >= LEAST_BOOKS:
            gain = score(cube, resample_of(rows, settings.score, settings), settings, None).bounds[-1]
        found.append(Side(other, stratum, len(cube.books), gain))
    return found


def base_rates(items: pd.DataFrame, books: tuple[str, ...]) -> dict[str, float]:
    """Bits per byte of the base on each probe book, over its prediction passages."""
    rows = items[(items["reading"] == "base") & (items["score"] == "prediction") & items["book_id"].isin(books)]
    sums = rows[rows["stratum"] == "random"].groupby("book_id")[["bits", "bytes"]].sum()
    return {str(name): float(row["bits"] / row["bytes"]) for name, row in sums.iterrows()}
