"""The report's chapters on what follows from the curves: phases, extrapolation, poll curve, corpus."""

from collections.abc import Iterable, Sequence

from stages.saturation.analysis import UNDERSTOOD, Analysis
from stages.saturation.findings import Findings, gain_shares
from stages.saturation.law import Claim
from stages.saturation.phases import Phase
from stages.saturation.phrases import Speaker
from stages.saturation.poll import same_from
from stages.saturation.verdict import Bound
from stages.saturation.words import between
from stages.shared.hypothesis import BOOKS, hypothesis, hypothesis_slope


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines] + [""]


def points(books: float, say: Speaker) -> str:
    """The hypothesis at a size.

    Example: 10000 -> "320-330"
    """
    found = hypothesis(books)
    if found is None:
        return say("nothing said")
    low, high = (f"{value:.0f}" for value in found)
    return low if low == high else f"{low}-{high}"


def phase_part(analysis: Analysis, findings: Findings, say: Speaker) -> list[str]:
    """Measured segments beside the hypothesis, for every score and order, and the hypothesis' own contrasts."""
    rows = "; ".join(f"{size:,}: {points(size, say)}" for size in BOOKS)
    lines = [f"## {say('phases head')}", "", say("phases text", rows=rows), ""]
    for (measure, order), phases in findings.phases.items():
        if phases:
            lines += [f"**{say(measure)}**, `{order}`", "", *phase_table(phases, say)]
    orders = {order for _, order in findings.phases}
    lines += [say("tier note" if "shuffled" in orders and len(orders) > 1 else "tier alone"), ""]
    lines += [say("claims text"), ""]
    names = [say(key) for key in ("score", "claim", "measured points", "answer", "note")]
    claims = [claim_row(measure, one, say) for measure in UNDERSTOOD for one in findings.claims.get(measure, [])]
    return [*lines, *table(names, claims)]


def phase_table(phases: Sequence[Phase], say: Speaker) -> list[str]:
    """Segments with the bounds of their bends and slopes, and the slope of the hypothesis over the same books."""
    rows = []
    for one in phases:
        moves = "rises" if one.slope.low > 0 else "falls" if one.slope.high < 0 else "no change"
        slope = between(one.points, 1) if one.points else say("undefined")
        rows.append([bend(one.start), bend(one.end), between(one.slope, 5), say(moves), slope, law_slope(one, say)])
    names = [say(key) for key in ("phase from", "phase to", "phase slope", "sign", "phase points", "phase law")]
    return table(names, rows)


def bend(one: Bound) -> str:
    """A number of books, with its interval where it has one.

    Example: "50 [50, 100]"
    """
    return (
        f"{one.value:,.0f}"
        if one.low == one.high == one.value
        else f"{one.value:,.0f} [{one.low:,.0f}, {one.high:,.0f}]"
    )


def law_slope(one: Phase, say: Speaker) -> str:
    """Points per doubling of the hypothesis between the phase's ends."""
    found = hypothesis_slope(one.start.value, one.end.value)
    if found is None:
        return say("nothing said")
    low, high = (f"{value:.1f}" for value in found)
    return low if low == high else f"{low}-{high}"


def claim_row(measure: str, one: Claim, say: Speaker) -> list[str]:
    """One claim of the hypothesis with its measured contrast and its answer."""
    note = say(one.why.key, **one.why.values) if one.why else say("marked") if one.marked else ""
    return [say(measure), say(one.key), between(one.points, 1) if one.points else "-", say(one.answer), note]


def hidden_part(findings: Findings, say: Speaker) -> list[str]:
    """Hidden rungs, predicted and measured."""
    lines = [f"## {say('hidden head')}", ""]
    if not findings.hidden:
        return [*lines, say("hidden few"), ""]
    rows = [
        [
            f"{one.books:,}",
            between(one.predicted),
            f"{one.measured:.4f}",
            f"{one.stays:.4f}",
            say("yes" if one.held else "no"),
        ]
        for one in findings.hidden
    ]
    names = [say(key) for key in ("books", "predicted", "measured", "stays", "held")]
    return [*lines, say("hidden text"), "", *table(names, rows)]


def poll_part(findings: Findings, say: Speaker) -> list[str]:
    """The poll curve, or why there is none."""
    lines = [f"## {say('poll head')}", ""]
    if not findings.poll:
        return [*lines, say("poll none"), ""]
    rows = [
        [f"{one.books:,}", str(one.pairs), between(one.divergence), between(one.correlation, 2),
         *(between(value) if value else say("not measured") for value in (one.init_divergence, one.excess))]
        for one in findings.poll
    ]  # fmt: skip
    names = [say(key) for key in ("books", "pairs", "apart", "correlation", "inits apart", "excess")]
    start = same_from(findings.poll)
    told = say("poll from", books=f"{start:,}") if start else say("poll never")
    return [*lines, say("poll text"), "", *table(names, rows), told, ""]


def corpus_part(analysis: Analysis, findings: Findings, say: Speaker) -> list[str]:
    """Coverage, richness and Heaps' exponent by group, and the gap to the model's curve."""
    lines = [f"## {say('corpus head')}", ""]
    if not findings.corpus:
        return [*lines, say("corpus none"), ""]
    rows = []
    for one in findings.corpus:
        found, every = one.frequencies, one.all_terms
        rows.append([
            f"{one.kind} {one.name}", f"{found.units:,}", f"{found.observed:,}", f"{found.exactly(1):,}",
            f"{one.several:,}", between(one.covered, 3), f"{every.estimate:,.0f} [{every.low:,.0f}, {every.high:,.0f}]",
            f"{one.heaps:.2f}",
        ])  # fmt: skip
    keys = ("group", "books", "terms", "seen once", "seen often", "coverage", "all terms", "heaps")
    return [
        *lines,
        say("corpus text"),
        "",
        *table([say(key) for key in keys], rows),
        *gap_table(analysis, findings, say),
    ]


def gap_table(analysis: Analysis, findings: Findings, say: Speaker) -> list[str]:
    """Coverage of the corpus beside the share of the model's gain at every rung."""
    shares = gain_shares(analysis)
    rows = []
    for place, rung in enumerate(analysis.primary.cube.rungs):
        if rung in findings.covered:
            size, covered = findings.covered[rung]
            share = between(shares[place], 2) if shares else say("undefined")
            rows.append([f"{rung:,}", f"{size:,.0f}", f"{covered:.3f}", share])
    if not rows:
        return []
    names = [say("books"), say("of the language", language=analysis.language), say("coverage"), say("gain share")]
    return [say("gap text"), "", "![](coverage.svg)", "", *table(names, rows)]
