"""The report's chapters on the probe: the primary score group by group, and what the base knew before."""

import statistics
from collections import Counter
from collections.abc import Sequence

from stages.saturation.analysis import Analysis
from stages.saturation.breakdown import Breakdown, GroupScore
from stages.saturation.memory import BY_HEART, LONG_RUN, Familiar, Memory
from stages.saturation.phrases import PHRASES, Speaker
from stages.saturation.report_findings import table
from stages.saturation.words import between, sign
from stages.shared.accounts import Fates


def group_part(analysis: Analysis, breakdown: Breakdown, say: Speaker) -> list[str]:
    """The primary score at the top rung in every group; groups of one book by name alone."""
    top, share = analysis.primary.cube.rungs[-1], f"{analysis.settings.interval:.0%}"
    shown = telling(breakdown, analysis.primary.cube.key, top)
    rows = [
        [say(f"by {one.by}"), named(one, say), one.language, str(one.books), between(one.gain), say(sign(one.gain))]
        for one in shown
        if one.gain
    ]
    text = say("groups text", score=say(analysis.settings.score), books=f"{top:,}", share=share)
    names = [say(key) for key in ("grouped by", "group", "language", "probe books", "gain", "sign")]
    lines = [f"## {say('groups head')}", "", text, "", *table(names, rows)]
    alone = [one for one in shown if not one.gain]
    return [*lines, say("groups of one", names=listed(alone, say)), ""] if alone else lines


def listed(scores: Sequence[GroupScore], say: Speaker) -> str:
    """Groups by name.

    Example: "tier, en: core; category, en: drama, epic"
    """
    kinds: dict[str, list[str]] = {}
    for one in scores:
        kinds.setdefault(f"{say(f'by {one.by}')}, {one.language}", []).append(named(one, say))
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in kinds.items())


def telling(breakdown: Breakdown, key: tuple[str, str, str], rung: int) -> list[GroupScore]:
    """Scores of one cell in the groups that say more than all books do: a kind of one group repeats them."""
    ours = [one for one in breakdown.scores if (one.measure, one.order, one.arm) == key and one.rung == rung]
    kinds = Counter(one.by for one in ours)
    return [one for one in ours if one.by == "all" or kinds[one.by] > 1 or one.books < ours[0].books]


def named(one: GroupScore, say: Speaker) -> str:
    """The name of a group: a phrase where there is one, else the catalogue's own word."""
    key = f"group {one.group}"
    return say(key) if key in PHRASES else one.group


def memory_part(breakdown: Breakdown, fates: Fates, say: Speaker) -> list[str]:
    """Contamination: each probe book's base rate and, where it was measured, the longest run that the base recites."""
    memory = breakdown.memory
    titles = {book.book_id: f"{book.title} ({book.author})" for book in fates.books}
    names = [say("probe book"), say("language"), say("base rate")]
    rows = [[titles.get(book.book_id, book.book_id), book.language, f"{book.rate:.3f}"] for book in memory.books]
    lines = [f"## {say('probe head')}", "", say("probe text"), ""]
    if memory.measured:
        names += [say("run"), say("by contamination")]
        rows = [[*row, *recited(book, say)] for row, book in zip(rows, memory.books, strict=True)]
        lines += [run_text(memory, say), ""]
    return [*lines, *table(names, rows)]


def recited(book: Familiar, say: Speaker) -> Sequence[str]:
    """The longest run of a book and its stratum, or that no passage was long enough."""
    return [str(book.run), say(f"group {book.stratum}")] if book.run is not None else ["-", say("no long passage")]


def run_text(memory: Memory, say: Speaker) -> str:
    """How runs are measured, how many books are known by heart, and what control text gives."""
    count = sum(book.stratum == BY_HEART for book in memory.books)
    told = say("run text", least=LONG_RUN, known=count, books=sum(book.run is not None for book in memory.books))
    if not memory.control:
        return f"{told} {say('run no control')}"
    middle, longest = f"{statistics.median(memory.control):g}", memory.control[-1]
    return f"{told} {say('run control', texts=len(memory.control), middle=middle, longest=longest)}"
