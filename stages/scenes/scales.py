"""Scales: how a feature of a passage compares with other passages of its language, from a frozen table in git.

A score is the share of passages of the language with a smaller value, so no script is favoured, and no new book moves
another. A feature that the table has no row for is compared inside its own book.
"""

import csv
import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

TABLE = Path("data/catalogue/scene_scales.csv")
SHARES = tuple(round(0.05 * step, 2) for step in range(21))  # of passages, at which the table has a feature's value
LEAST_BOOKS, LEAST_PASSAGES = 3, 60  # of a language that gets rows

Scale = Mapping[str, Sequence[float]]  # feature -> its values at SHARES


@functools.cache
def read_table(path: Path) -> dict[tuple[str, str], dict[str, list[float]]]:
    """The frozen table: (language, base) -> feature -> values at SHARES; base is "" for features of the text."""
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            values = [float(value) for value in row["values"].split()]
            found.setdefault((row["language"], row["base"]), {})[row["feature"]] = values
    return found


def scale_of(path: Path, language: str, fingerprint: str) -> dict[str, list[float]]:
    """The scale of a language for features of the text and for those that a base model gives."""
    table = read_table(path)
    return {**table.get((language, ""), {}), **table.get((language, fingerprint[:12]), {})}


def quantiles(values: Iterable[float]) -> list[float]:
    """The values at SHARES, 4 decimals."""
    return [round(float(value), 4) for value in np.quantile(list(values), SHARES)]


def share_below(value: float, scale: Sequence[float]) -> float:
    """The share of passages with a smaller value, half of those with the same one counted; 3 decimals.

    Example: scale 0, 0.05, ... 1 and value 0.5 -> 0.5
    """
    low, high = np.interp(value, scale, SHARES), 1 - np.interp(-value, [-one for one in scale[::-1]], SHARES)
    return round(float(low + high) / 2, 3)


def scored(rows: Sequence[Mapping[str, float]], scale: Scale) -> list[dict[str, float]]:
    """The scores of passages of one book, feature by feature: by the scale, or inside the book where it has no row."""
    names = dict.fromkeys(name for row in rows for name in row)
    own = {name: scale.get(name) or quantiles(row[name] for row in rows if name in row) for name in names}
    return [{name: share_below(value, own[name]) for name, value in row.items()} for row in rows]
