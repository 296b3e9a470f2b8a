"""Answers on the command line: what one adapter gained on the probe, and how far two cells lie apart."""

import math
from pathlib import Path

import numpy as np
import pandas as pd

from stages.shared import models, scoring
from stages.shared.errors import UserError
from stages.shared.measures import MEASURES, book_gains

INTERVAL = 0.90


def lines(items: pd.DataFrame) -> list[str]:
    """Each score of the one adapter of an items table: mean over probe books with its t interval.

    Languages and strata stand apart. One book gives no interval.
    """
    found = []
    gains = book_gains(items)
    for measure in MEASURES:
        rows = gains[gains["measure"] == measure]
        for (language, stratum), group in rows.groupby(["language", "stratum"]):
            label = f"{MEASURES[measure].label}, {language}, {stratum}"
            found.append(f"{label:<58} {spread(group['gain'].to_numpy())}  {MEASURES[measure].unit}")
    return found


def spread(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> str:
    """Mean, interval and number of books."""
    from scipy import stats

    mean, count = float(values.mean()), len(values)
    if count == 1:
        return f"{mean:8.4f} (1 book, no interval)"
    half = float(stats.t.ppf((1 + INTERVAL) / 2, count - 1)) * float(values.std(ddof=1)) / math.sqrt(count)
    return f"{mean:8.4f} [{mean - half:.4f}, {mean + half:.4f}] ({count} books)"


def comparison(base: Path, states: Path, one: str, other: str) -> str:
    """KL, JS (bits per token) and changed first choices of one cell against another, from their stored states."""
    first, second = (read_states(states, name) for name in (one, other))
    if first.shape != second.shape:
        raise UserError(f"the states of {one} and {other} are of different probes; run `dvc repro evaluate`")
    head = models.load_base(base).model.lm_head
    apart = scoring.divergence((head, head), first, second)
    return (
        f"KL({one}, {other}) {apart.kl.mean():.4g}, JS {apart.js.mean():.4g} bits per token; "
        f"{100 * apart.flips.mean():.2f} % of the first choices differ ({len(first)} tokens)"
    )


def read_states(folder: Path, name: str) -> "np.ndarray[tuple[int, int], np.dtype[np.float16]]":
    """The stored states of a cell."""
    path = folder / f"{name}.npz"
    if not path.exists():
        there = ", ".join(sorted(found.stem for found in folder.glob("*.npz"))) or "none"
        raise UserError(f"{folder} has no cell {name}; its cells are {there}")
    found: np.ndarray[tuple[int, int], np.dtype[np.float16]] = np.load(path)["states"]
    return found
