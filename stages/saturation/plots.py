"""The curves as SVG: each picture stands alone and is the same bytes on every run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from stages.saturation.analysis import UNDERSTOOD, Analysis, Scored
from stages.saturation.findings import Findings, gain_shares
from stages.saturation.plot_overturns import overturns_figure
from stages.saturation.verdict import Bound
from stages.shared.hypothesis import BOOKS, HIGH, LOW
from stages.shared.measures import MEASURES

# Okabe and Ito's palette: told apart by readers with any form of colour blindness.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY, GREY = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#555555",
)  # fmt: skip
COLOURS = {"prediction": BLUE, "explanation": ORANGE, "chain": GREEN}
CONTROL_MARKS = (("s", RED), ("^", PURPLE), ("D", SKY), ("v", GREY))
STYLE: Any = {
    "axes.formatter.useoffset": False,
    "svg.hashsalt": "saturation", "svg.fonttype": "path", "font.family": "DejaVu Sans", "font.size": 9,
    "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 10, "axes.titlelocation": "left",
    "legend.frameon": False, "legend.fontsize": 8, "figure.constrained_layout.use": True,
}  # fmt: skip


def save(figure: Figure, path: Path) -> None:
    """Write a figure without the date and the version of the library that drew it."""
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def draw_all(analysis: Analysis, findings: Findings, folder: Path) -> None:
    """Draw one picture for each question; what was not measured is said in the picture."""
    with matplotlib.rc_context(STYLE):
        save(curve_figure(analysis), folder / "curve.svg")
        save(divergence_figure(analysis), folder / "divergence.svg")
        save(coverage_figure(analysis, findings), folder / "coverage.svg")
        save(poll_figure(findings), folder / "poll.svg")
        save(overturns_figure(findings.overturns), folder / "overturns.svg")


def curve_figure(analysis: Analysis) -> Figure:
    """The three scores with bands and controls, and understanding beside the hypothesis."""
    figure = Figure(figsize=(9.2, 7.0))
    settings = analysis.settings
    figure.suptitle(
        f"What {analysis.primary.cube.rungs[-1]:,} books changed: gain over the base on books never read "
        f"(order {settings.order}, bands {settings.interval:.0%})",
        x=0.01, ha="left", fontsize=11,
    )  # fmt: skip
    panels = figure.subplots(2, 2).ravel()
    shown: dict[str, Any] = {}
    for axes, measure in zip(panels, UNDERSTOOD, strict=False):
        gain_panel(axes, analysis, measure)
        handles, labels = axes.get_legend_handles_labels()
        shown = {**dict(zip(labels, handles, strict=True)), **shown}
    understanding_panel(panels[3], analysis)
    figure.legend(list(shown.values()), list(shown), loc="outside lower center", ncols=min(len(shown), 5))
    return figure


def gain_panel(axes: Axes, analysis: Analysis, measure: str) -> None:
    """One score over the rungs, and its controls where they were read."""
    axes.set_title(MEASURES[measure].label)
    axes.set_ylabel(f"{MEASURES[measure].unit} (higher is better)")
    axes.axhline(0, color=GREY, linewidth=0.8)
    scored = analysis.get(measure)
    if scored is None:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=GREY)
        return
    band(axes, scored, BLUE, "books, real")
    mark_top(axes, scored)
    others = [one for (name, _, _), one in analysis.scored.items() if name == measure and one is not scored]
    for number, ((mark, colour), other) in enumerate(zip(CONTROL_MARKS, others, strict=False)):
        label = other.cube.arm if other.cube.arm != scored.cube.arm else f"order {other.cube.order}"
        bars(axes, other, mark, colour, label.replace("_", " "), 1.03**number)
    books_axis(axes, scored.cube.rungs)


def tint(colour: str) -> tuple[float, ...]:
    """A light, opaque shade for bands: some viewers of SVG draw no transparency."""
    return tuple(1 - 0.22 * (1 - part) for part in to_rgb(colour))


def band(axes: Axes, scored: Scored, colour: str, label: str) -> None:
    """A line through the rungs with its interval as a band."""
    low, high = ([getattr(one, side) for one in scored.bounds] for side in ("low", "high"))
    axes.fill_between(scored.cube.rungs, low, high, color=tint(colour), linewidth=0, zorder=0)
    axes.plot(scored.cube.rungs, scored.cube.curve, "o-", color=colour, markersize=4, label=label, zorder=3)


def mark_top(axes: Axes, scored: Scored) -> None:
    """Hollow marks on the rungs above half of the shelf, which the verdict does not use."""
    unused = ~scored.cube.used
    rungs = np.array(scored.cube.rungs)[unused]
    if len(rungs):
        values = scored.cube.curve[unused]
        axes.plot(rungs, values, "o", markersize=4, markerfacecolor="white", markeredgecolor=BLUE, zorder=5,
                  label="above half of the shelf: shown, not used")  # fmt: skip


def bars(axes: Axes, scored: Scored, mark: str, colour: str, label: str, aside: float) -> None:
    """Points with error bars, for arms that were read at a few rungs, moved `aside` so that none hides another."""
    curve = scored.cube.curve
    axes.errorbar(
        np.array(scored.cube.rungs) * aside, curve, yerr=reach(curve, scored.bounds), fmt=mark, color=colour,
        markersize=5, capsize=3, linewidth=1, label=label,
    )  # fmt: skip


def reach(middle: np.ndarray, bounds: Sequence[Bound]) -> np.ndarray:
    """Lengths of error bars below and above the middle, shape (2, points)."""
    low, high = (np.array([getattr(one, side) for one in bounds]) for side in ("low", "high"))
    return np.asarray(np.maximum(np.array([middle - low, high - middle]), 0))


def books_axis(axes: Axes, rungs: Sequence[int]) -> None:
    """Logarithmic axis of books with a tick at each rung, and labels where there is room for them."""
    axes.set_xscale("log")
    axes.set_xlabel("books read (log scale)")
    room = 0.11 * np.log(rungs[-1] / rungs[0])
    labelled: list[int] = []
    for rung in reversed(rungs):
        if not labelled or np.log(labelled[-1] / rung) > room:
            labelled.append(rung)
    axes.set_xticks(list(rungs), [f"{rung:,}" if rung in labelled else "" for rung in rungs])
    axes.minorticks_off()


def understanding_panel(axes: Axes, analysis: Analysis) -> None:
    """Understanding in points of the gain after 10 books, the hypothesis as a dashed line."""
    axes.set_title("understanding beside the hypothesis")
    axes.set_ylabel("points, gain after 10 books = 100")
    axes.fill_between(BOOKS, LOW, HIGH, color=tint(GREY), linewidth=0)
    axes.plot(BOOKS, LOW, "x--", color=GREY, linewidth=1, markersize=5, label="hypothesis (its author's law)")
    undefined = []
    for number, measure in enumerate(UNDERSTOOD):
        scored = analysis.get(measure)
        if scored is None or scored.understanding is None:
            undefined.append(MEASURES[measure].label)
            continue
        middle = np.array([one.value for one in scored.understanding])
        axes.errorbar(
            np.array(scored.cube.rungs) * 1.06**number, middle, yerr=reach(middle, scored.understanding),
            fmt=f"{'os^'[number]}-", color=COLOURS[measure], markersize=4, linewidth=1.2, elinewidth=0.8, capsize=2,
            label=MEASURES[measure].label,
        )  # fmt: skip
    if undefined:
        text = "undefined (not measured, or the gain after 10 books\nis not clearly above zero): " + ",\n".join(
            undefined
        )
        axes.text(0.98, 0.03, text, transform=axes.transAxes, fontsize=7.5, color=GREY, ha="right")
    axes.set_ylim(0, max(420.0, min(axes.get_ylim()[1], 700.0)))
    books_axis(axes, BOOKS)
    axes.legend(loc="upper left")


def divergence_figure(analysis: Analysis) -> Figure:
    """How far the model moved from the base, and what it lost on control text."""
    figure = Figure(figsize=(9.2, 3.2))
    figure.suptitle("How far reading moved the model, and what it forgot", x=0.01, ha="left", fontsize=11)
    titles = {"js": "distance from the base", "flips": "changed first choices", "forgetting": "forgetting"}
    for axes, (measure, title) in zip(figure.subplots(1, 3), titles.items(), strict=True):
        scored = analysis.get(measure)
        axes.set_title(title)
        unit: Any = MEASURES[measure].unit
        axes.set_ylabel(
            {"js": "Jensen–Shannon, bits per token", "forgetting": f"{unit} lost on control text"}.get(measure, unit)
        )
        if scored is None:
            axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=GREY)
            continue
        axes.axhline(0, color=GREY, linewidth=0.8)
        band(axes, scored, BLUE, "")
        mark_top(axes, scored)
        books_axis(axes, scored.cube.rungs)
    return figure


def empty(axes: Axes, text: str) -> None:
    """Say in an empty panel why it is empty."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY)
    axes.set_xticks([])
    axes.set_yticks([])


def coverage_figure(analysis: Analysis, findings: Findings) -> Figure:
    """Terms against books, rarefied and extrapolated, and the corpus's coverage beside the model's gain."""
    figure = Figure(figsize=(9.2, 3.6))
    figure.suptitle("The corpus's own saturation, with no model, beside the model's", x=0.01, ha="left", fontsize=11)
    left, right = figure.subplots(1, 2)
    left.set_title(f"terms of the texts that are read (language {analysis.language})")
    right.set_title("what the corpus covers, what the model has gained")
    if not findings.terms:
        empty(left, "training texts not here")
        empty(right, "training texts not here")
        return figure
    terms_panel(left, findings)
    gap_panel(right, analysis, findings)
    return figure


def terms_panel(axes: Axes, findings: Findings) -> None:
    """Distinct terms, and those found in three books or more."""
    inside = [point for point in findings.terms if not point.beyond]
    beyond = [inside[-1], *(point for point in findings.terms if point.beyond)]
    axes.plot([p.books for p in inside], [p.terms for p in inside], color=BLUE, label="distinct terms")
    axes.plot([p.books for p in beyond], [p.terms for p in beyond], "--", color=BLUE, label="extrapolated (2× at most)")
    axes.plot([p.books for p in inside], [p.several for p in inside], color=ORANGE, label="found in 3 books or more")
    axes.plot(inside[-1].books, inside[-1].terms, "o", color=BLUE, markersize=4)
    axes.set_xlabel("books")
    axes.set_ylabel("terms")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left")


def gap_panel(axes: Axes, analysis: Analysis, findings: Findings) -> None:
    """Coverage along the books and the share of the top rung's gain at each rung."""
    values = [covered for _, covered in findings.covered.values()]
    axes.plot(list(findings.covered), values, "s-", color=GREEN, markersize=4, label="coverage of the corpus's terms")
    if shares := gain_shares(analysis):
        middle = np.array([one.value for one in shares])
        label = f"{MEASURES[analysis.settings.score].label}, share of the top rung's"
        axes.errorbar(
            analysis.primary.cube.rungs, middle, yerr=reach(middle, shares), fmt="o-", color=BLUE, markersize=4,
            capsize=3, linewidth=1, label=label,
        )  # fmt: skip
    axes.set_ylabel("share")
    axes.set_ylim(0, 1.25)
    books_axis(axes, analysis.primary.cube.rungs)
    axes.legend(loc="lower right")


def poll_figure(findings: Findings) -> Figure:
    """Divergence and correlation of disjoint draws against two inits of the same books."""
    figure = Figure(figsize=(9.2, 3.4))
    figure.suptitle(
        "Poll curve: do two libraries without a common book give the same model?", x=0.01, ha="left", fontsize=11
    )
    left, right = figure.subplots(1, 2)
    if not findings.poll:
        for axes in (left, right):
            empty(axes, "no two draws without a common book were read")
        return figure
    books = [point.books for point in findings.poll]
    poll_line(left, books, [point.divergence for point in findings.poll], BLUE, "two disjoint draws")
    poll_line(right, books, [point.correlation for point in findings.poll], BLUE, "two disjoint draws")
    for axes, name in ((left, "init_divergence"), (right, "init_correlation")):
        found = [(point.books, getattr(point, name)) for point in findings.poll if getattr(point, name)]
        if found:
            poll_line(axes, [size for size, _ in found], [one for _, one in found], ORANGE, "two starts, same books")
        books_axis(axes, books)
        axes.legend(loc="best")
    left.set_ylabel("Jensen–Shannon, bits per token")
    right.set_ylabel("correlation of gains over passages")
    return figure


def poll_line(axes: Axes, books: Sequence[int], points: Sequence[Bound], colour: str, label: str) -> None:
    """One line of the poll curve with error bars."""
    middle = np.array([one.value for one in points])
    axes.errorbar(
        books, middle, yerr=reach(middle, points), fmt="o-", color=colour, markersize=4, capsize=3, label=label
    )
