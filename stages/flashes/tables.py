"""The files of a run: metrics/flashes.csv, metrics/flashes.json, the figure, and the filter's table."""

import csv
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from stages.flashes.records import FADED, FLASH, NONE, Candidate, Judged, Pair, Row
from stages.shared.records import write_csv, write_json
from stages.shared.scenefile import Scene

GREY, COLOURS = "#999999", {FLASH: "#D55E00", FADED: "#E69F00", NONE: "#0072B2"}  # Okabe and Ito's


def row_of(one: Judged, candidate: Candidate, scene: Scene | None, titles: Mapping[str, str]) -> Row:
    """The row of one candidate; its place is that of its best scene."""
    facts = {name: getattr(candidate, name) for name in Row.__annotations__ if name in Candidate.__annotations__}
    effects = zip(("effect", "effect_low", "effect_high"), one.effect, strict=True)
    moved = zip(("moved_effect", "moved_low", "moved_high"), one.moved_effect, strict=True)
    facts |= {name: round(value, 5) for name, value in (*effects, *moved)}
    return Row(
        **facts | {"status": one.status},
        p=round(one.p, 5),
        q=round(one.q, 5),
        moved=one.moved,
        moved_title=titles.get(one.moved, ""),
        lasting=None if one.lasting is None else round(one.lasting, 5),
        lasting_p=None if one.lasting_p is None else round(one.lasting_p, 5),
        scene=scene.scene_id if scene else "",
        place=place_of(scene) if scene else "",
    )


def place_of(scene: Scene) -> str:
    """Where a scene stands: its chapter, its paragraphs, its page where there is one."""
    paragraphs = f"paragraph {scene.first}" if scene.first == scene.last else f"paragraphs {scene.first}-{scene.last}"
    return "; ".join(filter(None, [scene.chapter, paragraphs, f"page {scene.page}" if scene.page else ""]))


def write_run(
    out: Path,
    metrics: Path,
    rows: Sequence[Candidate],
    pairs: Sequence[Pair],
    found: Sequence[Row],
    summary: Mapping[str, Any],
) -> None:
    """Write everything that a run gives; without rows and pairs what stands where none was asked for."""
    write_csv(out / "filter.csv", Candidate, rows)
    write_pairs(out / "pairs.csv", pairs)
    ranked = sorted(found, key=lambda row: (row.q, -row.moved_effect, row.book_id))
    write_csv(metrics / "flashes.csv", Row, ranked)
    write_json(metrics / "flashes.json", dict(summary))
    draw(ranked, metrics / "flashes.svg")


def write_pairs(path: Path, pairs: Sequence[Pair]) -> None:
    """The pairs as they were read: candidate, placebo, company, further books."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, list(Pair.__annotations__), lineterminator="\n")
        table.writeheader()
        table.writerows({name: joined(value) for name, value in asdict(pair).items()} for pair in pairs)


def joined(value: object) -> object:
    """A list of books as one field."""
    return ";".join(map(str, value)) if isinstance(value, tuple) else value


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw the effect of each tested book on the probe book it moved most, with its interval."""
    from matplotlib import rc_context

    figure = Figure(figsize=(9.2, 1.6 + 0.32 * max(len(rows), 4)), layout="constrained")
    axes = figure.subplots()
    figure.suptitle("Flashes: which late books still change the model?", x=0.01, ha="left", fontsize=11)
    if not rows:
        axes.set_axis_off()
        axes.text(
            0.5, 0.5, "not run: name a reading in flashes.reading", transform=axes.transAxes, ha="center", color=GREY
        )
    for place, row in enumerate(rows):
        colour = COLOURS[row.status]
        axes.plot([row.moved_low, row.moved_high], [place, place], color=colour, linewidth=1.6)
        axes.plot(row.moved_effect, place, "o", color=colour, markersize=5)
    if rows:
        labels = [f"{row.title[:40]} ({'no flash' if row.status == NONE else row.status})" for row in rows]
        axes.set_yticks(range(len(rows)), labels, fontsize=8, parse_math=False)
        axes.invert_yaxis()
        axes.axvline(0.0, color=GREY, linewidth=0.8)
        axes.set_xlabel("bits per byte saved over matched books, on the probe book that moved most")
    with rc_context({"svg.hashsalt": "flashes", "svg.fonttype": "none"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the reader's fonts draw the text, not ours
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
