"""The statistics of the stage flashes on simulated pairs whose truth is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.flashes import matching, projection, statistics
from stages.flashes.matching import Kind

PAIRS, BOOKS = 10, 8
SIGNS = statistics.flips(PAIRS)


def ordinary(chance: np.random.Generator, effect: float = 0.0) -> statistics.Array:
    """Differences of a book like any other, whose effect is drawn as those of its placebos are; shape (pairs, 9)."""
    book, placebos = chance.standard_normal(BOOKS), chance.standard_normal((PAIRS, BOOKS))
    book[2] += effect
    each = book - placebos
    return np.column_stack([each, each.mean(axis=1)])


def held_to(differences: statistics.Array, spreads: float) -> statistics.Tested:
    """The test, where the candidate is the same in each pair: placebos then spread as the differences do."""
    return statistics.flash_test(differences, spreads * differences.std(axis=0, ddof=1), SIGNS)


def found(studies: int, candidates: int, spreads: float, flashes: int = 0) -> tuple[int, int]:
    """How many ordinary candidates and how many flashes (9 spreads on one book) are found in simulated studies."""
    chance, wrong, right = np.random.default_rng(3), 0, 0
    for _ in range(studies):
        effects = [9.0] * flashes + [0.0] * (candidates - flashes)
        tests = [held_to(ordinary(chance, effect), spreads).p for effect in effects]
        q = statistics.false_discovery(tests)
        right += sum(value <= 0.1 for value in q[:flashes])
        wrong += sum(value <= 0.1 for value in q[flashes:])
    return wrong, right


def test_among_ordinary_books_a_study_finds_a_flash_as_rarely_as_its_rate_says() -> None:
    chance, any_found = np.random.default_rng(11), 0
    for _ in range(100):
        tests = [held_to(ordinary(chance), 2.5).p for _ in range(4)]
        any_found += min(statistics.false_discovery(tests)) <= 0.1
    assert any_found <= 17  # 0.1 expected; more than 17 of 100 has a chance of 1 %


def test_without_the_margin_every_second_ordinary_book_would_be_one() -> None:
    wrong, _ = found(studies=40, candidates=10, spreads=0.0)
    assert wrong / 400 > 0.4


def test_of_those_found_at_most_the_rate_asked_for_is_false() -> None:
    wrong, right = found(studies=40, candidates=10, spreads=2.5, flashes=3)
    assert right >= 0.9 * 120
    assert wrong / (wrong + right) <= 0.1


def test_no_p_value_is_below_what_the_pairs_allow() -> None:
    test = statistics.flash_test(
        np.full((PAIRS, 3), 5.0) + np.random.default_rng(0).standard_normal((PAIRS, 3)) / 9, 2.5
    )
    assert test.p == pytest.approx(0.5**PAIRS)


@given(st.integers(0, 10_000))
def test_an_effect_on_all_books_or_on_one_is_the_one_that_is_told(seed: int) -> None:
    chance = np.random.default_rng(seed)
    assert held_to(ordinary(chance, 40.0), 2.5).book == 2


def test_symmetric_differences_are_found_no_more_often_than_the_level_says() -> None:
    chance = np.random.default_rng(1)
    p = [statistics.flash_test(chance.standard_t(3, (PAIRS, 4)), 0.0, SIGNS).p for _ in range(400)]
    assert np.mean(np.array(p) <= 0.05) <= 0.08
    assert np.mean(np.array(p) <= 0.5) == pytest.approx(0.5, abs=0.1)


def test_the_power_that_is_told_is_the_power_that_new_studies_have() -> None:
    chance = np.random.default_rng(2)
    pilots = [ordinary(chance) for _ in range(6)]
    least = statistics.smallest_effect(pilots, np.full(BOOKS + 1, 2.5), 0.025, 0)
    hits = []
    for _ in range(300):
        each = -chance.standard_normal((PAIRS, BOOKS))
        each[:, 2] += least
        hits.append(statistics.flash_test(np.column_stack([each, each.mean(axis=1)]), 2.5, SIGNS).p <= 0.025)
    assert np.mean(hits) == pytest.approx(0.8, abs=0.12)


def test_a_design_that_can_find_nothing_says_so() -> None:
    assert np.isnan(
        statistics.smallest_effect([ordinary(np.random.default_rng(0))], np.full(BOOKS + 1, 2.5), 0.0005, 0)
    )


def test_an_interval_counts_each_book_once_and_holds_the_truth() -> None:
    chance, sizes, books = np.random.default_rng(4), np.array([100.0, 300.0, 100.0, 100.0]), ["a", "a", "b", "c"]
    inside = []
    for seed in range(60):
        saved = sizes * (0.02 + 0.01 * chance.standard_normal((PAIRS, 4)))
        value, low, high = statistics.interval(saved, sizes, books, 0.9, (seed,))
        assert low <= value <= high
        inside.append(low <= 0.02 <= high)
    assert np.mean(inside) >= 0.8
    saved = np.tile([4.0, 12.0, 1.0, 1.0], (PAIRS, 1))
    assert statistics.interval(saved, sizes, books, 0.9, (0,))[0] == pytest.approx((0.04 + 0.01 + 0.01) / 3)


def test_projections_keep_inner_products() -> None:
    chance = np.random.default_rng(5)
    shared = {name: chance.standard_normal((40, 50)).astype(np.float32) for name in ("one", "two")}
    other = {name: chance.standard_normal((40, 50)).astype(np.float32) for name in shared}
    mixed = {name: shared[name] + other[name] for name in shared}
    sketches = [projection.unit(projection.project(one, 0, 4096)) for one in (shared, other, mixed)]
    assert sketches[0] @ sketches[1] == pytest.approx(0.0, abs=0.06)
    assert sketches[0] @ sketches[2] == pytest.approx(0.5**0.5, abs=0.06)


def test_a_projection_hangs_on_names_and_seed_and_on_no_order() -> None:
    one = {"a": np.ones(9, np.float32), "b": np.arange(9, dtype=np.float32)}
    turned = dict(reversed(one.items()))
    assert projection.project(one, 0, 64) == pytest.approx(projection.project(turned, 0, 64))
    assert not np.array_equal(projection.project(one, 0, 64), projection.project(one, 1, 64))
    assert not projection.unit(np.zeros(4, np.float32)).any()


@pytest.mark.parametrize(
    ("dates", "expected"), [("1685-1753", 17), ("-475", -5), ("1922", 19), ("", None), ("c. 1300", 13)]
)
def test_a_century_is_that_of_the_year_or_of_the_middle_of_a_life(dates: str, expected: int | None) -> None:
    assert matching.century(dates) == expected


def test_the_most_alike_books_come_first() -> None:
    book = Kind("en", "epic", "core", 17)
    others = {
        "same": book,
        "period": Kind("en", "epic", "core", 18),
        "tier": Kind("en", "epic", "orbit", 17),
        "class": Kind("en", "law", "core", 17),
        "language": Kind("de", "epic", "core", 17),
    }
    assert matching.most_alike(book, others, 5, 0) == ["same", "period", "tier", "class", "language"]


def test_a_value_is_judged_beside_its_own_kind_where_there_are_enough() -> None:
    kinds = {f"en{at}": Kind("en", "epic", "core", 17) for at in range(10)}
    kinds |= {f"de{at}": Kind("de", "epic", "core", 17) for at in range(3)}
    values = {name: (1.0 if name.startswith("en") else 9.0) + int(name[2:]) / 100 for name in kinds}
    found = matching.standardised(values, kinds)
    assert max(abs(found[name]) for name in kinds if name.startswith("en")) < 2.5
    assert min(found[name] for name in kinds if name.startswith("de")) > 1.0
    assert matching.standardised(dict.fromkeys(kinds, 1.0), kinds)["en0"] == 0.0
