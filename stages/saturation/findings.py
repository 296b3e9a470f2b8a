"""What follows beside the verdict: phases, the hypothesis' claims, extrapolation, poll curve, the corpus itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from stages.saturation.analysis import UNDERSTOOD, Analysis, Scored, stream
from stages.saturation.breakdown import Breakdown
from stages.saturation.corpus import BookTerms, Point, Saturation, curve, saturations
from stages.saturation.coverage import expected_coverage
from stages.saturation.hidden import Hidden, hide
from stages.saturation.law import Claim, answer_claims
from stages.saturation.noise import covariance
from stages.saturation.overturns import Overturns
from stages.saturation.phases import Phase, find_phases
from stages.saturation.poll import PollPoint
from stages.saturation.shelves import Shelves
from stages.saturation.trained import Trained
from stages.saturation.verdict import Bound, bound, is_positive, reference_gain


@dataclass(frozen=True)
class Findings:
    """Phases by score and order (real arm); claims by score; hidden rungs of the primary score; the poll curve;
    the corpus by group, its headline curve up to twice the corpus, and the coverage at each rung of the ladder
    (by rung: books of the headline language read by then, mean over draws, and what they cover); all scores by
    group of the probe's books; overturns, None where no trunk was followed beside its null; what the adapters of each
    rung were trained on, where that is known."""

    phases: dict[tuple[str, str], list[Phase]]
    claims: dict[str, list[Claim]]
    hidden: list[Hidden]
    poll: list[PollPoint]
    corpus: list[Saturation]
    terms: list[Point]
    covered: dict[int, tuple[float, float]]
    breakdown: Breakdown
    overturns: Overturns | None = None
    trained: dict[int, Trained] = field(default_factory=dict)


def find(
    analysis: Analysis,
    poll: list[PollPoint],
    books: Sequence[BookTerms],
    shelves: Shelves,
    breakdown: Breakdown,
    overturns: Overturns | None = None,
    trained: dict[int, Trained] | None = None,
) -> Findings:
    """Work out everything that needs the analysis, the poll curve and the terms of the books, and nothing else."""
    settings, phases, claims = analysis.settings, {}, {}
    for (measure, order, arm), scored in analysis.scored.items():
        if measure in UNDERSTOOD and arm == settings.arm:
            phases[measure, order] = phases_of(scored, settings.interval)
    for measure in UNDERSTOOD:
        if one := analysis.get(measure):
            cube = one.cube
            claims[measure] = answer_claims(cube.rungs, cube.curve, one.samples, cube.used, settings.interval)
    corpus = saturations(books, analysis.language, settings.interval)
    ours = headline(corpus, analysis.language)
    covered = covered_at(analysis, ours, books, shelves) if ours else {}
    terms = terms_of(ours) if ours else []
    return Findings(
        phases, claims, hidden_of(analysis), poll, corpus, terms, covered, breakdown, overturns, trained or {}
    )


def phases_of(scored: Scored, interval: float) -> list[Phase]:
    """Phases over all rungs that were read, in points where understanding is defined."""
    cube, rungs = scored.cube, np.array(scored.cube.rungs, dtype=float)
    reference = None
    if scored.understanding:
        reference = reference_gain(rungs, np.vstack([cube.curve, scored.samples]))
    cells = int(np.isfinite(cube.gains[:, :, :, 0]).sum())
    return find_phases(rungs, cube.curve, scored.samples, covariance(cube, scored.noise), cells, reference, interval)


def hidden_of(analysis: Analysis) -> list[Hidden]:
    """The last third of all rungs of the primary score, predicted from the others."""
    primary = analysis.primary
    cube, rungs = primary.cube, np.array(primary.cube.rungs, dtype=float)
    cells = int(np.isfinite(cube.gains[:, :, :, 0]).sum())
    return hide(
        rungs, cube.curve, primary.samples, covariance(cube, primary.noise), cells, analysis.settings.interval,
        stream(analysis.settings.seed, "hidden"),
    )  # fmt: skip


def headline(corpus: Sequence[Saturation], language: str) -> Saturation | None:
    """The group of all books in the headline language."""
    return next((one for one in corpus if (one.kind, one.name) == ("language", language)), None)


def terms_of(ours: Saturation) -> list[Point]:
    """The headline language's terms from one book to twice the corpus."""
    most = ours.frequencies.units
    return curve(ours.frequencies, sorted({int(size) for size in np.geomspace(1, 2 * most, 40).round()} | {most}))


def covered_at(
    analysis: Analysis, ours: Saturation, books: Sequence[BookTerms], shelves: Shelves
) -> dict[int, tuple[float, float]]:
    """Books of the headline language read by each rung (mean over draws) and their coverage.

    Rungs with less than one such book are left out; where no order is known every book counts as one.
    """
    cube, names = analysis.primary.cube, {book.book_id for book in books if book.language == analysis.language}
    found = {}
    for rung in cube.rungs:
        read = [len(names & set(shelves.orders[cube.order, draw][:rung])) for draw in shelves.draws(cube.order)]
        size = float(np.mean(read)) if read else float(rung)
        if 1 <= size <= ours.frequencies.units:
            found[rung] = (size, expected_coverage(ours.frequencies, size))
    return found


def gain_shares(analysis: Analysis) -> list[Bound] | None:
    """Share of the top rung's gain at every rung, with intervals; None where that gain is not clearly above zero."""
    primary = analysis.primary
    top = primary.samples[:, -1:]
    if not is_positive(top):
        return None
    shares, middle = primary.samples / top, primary.cube.curve / primary.cube.curve[-1]
    return [bound(shares[:, place], middle[place], analysis.settings.interval) for place in range(len(middle))]
