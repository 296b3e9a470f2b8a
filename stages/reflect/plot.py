"""The picture of own thinking beside reading."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's palette: told apart by readers with any form of colour blindness.
COLOURS = {"own": "#D55E00", "next": "#0072B2", "replay": "#009E73"}
GREY = "#777777"
STYLE: Any = {
    "svg.hashsalt": "reflect", "svg.fonttype": "path", "font.family": "DejaVu Sans", "font.size": 9,
    "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 10, "axes.titlelocation": "left",
    "legend.frameon": False, "legend.fontsize": 8, "figure.constrained_layout.use": True,
}  # fmt: skip


def draw(path: Path, rows: Sequence[Mapping[str, float]], told: Mapping[str, Any]) -> None:
    """Draw the gains by round and the differences; where nothing was run the picture says so."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 3.6))
        if told["run"] and len(rows) > 1:
            figure.suptitle(title(told), x=0.01, ha="left", fontsize=11)
            left, right = figure.subplots(1, 2, width_ratios=[3, 2])
            gains(left, rows)
            differences(right, told)
        else:
            axes = figure.subplots()
            axes.set_axis_off()
            axes.text(
                0.5,
                0.5,
                told.get("reason") or "no round of own thinking was read by every replicate",
                ha="center",
                color=GREY,
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def title(told: Mapping[str, Any]) -> str:
    """What the picture is of."""
    who = "own thinking" if told["writer"] == "own" else f"scenes written by {told['writer']}"
    size = f"{told['parameters'] / 1e6:,.1f} M parameters"
    return f"Past {told['rung']} books of {told['reading']}: {who} beside reading, {size}"


def gains(axes: Axes, rows: Sequence[Mapping[str, float]]) -> None:
    """Gain of every arm over the saturated adapter, by rounds; equal tokens are lines, equal compute is dashed."""
    axes.axhline(0, color=GREY, linewidth=0.8)
    count = [row["rounds"] for row in rows]
    for name in [name for name in rows[-1] if name != "rounds" and not name.endswith(("_low", "_high"))]:
        arm, _, equal = name.partition("_")
        low, high = ([row[f"{name}{end}"] for row in rows] for end in ("_low", "_high"))
        values = [row[name] for row in rows]
        dashed = equal == "compute"
        axes.plot(count, values, color=COLOURS[arm], linestyle="--" if dashed else "-", marker="s" if dashed else "o",
                  markersize=3.5, label=arm if arm == "own" else f"{arm}, equal {equal}")  # fmt: skip
        axes.vlines(count, low, high, color=COLOURS[arm], linewidth=0.8, linestyle="--" if dashed else "-")
    axes.set_xticks(count)
    axes.set_xlabel("rounds")
    axes.set_ylabel("prediction gain on probe B, bits per byte")
    axes.legend(loc="best")


def differences(axes: Axes, told: Mapping[str, Any]) -> None:
    """Own thinking less each way to read, with intervals."""
    found = [
        (f"own - {arm}\nequal {equal}", arm, one)
        for equal, row in told["differences"].items()
        for arm, one in row.items()
    ]
    axes.axvline(0, color=GREY, linewidth=0.8)
    for place, (_, arm, one) in enumerate(found):
        axes.hlines(place, one["low"], one["high"], color=COLOURS[arm])
        axes.plot(one["value"], place, "o", color=COLOURS[arm])
    axes.set_yticks(range(len(found)), [label for label, _, _ in found])
    axes.invert_yaxis()
    axes.set_xlabel(f"difference, bits per byte ({told['interval']:.0%} intervals)")
