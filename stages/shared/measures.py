"""Measures: from bits per item and condition to the gain of each cell on each probe book."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.shared.errors import UserError

CELL = ["reading", "rung"]
BOOK = ["half", "stratum", "language", "book_id", "author", "tier", "category"]
WRONG = tuple(f"wrong-{number}" for number in range(4))


@dataclass(frozen=True)
class Measure:
    """One number per cell and item: mean bits under `plus` minus mean bits under `minus`, cell minus base.

    Where `base` is False the base has no such rows (a divergence is already a comparison with it).
    """

    score: str
    plus: tuple[str, ...]
    minus: tuple[str, ...]
    label: str
    unit: str = "bits per byte"
    per: str = "bytes"
    base: bool = True


MEASURES = {
    "prediction": Measure("prediction", (), ("passage",), "prediction gain"),
    "explanation": Measure("explanation", WRONG, ("own",), "explanatory power"),
    "order": Measure("order", ("shuffled",), ("ordered",), "order gain"),
    "chain": Measure("chain", ("own_shuffled",), ("own",), "chain-of-thought gain"),
    "chain_base": Measure("chain", ("base_shuffled",), ("base",), "chain-of-thought gain, the base's chain"),
    "kl": Measure("divergence", ("kl",), (), "divergence from the base (KL)", "bits per token", "tokens", False),
    "js": Measure("divergence", ("js",), (), "divergence from the base (JS)", "bits per token", "tokens", False),
    "flips": Measure("divergence", ("flips",), (), "changed first choices", "share of tokens", "tokens", False),
    "forgetting": Measure("forgetting", ("passage",), (), "forgetting on control text"),
}
COLUMNS = {
    *("reading", "order", "arm", "draw", "init", "rung", "top", "half", "book_id", "author", "tier", "category"),
    *("language", "stratum", "item", "score", "condition", "bits", "bytes", "tokens"),
}


def check_items(items: pd.DataFrame) -> None:
    """Refuse an items table that lacks a column, is empty, or holds a value that is no number."""
    if missing := sorted(COLUMNS - set(items.columns)):
        raise UserError(f"the items table lacks the columns {', '.join(missing)}; run the stage evaluate again")
    if not (items["arm"] != "base").any() or not (items["arm"] == "base").any():
        raise UserError("the items table needs rows of the base and of at least one reading; run the stage evaluate")
    numbers = items[["bits", "bytes", "tokens"]].to_numpy(dtype=float)
    if not np.isfinite(numbers).all():
        raise UserError("the items table holds bits that are no finite number; a cell diverged, lower train.lr")


def effects(items: pd.DataFrame, measure: Measure) -> pd.DataFrame:
    """Bits of `measure` per reading, rung and item (columns effect, bytes, tokens and those of BOOK)."""
    rows = items[(items["score"] == measure.score) & items["condition"].isin([*measure.plus, *measure.minus])]
    plus = rows["condition"].isin(measure.plus)
    count = rows.assign(plus=plus).groupby([*CELL, "item", "plus"], sort=False)["bits"].transform("size")
    rows = rows.assign(effect=np.where(plus, rows["bits"], -rows["bits"]) / count)
    sums = rows.groupby([*CELL, "item"], sort=True).agg(
        effect=("effect", "sum"), bytes=("bytes", "first"), tokens=("tokens", "first")
    )
    facts = rows.drop_duplicates("item")[["item", *BOOK]]
    return sums.reset_index().merge(facts, on="item", how="left", validate="many_to_one")


def book_gains(items: pd.DataFrame) -> pd.DataFrame:
    """The gain of every cell on every probe book, for every measure the table has rows of.

    Returns a frame with the columns of the cell (reading, order, arm, draw, init, rung, top), those of BOOK, measure,
    gain (unit of the measure; positive is better, except for forgetting) and items (their number). A book's gain is
    the sum of its items' bits over the sum of their sizes.
    """
    cells = items[items["arm"] != "base"][[*CELL, "order", "arm", "draw", "init", "top"]].drop_duplicates()
    parts = []
    for name, measure in MEASURES.items():
        if items.loc[items["score"] == measure.score, "condition"].isin([*measure.plus, *measure.minus]).any():
            parts.append(per_book(effects(items, measure), measure).assign(measure=name))
    return pd.concat(parts, ignore_index=True).merge(cells, on=CELL, how="inner", validate="many_to_one")


def per_book(found: pd.DataFrame, measure: Measure) -> pd.DataFrame:
    """Subtract the base item by item and add up the items of each book."""
    base = found[found["reading"] == "base"]
    cells = found[found["reading"] != "base"]
    if measure.base:
        cells = cells.merge(base[["item", "effect"]], on="item", how="left", suffixes=("", "_base"))
        if cells["effect_base"].isna().any():
            item = cells.loc[cells["effect_base"].isna(), "item"].iloc[0]
            raise UserError(f"item {item} of score {measure.score} has no base row; run the stage evaluate again")
        cells = cells.assign(effect=cells["effect"] - cells["effect_base"])
    sums = cells.groupby([*CELL, *BOOK], sort=True).agg(
        effect=("effect", "sum"), size=(measure.per, "sum"), items=("item", "size")
    )
    return sums.assign(gain=sums["effect"] / sums["size"]).reset_index().drop(columns=["effect", "size"])
