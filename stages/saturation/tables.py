"""The numbers people compare: the flat summary, the curve and all arms as CSV."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stages.saturation.analysis import UNDERSTOOD, Analysis, Scored
from stages.saturation.breakdown import Breakdown
from stages.saturation.findings import Findings, gain_shares
from stages.saturation.overturns import Overturns
from stages.saturation.phases import Phase
from stages.saturation.poll import PollPoint
from stages.saturation.verdict import Bound
from stages.shared.accounts import Fates
from stages.shared.hypothesis import hypothesis, hypothesis_slope
from stages.shared.measures import MEASURES

Row = dict[str, Any]
SUMMARY = ("prediction", "explanation", "order", "chain", "js", "forgetting")


def rounded(value: float | None, digits: int = 4) -> float | None:
    """Round for reading; None stays None, and minus zero becomes zero."""
    return None if value is None or not np.isfinite(value) else round(float(value), digits) + 0.0


def triple(name: str, one: Bound | None, digits: int = 4) -> Row:
    """A number and its interval as three flat keys."""
    values = (one.value, one.low, one.high) if one else (None, None, None)
    return {
        key: rounded(value, digits) for key, value in zip((name, f"{name}_low", f"{name}_high"), values, strict=True)
    }


def summary(analysis: Analysis, fates: Fates, overturns: Overturns | None = None) -> Row:
    """metrics/saturation.json: few flat keys that read well in `dvc metrics diff`."""
    primary, first = analysis.primary, analysis.verdicts[0]
    top = primary.cube.rungs[-1]
    row: Row = {
        "verdict": first.kind,
        "verdict_half_epsilon": analysis.verdicts[1].kind,
        "verdict_double_epsilon": analysis.verdicts[2].kind,
        "score": analysis.settings.score,
        "epsilon": first.epsilon,
        **{name: rounded(getattr(first, name), 0) for name in ("n_star", "n_star_low", "n_star_high")},
        **triple("last_doubling", first.last, 1),
        "books_used": fates.count("used"),
        "books_missing": fates.count("missing"),
        "books_rejected": fates.count("rejected"),
        "books_read": top,
        "draws": len(primary.cube.draws),
        "inits": len(primary.cube.inits),
        "probe_books": len(primary.cube.books),
        "probe_authors": analysis.authors,
    }
    for measure in SUMMARY:
        if scored := analysis.get(measure):
            row |= triple(measure, scored.bounds[-1])
    row |= triple("understanding", primary.understanding[-1] if primary.understanding else None, 1)
    row["positive"] = bool(np.quantile(primary.samples[:, -1], 0.05) > 0)
    for contrast in analysis.contrasts:
        if contrast.measure == analysis.settings.score and not contrast.control.endswith("_books"):
            row[f"beats_{contrast.control}"] = contrast.beats
    return row | ({"overturns": len(overturns.found), "jumps": len(overturns.jumps)} if overturns else {})


def measured_columns(scored: Scored, place: int, name: str) -> Row:
    """Gain and, where it is defined, understanding of one measure at one rung."""
    row = triple(name, scored.bounds[place], 5)
    if scored.cube.measure in UNDERSTOOD:
        points = scored.understanding
        row |= triple(f"understanding_{name}", points[place] if points else None, 1)
    return row


def curve_rows(analysis: Analysis, findings: Findings) -> list[Row]:
    """metrics/curve.csv: a row for each rung of the primary order and arm, controls in columns beside."""
    order, arm = analysis.settings.order, analysis.settings.arm
    cube, shares = analysis.primary.cube, gain_shares(analysis)
    rows = []
    for place, books in enumerate(cube.rungs):
        row = rung_row(analysis, order, arm, books)
        for (measure, other_order, other), scored in analysis.scored.items():
            if other_order == order and other != arm and measure in UNDERSTOOD:
                there = books in scored.cube.rungs
                one = scored.bounds[scored.cube.rungs.index(books)] if there else None
                row |= triple(f"{measure}_{other}", one, 5)
        points = hypothesis(books)
        row |= {"hypothesis": points[0] if points else None, "hypothesis_high": points[1] if points else None}
        row = {name: rounded(value, 1) if name.startswith("hyp") else value for name, value in row.items()}
        row["coverage"] = rounded(findings.covered[books][1]) if books in findings.covered else None
        row |= triple("gain_share", shares[place] if shares else None)
        rows.append(
            {"books": books, "used_for_verdict": bool(cube.used[place]), "all_books": books == cube.shelf}
            | trained_columns(findings, books)
            | row
        )
    return rows


def trained_columns(findings: Findings, books: int) -> Row:
    """Optimiser steps and text tokens behind the adapters of a rung, where known, mean over readings."""
    one = findings.trained.get(books)
    return {"steps": round(one.steps), "tokens": round(one.tokens)} if one else {"steps": None, "tokens": None}


def rung_row(analysis: Analysis, order: str, arm: str, books: int) -> Row:
    """All measures of one order and arm at one rung, and how many readings are behind them."""
    row: Row = {}
    for measure in MEASURES:
        scored = analysis.scored.get((measure, order, arm))
        if scored and books in scored.cube.rungs:
            place = scored.cube.rungs.index(books)
            row.setdefault("draws", int(np.isfinite(scored.cube.by_draw[:, place, 0]).sum()))
            row |= measured_columns(scored, place, measure)
    return row


def score_rows(breakdown: Breakdown) -> list[Row]:
    """metrics/scores.csv: a row for each score, cell and group of probe books; no bounds where one book gives none."""
    names = ("measure", "order", "arm", "rung", "draws", "by", "group", "language")
    rows: list[Row] = []
    for one in breakdown.scores:
        row = {name: getattr(one, name) for name in names}
        row |= {"books": one.books, "unit": MEASURES[one.measure].unit}
        rows.append(row | triple("gain", one.gain, 5) | {"gain": rounded(one.value, 5)})
    return rows


def corpus_rows(findings: Findings) -> list[Row]:
    """metrics/coverage.csv: a row for each group of books."""
    rows: list[Row] = []
    for one in findings.corpus:
        found, every = one.frequencies, one.all_terms
        row = {"kind": one.kind, "name": one.name, "books": found.units, "terms": found.observed}
        row |= {"in_one_book": found.exactly(1), "in_three_or_more": one.several} | triple("coverage", one.covered, 4)
        row |= triple("chao2", Bound(every.estimate, every.low, every.high), 0)
        rows.append(row | {"chao2_error": rounded(every.error, 0), "heaps": rounded(one.heaps, 3)})
    return rows


def overturn_rows(overturns: Overturns | None) -> list[Row]:
    """metrics/overturns.csv: a row for each step of each trunk, and for the seeds the tests of a stretch it is in."""
    if overturns is None:
        return [dict.fromkeys(("reading", "kind", "number", "from", "to", "relative"))]
    rows: list[Row] = []
    for (kind, number), steps in overturns.relative.items():
        for step, value in enumerate(steps):
            row: Row = {"reading": overturns.reading, "kind": kind, "number": number}
            row |= {"from": overturns.books[step], "to": overturns.books[step + 1], "relative": rounded(value)}
            inside = [one for one in overturns.stretches if one.init == number and one.first <= step < one.last]
            for one in inside if kind == "real" else ():
                row |= {"stands_out_p": rounded(one.stands_out), "reversal_p": rounded(one.reversal)}
                row |= {"correlation": rounded(one.correlation)}
            rows.append(row)
    return rows


def phase_rows(found: Mapping[tuple[str, str], Sequence[Phase]]) -> list[Row]:
    """metrics/phases.csv: a row for each straight stretch of a curve, the hypothesis over the same books beside it."""
    return [
        {"score": measure, "order": order, **phase_row(one), "unit": MEASURES[measure].unit}
        for (measure, order), phases in found.items()
        for one in phases
    ]


def phase_row(one: Phase) -> Row:
    """One stretch: its ends in books, gain and points per doubling, points per doubling of the hypothesis."""
    row = triple("start", one.start, 0) | triple("end", one.end, 0) | triple("slope", one.slope, 5)
    law = hypothesis_slope(one.start.value, one.end.value) or (None, None)
    row |= triple("points", one.points, 1)
    return row | {"hypothesis": rounded(law[0], 1), "hypothesis_high": rounded(law[1], 1)}


def poll_rows(points: Sequence[PollPoint]) -> list[Row]:
    """metrics/poll.csv: a row for each rung that disjoint draws were read at, two inits of the same books beside."""
    return [
        {"books": one.books, "pairs": one.pairs}
        | triple("divergence", one.divergence)
        | triple("correlation", one.correlation)
        | triple("init_divergence", one.init_divergence)
        | triple("init_correlation", one.init_correlation)
        | triple("excess", one.excess)
        for one in points
    ]


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as CSV; columns in order of first appearance, None as an empty field; no row, a header alone."""
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row)) or ["books"]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a CSV of ours as text fields."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
