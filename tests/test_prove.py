"""The recovery harness, the scorecard, and the curves that others measured."""

from pathlib import Path

import numpy as np
import pytest

from stages.saturation.proof.learners import Learner, predict_hidden, read_seeds
from stages.saturation.proof.recovery import Job, Outcome, run_job
from stages.saturation.proof.scorecard import coverage_figures, faults, learner_figures, plan_rows, recovery_figures
from stages.saturation.proof.truths import CLASSES, EPSILON, FIRST, GAIN, LAST, SHAPES, draw_curve


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_truths_have_the_last_doubling_of_their_class(shape: str) -> None:
    for kind, (low, high) in enumerate(CLASSES):
        curve = draw_curve(shape, kind, np.random.default_rng(kind))
        assert curve is not None and low <= curve.last < high
        ends = curve.truth(np.array([FIRST, LAST / 2, LAST]))
        assert ends[0] == pytest.approx(GAIN)
        assert 100 * (ends[2] - ends[1]) / GAIN == pytest.approx(curve.last)
        assert curve.settles == (curve.last < EPSILON) == np.isfinite(curve.star())


def test_a_study_runs_through_files_and_is_the_same_twice() -> None:
    job = Job(seed=3, number=1, shape="power with ceiling", kind=0, draws=3)
    first = run_job(job)
    assert first is not None and first == run_job(job)
    assert first.verdict in ("reached", "not decided") and first.draws == 3 and first.rungs == 8


def outcome(verdict: str, last: float, hit: bool = True, star: float | None = None) -> Outcome:
    return Outcome("hill", False, 3, 8, last, last < EPSILON, verdict, hit, hit, hit, star, 100.0)


def test_rates_count_the_wrong_verdicts_of_each_side() -> None:
    right = [outcome("reached", 2.0, star=120.0), outcome("not reached", 20.0)] * 9
    row = recovery_figures([*right, outcome("reached", 12.0), outcome("not reached", 8.0)])
    assert (row["wrong_reached"], row["wrong_not_reached"]) == (0.1, 0.1)
    assert row["wrong_reached_near_epsilon"] == 1.0
    assert row["n_star_over_truth_50"] == 1.2


def test_a_figure_out_of_its_band_is_named() -> None:
    row = recovery_figures([outcome("reached", 20.0, hit=False)] * 30)
    told = "; ".join(faults(row))
    assert "wrong_reached 1.0 is above 0.05" in told and "coverage of pooled 0.0" in told
    assert faults(recovery_figures([outcome("reached", 2.0, hit=n % 10 > 0) for n in range(100)])) == []


def test_coverage_is_tested_exactly() -> None:
    assert coverage_figures("x", [True] * 9 + [False]) == {"coverage_x": 0.9, "coverage_x_p": 1.0}
    assert coverage_figures("x", [True] * 60 + [False] * 40)["coverage_x_p"] == 0


def test_the_plan_has_a_row_for_each_size_of_study() -> None:
    rows = plan_rows([outcome("reached", 2.0), outcome("not decided", 2.0), outcome("reached", 20.0)])
    assert rows[0]["reached_if_below_half_epsilon"] == 0.5
    assert (rows[0]["wrong_reached"], rows[0]["not_reached_if_far_above"]) == (1.0, 0.0)


def test_a_hidden_third_of_a_clean_power_law_is_predicted() -> None:
    sizes = 2.0 ** np.arange(4, 16)
    noise = 0.001 * np.random.default_rng(0).standard_normal((5, len(sizes)))
    found = predict_hidden(Learner("power", sizes, 0.9 - sizes**-0.5 + noise), np.random.default_rng(0))
    assert len(found) == 4
    assert max(one.instrument for one in found) < 0.005 < min(one.stays for one in found)
    figures = learner_figures("x", found)
    assert (figures["x_curves"], figures["x_beats_stays"]) == (1, 1.0)


def test_the_seeds_of_a_saturation_curve_are_read(tmp_path: Path) -> None:
    rows = [f"{size},{seed},{3 - size / 10 + seed / 100}" for size in (1, 2, 4, 8) for seed in (1, 2, 3)]
    (tmp_path / "seeds.csv").write_text("unique_tokens_billion,seed,validation_loss_nats\n" + "\n".join(rows) + "\n")
    learner = read_seeds(tmp_path / "seeds.csv")
    assert learner.scores.shape == (3, 4) and learner.sizes[-1] == 8
    assert learner.scores[0, 0] == pytest.approx(-2.91)
