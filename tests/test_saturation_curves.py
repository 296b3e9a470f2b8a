"""Noise components, curve families, phases, claims, hidden rungs and the rules of the verdict, piece by piece."""

from dataclasses import replace

import numpy as np
import pytest

from stages.saturation.curves import FAMILIES, corrected, fit_curves, fit_free
from stages.saturation.gains import Cube
from stages.saturation.hidden import hide, visible_count
from stages.saturation.law import answer_claims
from stages.saturation.noise import (
    correlation_matrix,
    draw_posterior,
    measure_noise,
    posterior_samples,
    ragged_residuals,
    resample_books,
    sample_curves,
    shrinking,
    whole_residuals,
)
from stages.saturation.phases import find_phases
from stages.saturation.proof.synthetic import wander
from stages.saturation.verdict import grid_of, interpolated, settled, understanding
from stages.shared.hypothesis import hypothesis, hypothesis_slope

RUNGS = np.array([10, 20, 50, 100, 200, 400, 700, 1000, 1700, 3000, 5500, 10000], dtype=float)
AT = np.array([10.0, 30.0, 500.0, 10000.0])


def cube_of(gains: np.ndarray, rungs: tuple[int, ...], used: int) -> Cube:
    draws, inits, sizes, books = gains.shape
    mark = np.arange(sizes) < used
    names = tuple(f"b{number:02d}" for number in range(books))
    return Cube(
        "prediction",
        "shuffled",
        "real",
        rungs,
        tuple(range(draws)),
        tuple(range(inits)),
        names,
        gains,
        mark,
        mark,
        rungs[-1],
    )


def test_the_spread_and_correlation_of_draws_are_found() -> None:
    scores = 2.0 * wander(RUNGS, 0.7, (40,), np.random.default_rng(0))
    posterior = draw_posterior(scores, RUNGS)
    assert np.sqrt(posterior.variance) == pytest.approx(2.0, rel=0.15)
    assert posterior.correlation == pytest.approx(0.7, abs=0.1)
    assert posterior.freedom == 39 * len(RUNGS)


def test_one_draw_tells_no_noise_and_equal_draws_tell_none() -> None:
    assert draw_posterior(np.ones((1, 3)), RUNGS[:3]).freedom == 0
    assert np.isnan(draw_posterior(np.ones((1, 3)), RUNGS[:3]).variance)
    assert draw_posterior(np.ones((2, 3)), RUNGS[:3]).variance == 0


def test_whole_and_ragged_readings_are_weighed_alike() -> None:
    scores = wander(RUNGS[:5], 0.5, (3,), np.random.default_rng(1))
    whole, ragged = whole_residuals(scores, RUNGS[:5]), ragged_residuals(scores, RUNGS[:5])
    assert whole[0] == pytest.approx(ragged[0])
    assert whole[1] - whole[1][0] == pytest.approx(ragged[1] - ragged[1][0])


def test_rungs_read_by_one_draw_add_nothing() -> None:
    scores = wander(RUNGS[:4], 0.5, (3,), np.random.default_rng(1))
    longer = np.column_stack([scores, [1.0, np.nan, np.nan]])
    short, long = draw_posterior(scores, RUNGS[:4]), draw_posterior(longer, RUNGS[:5])
    assert long.freedom == short.freedom and long.scales == pytest.approx(short.scales)


def test_intervals_from_two_draws_cover_as_often_as_they_say() -> None:
    rng, rungs, hits = np.random.default_rng(2), RUNGS[:6], []
    for _ in range(400):
        scores = wander(rungs, 0.6, (2,), rng)
        noise = posterior_samples(draw_posterior(scores, rungs), rungs, np.full((6, 6), 0.5), 400, rng)
        low, high = np.quantile(scores.mean(axis=0)[2] + noise[:, 2], [0.05, 0.95])
        hits.append(low <= 0 <= high)
    assert 0.86 < np.mean(hits) < 0.94


def test_books_and_their_interaction_with_draws_are_told_apart() -> None:
    rng = np.random.default_rng(3)
    books, mixed = rng.normal(0, 3, (1, 1, 1, 400)), rng.normal(0, 2, (6, 1, 1, 400))
    noise = measure_noise(cube_of(np.broadcast_to(books + mixed, (6, 1, 2, 400)).copy(), (10, 20), 2))
    assert noise.books == pytest.approx(np.sqrt(9 + 4 / 6), rel=0.1)
    assert noise.mixed == pytest.approx(2.0, rel=0.1)


def test_shrinking_takes_the_interaction_from_the_books() -> None:
    rng = np.random.default_rng(4)
    books = rng.normal(size=(3, 500)) * np.array([[3.0], [2.0], [1.0]])
    mixed = np.diag([1.0, 1.0, 0.2])
    matrix = shrinking(books, mixed)
    assert matrix @ np.cov(books) @ matrix.T == pytest.approx(np.cov(books) - mixed, abs=1e-6)
    assert shrinking(books, np.diag([100.0, 100.0, 100.0])) == pytest.approx(np.zeros((3, 3)), abs=1e-9)


def test_inits_are_told_apart_from_draws() -> None:
    rng = np.random.default_rng(5)
    gains = rng.normal(0, 2, (30, 1, 4, 1)) + rng.normal(0, 1, (30, 3, 4, 1)) + np.zeros((30, 3, 4, 9))
    noise = measure_noise(cube_of(gains, (10, 20, 50, 100), 4))
    assert noise.init == pytest.approx(1.0, rel=0.15)
    assert noise.draw == pytest.approx(np.sqrt(4 + 1 / 3), rel=0.2)


def test_noise_of_a_divergence_is_a_share_of_it() -> None:
    rng = np.random.default_rng(11)
    shares = 1 + 0.05 * rng.standard_normal((5, 1, 3, 1))
    gains = np.array([0.001, 0.1, 1.0])[None, None, :, None] * shares + np.zeros((5, 1, 3, 9))
    cube = replace(cube_of(gains, (10, 20, 50), 3), measure="js")
    samples = sample_curves(cube, measure_noise(cube), resample_books(cube.books, 500, rng), rng)
    assert samples.min() > 0 and samples[:, 2].std() == pytest.approx(1000 * samples[:, 0].std(), rel=0.2)


def test_probe_books_move_all_rungs_together() -> None:
    rng = np.random.default_rng(6)
    gains = np.broadcast_to(rng.normal(0, 1, 12), (2, 1, 3, 12)).copy()
    cube = cube_of(gains, (10, 20, 50), 3)
    samples = sample_curves(cube, measure_noise(cube), resample_books(cube.books, 500, rng), rng)
    assert np.ptp(samples, axis=1) == pytest.approx(np.zeros(500), abs=1e-6)
    assert samples[:, 0].std() > 0.2


@pytest.mark.parametrize(
    ("name", "curve"),
    [
        ("constant", np.full(12, 0.3)),
        ("logarithm", 0.1 * np.log(RUNGS)),
        ("power with ceiling", 1 - (RUNGS / 10) ** -0.5),
        ("exponential", 1 - np.exp(-RUNGS / 900)),
        ("rectified", 1 - 30 / (30 + RUNGS**0.9)),
        ("broken power", 1 - (RUNGS / 10) ** -0.1 * (1 + (RUNGS / 500) ** 4) ** (-1.2 / 4)),
    ],
)
def test_every_family_finds_its_own_curve(name: str, curve: np.ndarray) -> None:
    curves = fit_curves(RUNGS, curve, curve[None], 4e-4 * np.eye(12), 36, AT)
    fit = next(fit for fit in curves.fits if fit.name == name)
    assert fit.misfit < 2.0
    assert fit.best[[0, 3]] == pytest.approx(curve[[0, -1]], abs=0.01)
    assert fit.values[0] == pytest.approx(fit.best)


def test_simple_curves_get_simple_families() -> None:
    rng = np.random.default_rng(7)
    curve = 0.1 * np.log(RUNGS) + 0.01 * rng.standard_normal(12)
    curves = fit_curves(RUNGS, curve, curve[None], 1e-4 * np.eye(12), 36, AT)
    assert curves.tied[0] == "logarithm" and curves.weights.sum() == pytest.approx(1.0)


def test_a_broken_power_needs_twelve_rungs() -> None:
    curve = np.log(RUNGS[:11])
    names = {fit.name for fit in fit_curves(RUNGS[:11], curve, curve[None], np.eye(11), 33, AT[:3]).fits}
    assert "broken power" not in names and "rectified" in names
    assert next(family for family in FAMILIES if family.name == "broken power").points == 12


def test_the_criterion_is_the_corrected_one() -> None:
    assert corrected(4.0, 2, 9) == pytest.approx(4 + 4 + 12 / 6)
    assert corrected(4.0, 3, 4) == np.inf


def test_the_free_curve_goes_through_every_rung_and_not_beyond() -> None:
    values = fit_free(RUNGS[:5], np.arange(5.0)[None], np.array([10, 20, 50, 100, 200, 300]))
    assert values[0, :5] == pytest.approx(np.arange(5.0)) and np.isnan(values[0, 5])


def test_correlation_falls_with_the_ratio_of_the_books() -> None:
    assert correlation_matrix(np.array([10.0, 20.0, 80.0]), 0.5)[0] == pytest.approx([1, 0.5, 0.125])


def test_settled_is_where_a_row_stays_true() -> None:
    rows = np.array([[False, True, False, True, True], [True, True, True, True, True], [True, True, True, True, False]])
    assert settled(rows).tolist() == [3, 0, 5]


def test_the_grid_ends_at_the_last_rung_and_holds_its_half() -> None:
    grid = grid_of(10, 1000)
    assert grid[-1] == 1000 and grid[-9] == pytest.approx(500) and grid[0] >= 10


def test_ten_books_are_interpolated_in_log_n_and_never_extrapolated() -> None:
    rungs = np.array([5.0, 20.0])
    assert interpolated(rungs, np.array([[1.0, 3.0]]), 10)[0] == pytest.approx(2.0)
    assert np.isnan(interpolated(np.array([20.0, 40.0]), np.array([[1.0, 3.0]]), 10)).all()
    assert understanding(np.array([20.0, 40.0]), np.ones(2), np.ones((9, 2)), 0.9) is None


def test_the_hypothesis_is_given_between_its_own_sizes_only() -> None:
    assert [hypothesis(size) for size in (5, 10, 1000, 10000, 20000)] == [
        None,
        (100, 100),
        (300, 300),
        (320, 330),
        None,
    ]
    assert hypothesis(31.6227766) == pytest.approx((150, 150))
    assert hypothesis_slope(3000, 10000) == pytest.approx((10 / np.log2(10 / 3), 20 / np.log2(10 / 3)))
    assert hypothesis_slope(5, 10) is None


def test_claims_of_the_law_are_weighed_with_their_intervals() -> None:
    rungs = (10, 100, 1000, 10000)
    noise = 0.01 * np.random.default_rng(8).standard_normal((500, 4))
    law, late = np.array([1.0, 2.0, 3.0, 3.25]), np.array([1.0, 2.0, 2.2, 3.2])
    used = np.array([True, True, True, False])
    found = answer_claims(rungs, law, law + noise, used, 0.9)
    assert [one.answer for one in found] == ["compatible", "compatible", "supported"]
    found = answer_claims(rungs, late, late + noise, used, 0.9)
    assert [one.answer for one in found] == ["compatible", "contradicted", "contradicted"]
    assert [one.marked for one in found] == [False, False, True]


def test_the_first_step_of_the_law_is_decided_without_the_later_rungs() -> None:
    rungs, curve, used = (10, 100), np.array([1.0, 1.74]), np.array([True, True])
    first = answer_claims(rungs, curve, curve + 0.01 * np.random.default_rng(8).standard_normal((500, 2)), used, 0.9)[0]
    assert first.answer == "contradicted" and first.points is not None
    assert first.points.value == pytest.approx(74) and 70 < first.points.low < 74 < first.points.high < 78


def test_an_unread_rung_leaves_a_claim_undecided() -> None:
    one = answer_claims((10, 100), np.ones(2), np.ones((9, 2)), np.ones(2, dtype=bool), 0.9)[1]
    assert one.answer == "not decided" and one.why is not None and one.why.values["books"] == "1,000"


def test_two_phases_are_found_where_they_meet() -> None:
    curve = np.where(RUNGS <= 400, np.log2(RUNGS / 10), np.log2(40))
    samples = curve + 0.05 * np.random.default_rng(9).standard_normal((300, 12))
    phases = find_phases(RUNGS, curve, samples, 0.0025 * np.eye(12), 36, None, 0.9)
    assert [round(phase.end.value) for phase in phases] == [400, 10000]
    assert phases[0].slope.value == pytest.approx(1.0) and phases[1].slope.value == pytest.approx(0.0, abs=1e-6)
    assert phases[1].slope.low < 0 < phases[1].slope.high


def test_a_straight_curve_is_one_phase() -> None:
    curve = np.log2(RUNGS)
    assert len(find_phases(RUNGS, curve, curve + np.zeros((20, 12)), 0.01 * np.eye(12), 36, None, 0.9)) == 1


def test_hidden_rungs_of_a_logarithm_are_predicted() -> None:
    rng = np.random.default_rng(10)
    curve = 0.1 * np.log(RUNGS)
    samples = curve + 0.01 * rng.standard_normal((400, 12))
    found = hide(RUNGS, curve, samples, 1e-4 * np.eye(12), 36, 0.9, rng)
    assert [one.books for one in found] == [1700, 3000, 5500, 10000]
    assert all(one.held and abs(one.predicted.value - one.measured) < abs(one.stays - one.measured) for one in found)


def test_three_rungs_are_too_few_to_hide_one() -> None:
    assert [visible_count(rungs) for rungs in (3, 4, 9, 12)] == [0, 3, 6, 8]
