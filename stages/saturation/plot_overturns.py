"""The picture of overturns: steps of the trunk over those of its null."""

from matplotlib.figure import Figure

from stages.saturation.overturns import Overturns

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")  # of the seeds, Okabe and Ito's
GREY, RED = "#999999", "#D55E00"


def overturns_figure(found: Overturns | None) -> Figure:
    """Each trunk's steps over the mean of the null, the null in grey, overturns and jumps shaded."""
    figure = Figure(figsize=(9.2, 3.4))
    axes = figure.subplots()
    figure.suptitle("Overturns: is what was learned turned over at certain books?", x=0.01, ha="left", fontsize=11)
    if found is None:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no trunk was followed beside its null", transform=axes.transAxes, ha="center", color=GREY)
        return figure
    ends = found.books[1:]
    for (kind, number), steps in found.relative.items():
        null = kind == "shuffled"
        colour = GREY if null else COLOURS[number % len(COLOURS)]
        label = (
            f"null, {found.nulls} shuffled orders"
            if null and not number
            else None
            if null
            else f"in order, seed {number}"
        )
        axes.plot(ends, steps, color=colour, linewidth=0.7 if null else 1.6, marker=None if null else "o", label=label,
                  markersize=3.5, zorder=1 if null else 2)  # fmt: skip
    for name, colour, places in (("overturn", RED, found.found), ("jump", GREY, found.jumps)):
        for one in places:
            axes.axvspan(
                one.start, one.end, color=colour, alpha=0.15, linewidth=0, label=f"{name} in {one.inits} seeds"
            )
    axes.axhline(1.0, color=GREY, linewidth=0.8)
    axes.set_xlabel(f"books read, order {found.reading}")
    axes.set_ylabel("step divergence over the null's mean")
    axes.legend(loc="best")
    return figure
