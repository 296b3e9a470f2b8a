"""The figures of the proof: error rates, coverage with exact tests, the spread of N*, errors beside baselines."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from stages.saturation.proof.learners import Prediction
from stages.saturation.proof.recovery import Outcome
from stages.saturation.proof.truths import FAR, NEAR, SHAPES
from stages.saturation.proof.upheavals import PLANTED, WITHOUT, Turned

Row = dict[str, Any]
LEVEL = 0.9
WRONG_REACHED, WRONG_NOT_REACHED, FALSE_OVERTURNS = 0.05, 0.10, 0.05  # goals
REJECT, REJECT_KIND = 0.05, 0.001  # the exact tests of coverage must not fall below: pooled, and each kind alone
INTERVALS = {"gain": "gain", "understanding": "understood", "last_doubling": "step"}


def recovery_figures(outcomes: Sequence[Outcome]) -> Row:
    """Rates over all studies, over those whose truth lies near epsilon, and by shape."""
    settled = [one for one in outcomes if one.settles]
    growing = [one for one in outcomes if not one.settles]
    row: Row = {
        "studies": len(outcomes),
        "decided": share([one.verdict != "not decided" for one in outcomes]),
        "wrong_reached": share([one.verdict == "reached" for one in growing]),
        "wrong_not_reached": share([one.verdict == "not reached" for one in settled]),
        "wrong_reached_near_epsilon": share([one.verdict == "reached" for one in growing if one.last < FAR]),
        "wrong_not_reached_near_epsilon": share([one.verdict == "not reached" for one in settled if one.last >= NEAR]),
    }
    row |= coverage_figures("pooled", pooled(outcomes))
    for name, field in INTERVALS.items():
        row |= coverage_figures(name, [value for one in outcomes if (value := getattr(one, field)) is not None])
    for shape in SHAPES:
        hits = [one.step for one in outcomes if one.shape == shape and one.step is not None]
        row[f"coverage_last_doubling_{shape.replace(' ', '_')}"] = share(hits)
    return row | star_figures(outcomes)


def pooled(outcomes: Sequence[Outcome]) -> list[bool]:
    """One interval a study, so that they are independent: of the kinds that it has, each in turn."""
    found = []
    for number, one in enumerate(outcomes):
        kinds = [value for field in INTERVALS.values() if (value := getattr(one, field)) is not None]
        found.append(bool(kinds[number % len(kinds)]))
    return found


def share(hits: Sequence[bool]) -> float | None:
    """Share of true values to four digits; None of nothing."""
    return round(float(np.mean(hits)), 4) if hits else None


def coverage_figures(name: str, hits: Sequence[bool]) -> Row:
    """Coverage of nominal 90 % intervals, one a study, and the p-value of the exact binomial test against 90 %."""
    test = stats.binomtest(sum(hits), len(hits), LEVEL)
    return {f"coverage_{name}": share(hits), f"coverage_{name}_p": round(float(test.pvalue), 4)}


def star_figures(outcomes: Sequence[Outcome]) -> Row:
    """N* over its truth where the verdict was "reached" and the truth lies in the range: quantiles of the ratio."""
    ratios = [one.star / one.true_star for one in outcomes if one.star is not None and np.isfinite(one.true_star)]
    if not ratios:
        return {}
    names = ("n_star_over_truth_10", "n_star_over_truth_50", "n_star_over_truth_90")
    return dict(zip(names, (round(float(value), 2) for value in np.quantile(ratios, [0.1, 0.5, 0.9])), strict=True))


def overturn_figures(outcomes: Sequence[Turned]) -> Row:
    """Overturns a reading where there is none, and the share of planted ones that were found at their place.

    Each with its exact 95 % binomial interval (Clopper and Pearson), of readings with any false one.
    """
    without = [one for one in outcomes if one.kind != PLANTED]
    planted = [one.hit for one in outcomes if one.kind == PLANTED]
    row: Row = {"overturn_readings": len(outcomes)}
    row["false_overturns"] = round(float(np.mean([one.found for one in without])), 4)
    row |= exact("false_overturn_readings", [one.found > 0 for one in without])
    for kind in WITHOUT:
        row[f"false_overturn_readings_{kind}"] = share([one.found > 0 for one in without if one.kind == kind])
    return row | exact("overturns_found", planted)


def exact(name: str, hits: Sequence[bool]) -> Row:
    """A share and its exact 95 % interval."""
    test = stats.binomtest(sum(hits), len(hits)).proportion_ci(0.95)
    return {name: share(hits), f"{name}_low": round(float(test.low), 4), f"{name}_high": round(float(test.high), 4)}


def plan_rows(outcomes: Sequence[Outcome]) -> list[Row]:
    """For each number of draws and rungs: how often the right verdict came, by how far the truth lies from epsilon."""
    sizes = sorted({(one.draws, one.rungs) for one in outcomes})
    rows = []
    for draws, rungs in sizes:
        here = [one for one in outcomes if (one.draws, one.rungs) == (draws, rungs)]
        right = {
            "reached_if_below_half_epsilon": [one.verdict == "reached" for one in here if one.last < NEAR],
            "reached_if_below_epsilon": [one.verdict == "reached" for one in here if NEAR <= one.last and one.settles],
            "not_reached_if_above_epsilon": [
                one.verdict == "not reached" for one in here if not one.settles and one.last < FAR
            ],
            "not_reached_if_far_above": [one.verdict == "not reached" for one in here if one.last >= FAR],
            "wrong_reached": [one.verdict == "reached" for one in here if not one.settles],
            "wrong_not_reached": [one.verdict == "not reached" for one in here if one.settles],
        }
        rows.append({"draws": draws, "rungs": rungs, "studies": len(here)} | {k: share(v) for k, v in right.items()})
    return rows


def learner_figures(name: str, predictions: Sequence[Prediction]) -> Row:
    """Median over curves of the mean absolute error, wins, and interval coverage, all per curve."""
    curves: dict[str, list[Prediction]] = {}
    for one in predictions:
        curves.setdefault(one.name, []).append(one)
    errors = {
        field: np.array([np.mean([getattr(one, field) for one in points]) for points in curves.values()])
        for field in ("instrument", "power", "stays")
    }
    row: Row = {f"{name}_curves": len(curves)}
    row |= {f"{name}_error_{field}": round(float(np.median(values)), 5) for field, values in errors.items()}
    row |= {f"{name}_mean_error_{field}": round(float(np.mean(values)), 5) for field, values in errors.items()}
    for rival in ("power", "stays"):
        row[f"{name}_beats_{rival}"] = share((errors["instrument"] < errors[rival]).tolist())
    for field, label in (("held", "instrument"), ("power_held", "power")):
        hits = [np.mean([getattr(one, field) for one in points]) for points in curves.values()]
        row[f"{name}_coverage_{label}"] = round(float(np.mean(hits)), 4)
    return row


def faults(row: Row) -> list[str]:
    """Figures out of their bands."""
    found = []
    goals = {"wrong_reached": WRONG_REACHED, "wrong_not_reached": WRONG_NOT_REACHED, "false_overturns": FALSE_OVERTURNS}
    for name, most in goals.items():
        if row.get(name) is not None and row[name] > most:
            found.append(f"{name} {row[name]} is above {most}")
    found += [
        f"coverage of {name} {row[f'coverage_{name}']} is not {LEVEL:.0%} (p {row[f'coverage_{name}_p']})"
        for name, least in {"pooled": REJECT, **dict.fromkeys(INTERVALS, REJECT_KIND)}.items()
        if row[f"coverage_{name}_p"] < least
    ]
    return found
