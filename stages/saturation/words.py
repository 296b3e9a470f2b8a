"""Sentences about the verdict and what would decide it."""

import math
from dataclasses import dataclass

import numpy as np

from stages.saturation.analysis import Analysis
from stages.saturation.gains import mean_over
from stages.saturation.noise import covariance
from stages.saturation.phrases import Speaker
from stages.saturation.verdict import LEAST_RUNGS, REFERENCE, Bound, Verdict

MANY = 1000
SMALL_SHELF = 100  # books to read that make room for three rungs from 10 to 50


def between(one: Bound, digits: int = 4) -> str:
    """A value with its interval.

    Example: "0.0553 [0.0491, 0.0612]"
    """
    value, low, high = (round(number, digits) + 0.0 for number in (one.value, one.low, one.high))
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def sign(one: Bound) -> str:
    """The phrase that says on which side of zero an interval lies.

    Example: 0.0553 [0.0491, 0.0612] -> "above zero"
    """
    return "above zero" if one.low > 0 else "below zero" if one.high < 0 else "no change"


def verdict_sentence(analysis: Analysis, say: Speaker) -> str:
    """The verdict in one sentence, its score and its reason named."""
    first = analysis.verdicts[0]
    epsilon = f"{first.epsilon:g}"
    rule = say("rule", epsilon=epsilon, score=say(analysis.settings.score))
    if first.kind == "reached":
        low, high = (f"{end:,.0f}" if end else say("beyond") for end in (first.n_star_low, first.n_star_high))
        return say("say reached", rule=rule, star=f"{first.n_star:,.0f}", epsilon=epsilon, low=low, high=high)
    if first.kind == "not reached":
        return say("say not reached", rule=rule, last=last_step(first, say), epsilon=epsilon)
    reasons = [say(reason.key, **reason.values) for reason in first.reasons]
    told = "; ".join(reasons) or say("neither side", last=last_step(first, say), epsilon=epsilon)
    return say("say not decided", rule=rule, reasons=told)


def last_step(one: Verdict, say: Speaker) -> str:
    """What the largest measured doubling added."""
    if one.last is None:
        return say("undefined")
    start, end = f"{one.last_from:,.0f}", f"{2 * one.last_from:,.0f}"
    return say("last step", start=start, end=end, points=between(one.last, 1))


@dataclass(frozen=True)
class Need:
    """How many draws in all, at the same probe, would decide; None where no number of draws would.

    `books` is the number of probe books in half B that would decide together with `draws_too` draws.
    """

    draws: int | None
    books: int
    draws_too: int


def need(analysis: Analysis) -> Need | None:
    """Replicates that would bring the interval of the last doubling to one side of epsilon, were its middle true.

    The variance of the last doubling is split into draws / R and books / B by the covariance of its two rungs;
    None where the verdict does not hang on noise.
    """
    first, primary = analysis.verdicts[0], analysis.primary
    if first.kind != "not decided" or first.last is None:
        return None
    distance = abs(first.last.value - first.epsilon)
    wide = max(first.last.high - first.last.value, first.last.value - first.last.low)
    if distance <= wide / math.sqrt(MANY):
        return Need(None, MANY, MANY)
    used = np.nonzero(primary.cube.used)[0]
    shape = np.zeros(len(primary.cube.rungs))
    shape[used[-1]], shape[used[-2]] = 1.0, -1.0
    total = covariance(primary.cube, primary.noise)
    shrink = primary.noise.shrink
    books = shrink @ np.cov(mean_over(primary.cube.by_draw, 0)) @ shrink.T / len(primary.cube.books)
    part = float(np.clip(shape @ books @ shape / max(shape @ total @ shape, 1e-18), 0, 1))
    allowed = (distance / wide) ** 2
    draws, names = len(primary.cube.draws), len(primary.cube.books)
    alone = math.ceil(draws * (1 - part) / (allowed - part)) if allowed > part else None
    return Need(alone if alone and alone <= MANY else None, math.ceil(names / allowed), math.ceil(draws / allowed))


def remedies(analysis: Analysis, say: Speaker) -> list[str]:
    """What it would take to decide, one sentence each; empty where the verdict is decided."""
    primary, settings = analysis.primary, analysis.settings
    if analysis.verdicts[0].kind != "not decided":
        return []
    short = max(settings.min_probe_books - len(primary.cube.books), settings.min_probe_authors - analysis.authors)
    found = {
        "half a": lambda: say("other half"),
        "few probe books": lambda: say("more probe books", count=short),
        "one draw": lambda: say("more draws at all"),
        "few rungs": lambda: say("more shelf", least=LEAST_RUNGS, count=max(0, SMALL_SHELF - primary.cube.shelf)),
        "wide gap": lambda: say("more rungs", **analysis.verdicts[0].reasons[-1].values),
        "no reference": lambda: say("more gain", books=REFERENCE),
    }
    told = [found[reason.key]() for reason in analysis.verdicts[0].reasons]
    wanted = need(analysis)
    return told if wanted is None else [*told, need_sentence(wanted, analysis, say)]


def need_sentence(wanted: Need, analysis: Analysis, say: Speaker) -> str:
    """The replicates in words."""
    draws, books = len(analysis.primary.cube.draws), len(analysis.primary.cube.books)
    if wanted.draws is not None:
        return say("more draws", more=max(1, wanted.draws - draws), all=max(wanted.draws, draws + 1))
    if wanted.books >= MANY:
        return say("too close")
    more_books, more_draws = wanted.books - books, wanted.draws_too - draws
    return say("more of both", more_books=more_books, more_draws=more_draws, books=wanted.books, draws=wanted.draws_too)
