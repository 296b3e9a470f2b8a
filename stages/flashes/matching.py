"""Matched books: of the same language, category, tier and century as far as the shelf has them."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.shared.chance import digest

LEAST = 8  # books beside which a number is judged; where a group has fewer, a wider one is taken
NUMBER = re.compile(r"-?\d{1,4}")


@dataclass(frozen=True)
class Kind:
    """What books are matched by; `century` is None where no catalogue dates the book."""

    language: str
    category: str
    tier: str
    century: int | None


def century(dates: str) -> int | None:
    """The century that dates lie in: of a year, or of the middle of an author's life; None where there is no number.

    Example: "1685-1753" -> 17, "-475" -> -5
    """
    years = [int(year) for year in NUMBER.findall(re.sub(r"(?<=\d)-", " ", dates))]
    return sum(years) // len(years) // 100 if years else None


def read_dates(paths: Iterable[Path]) -> dict[str, str]:
    """The dates of books, by id, from those catalogues that are there."""
    found: dict[str, str] = {}
    for path in filter(Path.exists, paths):
        with path.open(encoding="utf-8", newline="") as stream:
            found |= {row["book_id"]: row["dates"] for row in csv.DictReader(stream)}
    return found


def likeness(one: Kind, other: Kind) -> int:
    """How alike two books are: language weighs most, then category, tier, century; 15 where all are the same."""
    same = (
        one.language == other.language,
        one.category == other.category,
        one.tier == other.tier,
        one.century is not None and one.century == other.century,
    )
    return sum(weight for weight, equal in zip((8, 4, 2, 1), same, strict=True) if equal)


def most_alike(book: Kind, others: Mapping[str, Kind], count: int, *seed: object) -> list[str]:
    """The `count` of other books that are most alike, in the order of likeness, ties by hash."""
    return sorted(others, key=lambda name: (-likeness(book, others[name]), digest(*seed, name)))[:count]


def groups_of(kind: Kind) -> list[tuple[object, ...]]:
    """The groups that a book belongs to, the narrowest first."""
    return [
        (kind.language, kind.category, kind.century),
        (kind.language, kind.category),
        (kind.language,),
        (),
    ]


def standardised(
    values: Mapping[str, float], kinds: Mapping[str, Kind], among: Sequence[str] | None = None
) -> dict[str, float]:
    """Each value as standard deviations above the mean of matched books (those of `among`, all where it is None).

    The group is the narrowest of groups_of with LEAST books; the time is linear in books. Where all of a group have
    the same value, it is 0.
    """
    members: dict[tuple[object, ...], list[float]] = {}
    for name in values if among is None else among:
        for group in groups_of(kinds[name]):
            members.setdefault(group, []).append(values[name])
    moments = {group: (float(np.mean(some)), float(np.std(some)), len(some)) for group, some in members.items()}
    found = {}
    for name, value in values.items():
        groups = [group for group in groups_of(kinds[name]) if group in moments]
        mean, spread, _ = moments[next((one for one in groups if moments[one][2] >= LEAST), ())]
        found[name] = round((value - mean) / spread, 3) if spread > 0 else 0.0
    return found
