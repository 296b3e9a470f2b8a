"""Variants of a study: the same books and the same probe, one thing done otherwise; their scores side by side."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from stages.saturation.tables import read_rows, write_rows
from stages.saturation.trained import trained_at

MAIN = "main"
SHOWN = ("prediction", "explanation", "order", "chain", "js", "forgetting")
GAINS = ("explanation", "order", "chain")  # that move least: the question is whether any of them leaves zero
LEVEL = 0.05  # chance that an interval of 90 % lies wholly above zero where nothing moved

Row = dict[str, str]


def take_scores(workspace: Path, variant: str, path: Path) -> None:
    """Put the scores that a variant has over all probe books into the study's variants.csv, in place of older ones.

    `tokens` are those its adapters were trained on, mean over draws: forms of one scene are not of one length.
    """
    kept = [row for row in read_rows(path) if row["variant"] != variant] if path.exists() else []
    trained = trained_at(read_rows(workspace / "data/evaluate/cells.csv"))
    new = [
        {"variant": variant, "tokens": str(round(trained[row["order"], row["arm"]][int(row["rung"])].tokens))} | row
        for row in read_rows(workspace / "metrics/scores.csv")
        if row["by"] == "all"
    ]
    write_rows(path, [*kept, *new])


def cells_of(rows: Iterable[Row]) -> dict[tuple[str, str, str, int], dict[str, Row]]:
    """Variant, order, arm and rung -> score -> row."""
    found: dict[tuple[str, str, str, int], dict[str, Row]] = {}
    for row in rows:
        cell = (row["variant"], row["order"], row["arm"], int(row["rung"]))
        found.setdefault(cell, {})[row["measure"]] = row
    return found


def write_table(path: Path, out: Path) -> None:
    """Write variants.md: a line for each variant, order, arm and rung, and how many intervals leave zero."""
    rows = read_rows(path)
    books = max((int(row["books"]) for row in rows), default=0)
    cells = cells_of(rows)
    lines = [
        "# Variants: what moves more than prediction?",
        "",
        f"Mean over {books} probe books with its 90 % interval: bits per byte gained over the base of the variant;",
        "`js` is the divergence from it in bits per token, `forgetting` the bits per byte lost on other text.",
        "A gain in bold lies wholly above zero.",
        "",
        f"| variant | order | arm | books | tokens | draws | {' | '.join(SHOWN)} |",
        f"|{' --- |' * (6 + len(SHOWN))}",
    ]
    for (variant, order, arm, rung), scores in cells.items():
        first = next(iter(scores.values()))
        told = [first["tokens"], first["draws"], *(shown(scores.get(name), name) for name in SHOWN)]
        lines.append(f"| {' | '.join([variant, order, arm.replace('_', ' '), str(rung), *told])} |")
    out.write_text("\n".join([*lines, "", above_zero(list(cells.values())), ""]), encoding="utf-8")


def shown(row: Row | None, name: str) -> str:
    """A score with its interval, bold where it is a gain that lies above zero."""
    if row is None or not row["gain"]:
        return "-"
    value = f"{float(row['gain']):.4f}"
    if not row["gain_low"]:
        return value
    text = f"{value} [{float(row['gain_low']):.4f}, {float(row['gain_high']):.4f}]"
    return f"**{text}**" if name not in ("js", "forgetting") and float(row["gain_low"]) > 0 else text


def above_zero(cells: Sequence[dict[str, Row]]) -> str:
    """How many gains beside prediction lie above zero, and how many would by chance."""
    tested = [row for scores in cells for name in GAINS if (row := scores.get(name)) and row["gain_low"]]
    above = sum(float(row["gain_low"]) > 0 for row in tested)
    scores = "explanatory power, order gain and chain-of-thought gain"
    chance = f"where nothing moved, about {LEVEL * len(tested):.1f} would"
    return f"Of {len(tested)} intervals of {scores} {above} lie wholly above zero; {chance}."
