"""The proof in one picture."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from stages.saturation.plots import BLUE, GREEN, GREY, ORANGE, RED, STYLE, save
from stages.saturation.proof.learners import Prediction
from stages.saturation.proof.recovery import Outcome
from stages.saturation.proof.truths import EPSILON, SHAPES

BINS = (-1.0, 2.5, 5.0, 7.5, 10.0, 12.5, 15.0, 20.0, 1000.0)
SMALLEST = 1e-4
VERDICTS = {"reached": BLUE, "not decided": GREY, "not reached": ORANGE}


def draw_proof(outcomes: Sequence[Outcome], predictions: Sequence[Prediction], path: Path) -> None:
    """Verdicts against truth, coverage by shape, and errors on measured curves beside the baselines."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(10.5, 3.8))
        figure.suptitle(f"Is the instrument right? {len(outcomes)} synthetic studies with a known truth",
                        x=0.01, ha="left", fontsize=11)  # fmt: skip
        panels = figure.subplots(1, 3, width_ratios=[1.2, 1, 1])
        verdict_panel(panels[0], outcomes)
        coverage_panel(panels[1], outcomes)
        error_panel(panels[2], predictions)
        save(figure, path)


def verdict_panel(axes: Axes, outcomes: Sequence[Outcome]) -> None:
    """Shares of the three verdicts by the true last doubling."""
    places = np.digitize([one.last for one in outcomes], BINS) - 1
    labels = [
        f"<{BINS[1]:g}",
        *(f"{low:g}-{high:g}" for low, high in itertools.pairwise(BINS[1:-1])),
        f">{BINS[-2]:g}",
    ]
    bottom = np.zeros(len(labels))
    for verdict, colour in VERDICTS.items():
        hit = np.array([one.verdict == verdict for one in outcomes])
        shares = np.array(
            [hit[places == place].mean() if (places == place).any() else 0.0 for place in range(len(labels))]
        )
        axes.bar(range(len(labels)), shares, bottom=bottom, color=colour, label=verdict, width=0.9)
        bottom += shares
    axes.axvline(int(np.searchsorted(BINS, EPSILON)) - 0.5, color="black", linewidth=1.2)
    axes.set_xticks(range(len(labels)), labels, rotation=45)
    axes.set_title(f"verdicts (epsilon {EPSILON:g}, black line)", pad=20)
    axes.set_xlabel("true last doubling, points of understanding")
    axes.set_ylabel("share of studies")
    axes.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 0.99), columnspacing=1, handlelength=1)


def coverage_panel(axes: Axes, outcomes: Sequence[Outcome]) -> None:
    """Coverage of the 90 % interval of the last doubling, by shape of the truth, with exact 90 % bounds."""
    for place, shape in enumerate(SHAPES):
        hits = [one.step for one in outcomes if one.shape == shape and one.step is not None]
        if hits:
            exact = stats.binomtest(sum(hits), len(hits)).proportion_ci(0.9)
            middle = float(np.mean(hits))
            axes.errorbar(middle, place, xerr=[[middle - exact.low], [exact.high - middle]], fmt="o",
                          color=BLUE if not shape_lacks(shape) else RED, capsize=3)  # fmt: skip
    axes.axvline(0.9, color=GREY, linestyle="--", linewidth=1)
    axes.set_yticks(range(len(SHAPES)), [f"{shape}{' *' if shape_lacks(shape) else ''}" for shape in SHAPES])
    axes.set_xlim(0.6, 1.0)
    axes.set_title("coverage of 90 % intervals", pad=20)
    axes.set_xlabel("last doubling (* no family of the fitter)")


def shape_lacks(shape: str) -> bool:
    """Whether the fitter has no family of this shape."""
    return not SHAPES[shape][1]


def error_panel(axes: Axes, predictions: Sequence[Prediction]) -> None:
    """Cumulative share of curves by mean error of their hidden third."""
    names = sorted({one.name for one in predictions})
    table = {name: [one for one in predictions if one.name == name] for name in names}
    for field, label, colour in (("instrument", "this instrument", BLUE), ("power", "power law alone", ORANGE),
                                 ("stays", "last value stays", GREEN)):  # fmt: skip
        errors = np.sort([np.mean([getattr(one, field) for one in table[name]]) for name in names])
        errors = np.maximum(errors, SMALLEST)
        axes.plot(errors, np.arange(1, len(errors) + 1) / len(errors), color=colour, label=label)
    axes.set_xscale("log")
    axes.set_xlim(SMALLEST, 0.5)
    axes.set_title(f"{len(names)} measured learning curves", pad=20)
    axes.set_xlabel("mean error of the hidden third, accuracy")
    axes.set_ylabel("share of curves below")
    axes.legend(loc="upper left")
