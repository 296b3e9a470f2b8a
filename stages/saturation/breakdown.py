"""Every score of every cell, group by group of the probe's books: by tier, category, language, stratum, memory."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.saturation.analysis import LEAST_BOOKS, Analysis, choose, cubes_of, score_all
from stages.saturation.memory import Memory, read_memory
from stages.saturation.shelves import Shelves
from stages.saturation.verdict import Bound
from stages.shared.measures import MEASURES, book_gains
from stages.shared.records import TIERS

BY = ("all", "tier", "category", "language", "stratum", "contamination")


@dataclass(frozen=True)
class Group:
    """Probe books of one language that have the same `name` of `by`; `rows` of `book_gains`."""

    by: str
    name: str
    language: str
    rows: pd.DataFrame


@dataclass(frozen=True)
class GroupScore:
    """One score of one cell on one group; `gain` is None where one probe book gives no interval."""

    measure: str
    order: str
    arm: str
    rung: int
    draws: int
    by: str
    group: str
    language: str
    books: int
    value: float
    gain: Bound | None


@dataclass(frozen=True)
class Breakdown:
    """All scores by group, sorted, and what the base knew of the probe."""

    scores: tuple[GroupScore, ...]
    memory: Memory


def break_down(items: pd.DataFrame, analysis: Analysis, shelves: Shelves) -> Breakdown:
    """Score every group with the noise and the resamples of the headline, each group as if it were the probe."""
    memory = read_memory(items, analysis.settings.half)
    found = [
        score
        for group in groups(book_gains(items), analysis.settings.half, analysis.language, memory)
        for score in group_scores(group, analysis, shelves)
    ]
    return Breakdown(tuple(sorted(found, key=place)), memory)


def place(one: GroupScore) -> tuple[int | str, ...]:
    """Where a score stands in the table; tiers in the order they are read in, other names by alphabet."""
    tier = TIERS.index(one.group) if one.group in TIERS else len(TIERS)
    cell = (list(MEASURES).index(one.measure), one.order, one.arm)
    return (*cell, BY.index(one.by), one.language, tier, one.group, one.rung)


def groups(books: pd.DataFrame, half: str, language: str, memory: Memory) -> list[Group]:
    """All groups of a half of the probe; languages are never pooled, and control text is a stratum of its own.

    Tiers, categories and what the base knows by heart are told apart within the headline language.
    """
    control = (books["stratum"] == "control") & (books["measure"] == "forgetting")
    books = books[(books["half"] == half) | control]
    books = books.assign(contamination=books["book_id"].map(memory.strata).fillna(""))
    random = books[books["stratum"] == "random"]
    ours = choose(random, half, language, "random")
    found = [Group("all", "all", language, ours)]
    for by, rows in (("tier", ours), ("category", ours), ("contamination", ours), ("language", random)):
        found += split(rows, by)
    return found + split(books, "stratum")


def split(rows: pd.DataFrame, by: str) -> list[Group]:
    """One group for each language and value of `by`; books without a value form none."""
    pairs = rows.groupby([rows["language"].rename("tongue"), rows[by].rename("name")])
    return [Group(by, str(name), str(language), some) for (language, name), some in pairs if name]


def group_scores(group: Group, analysis: Analysis, shelves: Shelves) -> Iterator[GroupScore]:
    """Every measure, order, arm and rung of one group."""
    cubes = cubes_of(group.rows, analysis.settings, shelves)
    scored = score_all(cubes, group.rows, analysis.settings)
    for cube in cubes:
        draws = np.isfinite(cube.by_draw[:, :, 0]).sum(axis=0)
        bounds = scored[cube.key].bounds if len(cube.books) >= LEAST_BOOKS else [None] * len(cube.rungs)
        for number, (rung, gain) in enumerate(zip(cube.rungs, bounds, strict=True)):
            yield GroupScore(
                *cube.key, rung, int(draws[number]), group.by, group.name, group.language, len(cube.books),
                float(cube.curve[number]), gain,
            )  # fmt: skip
