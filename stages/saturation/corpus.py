"""The corpus's own saturation over books × terms: per language, tier and theme, beside the rungs of the ladder."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from stages.saturation.coverage import FARTHEST, Frequencies, Richness, coverage, expected, expected_coverage, richness
from stages.saturation.verdict import Bound
from stages.shared.records import TIERS

WORD = re.compile(r"[^\W\d_]{4,}")
DENSE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]+")  # scripts without spaces: Han and kana
LEAST_BOOKS = 5
FOLDS = 50  # groups of the jackknife
SEVERAL = 3  # books that show a term in several contexts


@dataclass(frozen=True)
class BookTerms:
    """The distinct terms of one book's training texts, with the facts that group it."""

    book_id: str
    language: str
    tier: str
    category: str
    terms: frozenset[str]


def terms_of(text: str) -> set[str]:
    """Distinct terms: case-folded words of four letters or more; pairs of signs in Han and kana.

    Example: terms_of("The soul, the SOUL!") -> {"soul"}
    """
    words = {word.casefold() for word in WORD.findall(DENSE.sub(" ", text))}
    pairs = {run[place : place + 2] for run in DENSE.findall(text) for place in range(len(run) - 1)}
    return words | pairs


def read_books(folder: Path) -> list[BookTerms]:
    """The terms of every book that is read, from the training texts of all tiers, sorted by id."""
    facts: dict[str, tuple[str, str, str]] = {}
    terms: dict[str, set[str]] = {}
    for tier in TIERS:
        path = folder / f"{tier}.jsonl"
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            row = json.loads(line)
            facts[row["book_id"]] = (row["language"], row["tier"], row["category"])
            terms.setdefault(row["book_id"], set()).update(terms_of(row["text"]))
    return [BookTerms(name, *facts[name], frozenset(terms[name])) for name in sorted(terms)]


@dataclass(frozen=True)
class Saturation:
    """One group of books: its terms and how complete they are.

    `covered`: share of the next book's occurrences of terms that are known already; `several`: terms found in
    SEVERAL books or more; `heaps`: exponent of terms ~ books^h over the rarefied curve.
    """

    kind: str
    name: str
    frequencies: Frequencies
    covered: Bound
    all_terms: Richness
    several: int
    heaps: float


def frequencies(books: Sequence[BookTerms]) -> Frequencies:
    """In how many books each term is found."""
    counts = Counter(term for book in books for term in book.terms)
    return Frequencies(np.array(sorted(counts.values()), dtype=float), len(books))


def saturation(kind: str, name: str, books: Sequence[BookTerms], interval: float) -> Saturation:
    """Coverage with its jackknife interval, Chao2, terms seen in several books and Heaps' exponent of one group."""
    found = frequencies(books)
    several = int((found.counts >= SEVERAL).sum())
    sizes = np.unique(np.geomspace(max(1, len(books) / 8), len(books), 8).round())
    values = [expected(found, size) for size in sizes]
    heaps = float(np.polyfit(np.log(sizes), np.log(values), 1)[0]) if len(sizes) > 1 else float("nan")
    return Saturation(
        kind, name, found, jackknife(books, interval), richness(found, interval), several, heaps
    )  # fmt: skip


def jackknife(books: Sequence[BookTerms], interval: float) -> Bound:
    """Coverage with a t interval from leaving out one of at most FOLDS groups of books at a time (Tukey 1958)."""
    value, folds = coverage(frequencies(books)), min(FOLDS, len(books))
    left = [
        coverage(frequencies([book for place, book in enumerate(books) if place % folds != fold]))
        for fold in range(folds)
    ]
    error = np.sqrt((folds - 1) / folds * ((np.array(left) - np.mean(left)) ** 2).sum())
    reach = float(stats.t.ppf((1 + interval) / 2, folds - 1) * error)
    return Bound(value, max(value - reach, 0.0), min(value + reach, 1.0))


def saturations(books: Sequence[BookTerms], language: str, interval: float) -> list[Saturation]:
    """Every language on its own; tiers and themes within the headline language; groups of LEAST_BOOKS or more."""
    ours = [book for book in books if book.language == language]
    groups: list[tuple[str, str, list[BookTerms]]] = [
        ("language", name, [book for book in books if book.language == name])
        for name in sorted({book.language for book in books}, key=lambda name: (name != language, name))
    ]
    groups += [("tier", tier, [book for book in ours if book.tier == tier]) for tier in TIERS]
    themes = sorted({book.category for book in ours if book.category})
    groups += [("theme", theme, [book for book in ours if book.category == theme]) for theme in themes]
    return [saturation(kind, name, some, interval) for kind, name, some in groups if len(some) >= LEAST_BOOKS]


@dataclass(frozen=True)
class Point:
    """Terms and coverage expected after so many books; `beyond` where that is extrapolated."""

    books: float
    terms: float
    several: float
    covered: float
    beyond: bool


def curve(found: Frequencies, sizes: Iterable[float]) -> list[Point]:
    """The rarefied and extrapolated curve at `sizes`, those beyond twice the books left out."""
    points = []
    for size in sizes:
        if 1 <= size <= FARTHEST * found.units:
            often = expected_often(found, int(size)) if size <= found.units else float("nan")
            points.append(Point(size, expected(found, size), often, expected_coverage(found, size), size > found.units))
    return points


def expected_often(found: Frequencies, units: int) -> float:
    """Terms expected in SEVERAL or more of `units` books (hypergeometric)."""
    return float(np.sum(stats.hypergeom.sf(SEVERAL - 1, found.units, found.counts.astype(int), units)))
