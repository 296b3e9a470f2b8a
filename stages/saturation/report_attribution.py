"""The report's chapters on whose the curve is: of the order or of the number of books, of what the base knew before."""

from stages.saturation.analysis import Analysis
from stages.saturation.breakdown import Breakdown
from stages.saturation.memory import BY_HEART, NOT_BY_HEART
from stages.saturation.phrases import Speaker
from stages.saturation.report_findings import table
from stages.saturation.words import between, sign


def order_part(analysis: Analysis, say: Speaker) -> list[str]:
    """Other orders against the primary one at equal rungs; nothing where only one was read."""
    if not analysis.orders:
        return []
    rows = [
        [say(one.measure), f"`{one.order}`{' *' if one.borrowed else ''}", f"{one.rung:,}", between(one.difference),
         say(sign(one.difference))]
        for one in analysis.orders
    ]  # fmt: skip
    names = [say(key) for key in ("score", "other order", "books", "difference", "sign")]
    order = analysis.settings.order
    lines = [f"## {say('orders head')}", "", say("orders text", order=order), "", *table(names, rows)]
    return [*lines, say("orders borrowed", order=order), ""] if any(one.borrowed for one in analysis.orders) else lines


def familiar_part(analysis: Analysis, breakdown: Breakdown, say: Speaker) -> list[str]:
    """The primary score at each rung on books known by heart and on others; nothing where all are of one kind."""
    key = analysis.primary.cube.key
    ours = [
        one
        for one in breakdown.scores
        if (one.measure, one.order, one.arm) == key and one.by == "contamination" and one.language == analysis.language
    ]
    found = {(one.group, one.rung): one for one in ours}
    if len({group for group, _ in found}) < 2:
        return []
    rows = []
    for rung in analysis.primary.cube.rungs:
        both = [found[group, rung] for group in (BY_HEART, NOT_BY_HEART)]
        rows.append([f"{rung:,}", *(between(one.gain) if one.gain else f"{one.value:.4f}" for one in both)])
    sizes = [found[group, analysis.primary.cube.rungs[0]].books for group in (BY_HEART, NOT_BY_HEART)]
    names = [
        say("books"),
        *(f"{say(f'group {group}')} ({size})" for group, size in zip((BY_HEART, NOT_BY_HEART), sizes, strict=True)),
    ]
    text = say("familiar text", score=say(analysis.settings.score))
    return [f"## {say('familiar head')}", "", text, "", *table(names, rows)]
