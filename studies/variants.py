"""Variants of a study: the same books and the same probe, one thing done otherwise; their scores side by side."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from stages.saturation.analysis import choose, cubes_of, score_all
from stages.saturation.settings import Saturation
from stages.saturation.shelves import Shelves
from stages.saturation.tables import read_rows, write_rows
from stages.saturation.trained import trained_at
from stages.saturation.verdict import Bound, bound
from stages.shared.measures import book_gains

MAIN = "main"
SCORES, GAINS, TABLE = "variants.csv", "gains.csv", "variants.md"
SHOWN = ("prediction", "explanation", "order", "chain", "js", "forgetting")
STILL = ("explanation", "order", "chain")  # that move least: the question is whether any of them leaves zero
CELL = ["measure", "order", "draw", "init", "rung", "book_id"]  # of one arm

Row = dict[str, str]
Place = tuple[str, str, str, str]  # variant, order, arm, books


def take(workspace: Path, variant: str, params: Mapping[str, Any], folder: Path) -> None:
    """Put what a variant has scored into variants.csv and gains.csv of a study, in place of older rows, and tell it."""
    take_scores(workspace, variant, folder / SCORES)
    settings = Saturation.model_validate(params["saturation"])
    take_gains(workspace, variant, settings, params["probe"]["language"], folder / GAINS)
    write_table(folder, settings)


def take_scores(workspace: Path, variant: str, path: Path) -> None:
    """The scores that a variant has over all probe books, and what it forgot of the control text.

    `tokens` are those its adapters were trained on, mean over draws: forms of one scene are not of one length.
    """
    kept = [row for row in read_rows(path) if row["variant"] != variant] if path.exists() else []
    trained = trained_at(read_rows(workspace / "data/evaluate/cells.csv"))
    new = [
        {"variant": variant, "tokens": str(round(trained[row["order"], row["arm"]][int(row["rung"])].tokens))} | row
        for row in read_rows(workspace / "metrics/scores.csv")
        if row["by"] == "all" or (row["measure"], row["group"]) == ("forgetting", "control")
    ]
    write_rows(path, sorted([*kept, *new], key=lambda row: row["variant"] != MAIN))


def take_gains(workspace: Path, variant: str, settings: Saturation, language: str, path: Path) -> None:
    """The gain of each of its cells on each probe book, from which variants are compared draw by draw."""
    items = pd.read_parquet(workspace / "data/evaluate/items.parquet")
    rows = choose(book_gains(items), settings.half, language, "random")
    rows = rows[rows["measure"].isin(SHOWN)].sort_values([*CELL, "arm"])
    new = rows[[*CELL, "arm", "top", "gain"]].round({"gain": 6}).assign(variant=variant)
    if path.exists():
        older = pd.read_csv(path)
        new = pd.concat([older[older["variant"] != variant], new])
        new = new.sort_values("variant", key=lambda names: names != MAIN, kind="stable")
    new[["variant", "arm", *CELL, "top", "gain"]].to_csv(path, index=False, lineterminator="\n")


def cells_of(rows: Iterable[Row]) -> dict[Place, dict[str, Row]]:
    """Variant, order, arm and rung -> score -> row."""
    found: dict[Place, dict[str, Row]] = {}
    for row in rows:
        found.setdefault((row["variant"], row["order"], row["arm"], row["rung"]), {})[row["measure"]] = row
    return found


def differences(gains: pd.DataFrame, settings: Saturation) -> dict[Place, dict[str, Bound]]:
    """What each variant, and each other arm of the study, has gained less the study itself, score by score.

    Both sides read the same draws and are asked on the same probe books, so the difference is taken cell by cell and
    book by book, and its noise is that of these differences. At the last doubling that was read, the difference of
    what it added: below zero where the variant flattens more.
    """
    study = gains[(gains["variant"] == MAIN) & (gains["arm"] == settings.arm)]
    found: dict[Place, dict[str, Bound]] = {}
    for (variant, arm), rows in gains.groupby(["variant", "arm"], sort=False):
        if (variant, arm) == (MAIN, settings.arm):
            continue
        pairs = rows.merge(study[[*CELL, "gain"]], on=CELL, suffixes=("", "_study"))
        pairs = pairs.assign(gain=pairs["gain"] - pairs["gain_study"], arm=settings.arm)
        for one in score_all(cubes_of(pairs, settings, Shelves()), pairs, settings).values():
            rungs = one.cube.rungs
            told = dict(zip(map(str, rungs), one.bounds, strict=True))
            if rungs[-1] // 2 in rungs:
                half, top = rungs.index(rungs[-1] // 2), len(rungs) - 1
                samples, value = (row[..., top] - row[..., half] for row in (one.samples, one.cube.curve))
                told[f"{rungs[half]} to {rungs[top]}"] = bound(samples, value, settings.interval)
            for books, difference in told.items():
                found.setdefault((str(variant), one.cube.order, str(arm), books), {})[one.cube.measure] = difference
    return found


def write_table(folder: Path, settings: Saturation) -> None:
    """Write variants.md: each variant, order, arm and rung; how many intervals leave zero; the differences."""
    rows = read_rows(folder / SCORES)
    books = max((int(row["books"]) for row in rows), default=0)
    cells = cells_of(rows)
    lines = [
        "# Variants: one thing done otherwise",
        "",
        f"Mean over {books} probe books with its {settings.interval * 100:.0f} % interval: bits per byte gained "
        "over the base of the variant;",
        "`js` is the divergence from it in bits per token, `forgetting` the bits per byte lost on other text.",
        "A gain in bold lies wholly above zero.",
        "",
        *head("tokens", "draws"),
    ]
    for place, scores in cells.items():
        first = next(iter(scores.values()))
        lines.append(line(place, first["tokens"], first["draws"], *(shown(scores.get(name), name) for name in SHOWN)))
    lines += ["", above_zero(list(cells.values()), settings.interval), ""]
    apart = differences(pd.read_csv(folder / GAINS), settings)
    if apart:
        lines += [
            "## Less the study itself",
            "",
            "Each of them less `main`, draw by draw and probe book by probe book, so what both share drops out; with",
            "one draw the interval is that of the probe books alone. A line such as `50 to 100`: what that doubling",
            "of the books added, less what it added in `main`. In bold: the interval lies on one side of zero.",
            "",
            *head(),
            *(line(place, *(apart_shown(scores.get(name)) for name in SHOWN)) for place, scores in apart.items()),
            "",
            left_zero([one for scores in apart.values() for one in scores.values()], settings.interval),
            "",
        ]
    (folder / TABLE).write_text("\n".join(lines), encoding="utf-8")


def head(*further: str) -> list[str]:
    """The first two lines of a table."""
    names = ["variant", "order", "arm", "books", *further, *SHOWN]
    return [f"| {' | '.join(names)} |", f"|{' --- |' * len(names)}"]


def line(place: Place, *told: str) -> str:
    """A line of a table."""
    variant, order, arm, books = place
    return f"| {' | '.join([variant, order, arm.replace('_', ' '), books, *told])} |"


def shown(row: Row | None, name: str) -> str:
    """A score with its interval, bold where it is a gain that lies above zero."""
    if row is None or not row["gain"]:
        return "-"
    value = f"{float(row['gain']):.4f}"
    if not row["gain_low"]:
        return value
    text = f"{value} [{float(row['gain_low']):.4f}, {float(row['gain_high']):.4f}]"
    return f"**{text}**" if name not in ("js", "forgetting") and float(row["gain_low"]) > 0 else text


def apart_shown(one: Bound | None) -> str:
    """A difference with its interval, bold where it leaves zero."""
    if one is None:
        return "-"
    text = f"{one.value:.4f} [{one.low:.4f}, {one.high:.4f}]"
    return f"**{text}**" if leaves_zero(one) else text


def leaves_zero(one: Bound) -> bool:
    """Whether an interval lies on one side of zero."""
    return one.low > 0 or one.high < 0


def above_zero(cells: Sequence[dict[str, Row]], interval: float) -> str:
    """How many gains beside prediction lie above zero or below, and how many would by chance."""
    tested = [row for scores in cells for name in STILL if (row := scores.get(name)) and row["gain_low"]]
    above = sum(float(row["gain_low"]) > 0 for row in tested)
    below = sum(float(row["gain_high"]) < 0 for row in tested)
    scores = "explanatory power, order gain and chain-of-thought gain"
    chance = f"where nothing moved, about {outside(interval) / 2 * len(tested):.1f} would on either side"
    return f"Of {len(tested)} intervals of {scores} {above} lie wholly above zero, {below} below; {chance}."


def left_zero(tested: Sequence[Bound], interval: float) -> str:
    """How many differences leave zero, and how many would by chance."""
    there = sum(map(leaves_zero, tested))
    chance = f"where nothing differed, about {outside(interval) * len(tested):.1f} would"
    return f"Of {len(tested)} differences {there} leave zero; {chance}."


def outside(interval: float) -> float:
    """The share of intervals that miss the truth by chance."""
    return round(1 - interval, 9)
