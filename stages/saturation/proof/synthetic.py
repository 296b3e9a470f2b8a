"""Synthetic items tables with a known curve: what the real stage reads, for tests and for `make prove`."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

Truth = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Study:
    """A study whose true gain (bits per byte after n books) is `truth`.

    Standard deviations in bits per byte: `draw` of a draw's curve with `correlation` over a doubling of the books,
    `init` of one init, `item` of one item in one cell (Student t with 3 degrees of freedom); `books` is the spread
    of a probe book's own gain as a share of the curve, `mixed` of book × draw.
    """

    truth: Truth
    rungs: tuple[int, ...]
    shelf: int
    draws: int = 3
    inits: int = 1
    probe_books: int = 24
    items: int = 2
    draw: float = 0.002
    correlation: float = 0.7
    init: float = 0.0005
    books: float = 0.3
    mixed: float = 0.001
    item: float = 0.002
    order: str = "tiered"
    arm: str = "real"
    score: str = "prediction"
    language: str = "en"


CONDITIONS = {  # condition -> share of the effect that its bits carry
    "prediction": {"passage": -1.0},
    "explanation": {"own": -1.0, "wrong-0": 0.0, "wrong-1": 0.0, "wrong-2": 0.0, "wrong-3": 0.0},
    "order": {"ordered": -1.0, "shuffled": 0.0},
    "chain": {"own": -1.0, "own_shuffled": 0.0, "base": -0.5, "base_shuffled": 0.0},
    "divergence": {"kl": 1.0, "js": 0.5, "flips": 2.0},
    "forgetting": {"passage": 1.0},
}
BYTES, TOKENS, BASE_RATE = 600, 150, 1.2


def wander(rungs: np.ndarray, correlation: float, size: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Standard normal errors along a ladder, correlation^|log2(n/m)| between rungs; shape size + (rungs,)."""
    matrix = correlation ** np.abs(np.log2(rungs[:, None] / rungs[None, :]))
    return np.asarray(rng.standard_normal((*size, len(rungs))) @ np.linalg.cholesky(matrix).T)


def item_gains(study: Study, rng: np.random.Generator) -> np.ndarray:
    """True curve plus all noise, bits per byte, shape (draws, inits, rungs, books, items)."""
    rungs = np.array(study.rungs, dtype=float)
    shape = (study.draws, study.inits, len(rungs), study.probe_books, study.items)
    draws = study.draw * wander(rungs, study.correlation, (study.draws,), rng)
    inits = study.init * wander(rungs, study.correlation, (study.draws, study.inits), rng)
    tails = rng.standard_t(3, size=study.probe_books) / np.sqrt(3)
    mixed = study.mixed * rng.standard_normal((study.draws, study.probe_books))
    gains = study.truth(rungs)[:, None] * (1 + study.books * tails[None, :])
    gains = gains[None, None, :, :, None] + draws[:, None, :, None, None] + inits[:, :, :, None, None]
    gains = gains + mixed[:, None, None, :, None]
    return np.asarray(gains + study.item * rng.standard_t(3, size=shape) / np.sqrt(3))


def items_table(study: Study, rng: np.random.Generator) -> pd.DataFrame:
    """The items table of one score of `study`, the rows of the base included."""
    gains = item_gains(study, rng)
    index = pd.MultiIndex.from_product(
        [range(size) for size in gains.shape], names=["draw", "init", "place", "book", "number"]
    )
    frame = index.to_frame(index=False).assign(gain=gains.ravel())
    frame["rung"] = np.array(study.rungs)[frame["place"]]
    frame["top"] = frame["rung"] == study.shelf
    frame["reading"] = [
        f"{study.order}-{study.arm}-d{draw}-i{init}" for draw, init in zip(frame["draw"], frame["init"], strict=True)
    ]
    base = frame[(frame["draw"] == 0) & (frame["init"] == 0) & (frame["place"] == 0)].assign(
        reading="base", rung=0, top=False, gain=0.0
    )
    frame = pd.concat([frame.assign(order=study.order, arm=study.arm), base.assign(order="", arm="base")])
    return with_conditions(describe(frame, study), study.score)


def describe(frame: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Add the columns of the probe item."""
    names = [f"probe-{book:03d}" for book in range(study.probe_books)]
    control = study.score == "forgetting"
    return frame.assign(
        book_id=np.array(names)[frame["book"]],
        author=[f"Author {book:03d}" for book in frame["book"]],
        item=[
            f"{study.score}-{book:03d}-{number}" for book, number in zip(frame["book"], frame["number"], strict=True)
        ],
        half="" if control else "B",
        tier="" if control else "core",
        category="",
        language=study.language,
        stratum="control" if control else "random",
        score=study.score,
        bytes=BYTES,
        tokens=TOKENS,
    )


def with_conditions(frame: pd.DataFrame, score: str) -> pd.DataFrame:
    """One row per condition: the conditions' bits differ by the gain and nothing else."""
    per = TOKENS if score == "divergence" else BYTES
    start = 0.0 if score == "divergence" else BASE_RATE * BYTES
    parts = [
        frame.assign(condition=name, bits=start + share * per * frame["gain"])
        for name, share in CONDITIONS[score].items()
    ]
    table = pd.concat(parts, ignore_index=True).drop(columns=["place", "book", "number", "gain"])
    if score == "divergence":
        table = table[table["arm"] != "base"]
    return table.reset_index(drop=True)
