"""The corpus's own saturation, against the worked example of the iNEXT literature and planted corpora."""

import json
from pathlib import Path

import numpy as np
import pytest

from stages.saturation.corpus import BookTerms, curve, expected_often, frequencies, read_books, saturations, terms_of
from stages.saturation.coverage import Frequencies, coverage, expected, expected_coverage, richness

GIRDLED = Frequencies(np.array([46, 22, 17, 15, 15, 9, 8, 6, 6, 4, *[2] * 4, *[1] * 12], dtype=float), 168)
LOGGED = Frequencies(
    np.array([88, 22, 16, 15, 13, 10, 8, 8, 7, 7, 7, 5, 4, 4, 4, 3, 3, 3, 3, *[2] * 4, *[1] * 14], dtype=float), 252
)


@pytest.mark.parametrize(("spiders", "share"), [(GIRDLED, 0.9289), (LOGGED, 0.9446)])
def test_coverage_of_the_spiders_is_the_published_one(spiders: Frequencies, share: float) -> None:
    assert round(coverage(spiders), 4) == share


@pytest.mark.parametrize(("spiders", "species", "error"), [(GIRDLED, 43.893, 14.306), (LOGGED, 61.403, 18.532)])
def test_chao1_of_the_spiders_is_the_published_one(spiders: Frequencies, species: float, error: float) -> None:
    found = richness(spiders)
    assert (round(found.estimate, 3), round(found.error, 3)) == (species, error)
    assert found.low < species < found.high


@pytest.mark.parametrize("spiders", [GIRDLED, LOGGED])
def test_the_curve_goes_through_what_was_observed(spiders: Frequencies) -> None:
    assert expected(spiders, spiders.units) == pytest.approx(spiders.observed)
    assert expected(spiders, spiders.units + 1e-6) == pytest.approx(spiders.observed, abs=1e-4)
    assert expected_coverage(spiders, spiders.units) == pytest.approx(coverage(spiders))
    assert expected(spiders, 1) == pytest.approx(1.0)


def test_rarefaction_is_the_mean_over_all_samples() -> None:
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(GIRDLED.observed), GIRDLED.counts.astype(int))
    found = [len(np.unique(rng.permutation(people)[:40])) for _ in range(4000)]
    assert expected(GIRDLED, 40) == pytest.approx(np.mean(found), abs=0.1)


def test_rarefied_coverage_is_the_chance_that_the_next_one_is_known() -> None:
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(GIRDLED.observed), GIRDLED.counts.astype(int))
    order = [rng.permutation(people) for _ in range(8000)]
    known = np.mean([one[40] in one[:40] for one in order])
    assert expected_coverage(GIRDLED, 40) == pytest.approx(known, abs=0.015)


def test_extrapolation_grows_towards_the_estimate_and_stops_at_twice_the_sample() -> None:
    assert GIRDLED.observed < expected(GIRDLED, 336) < richness(GIRDLED).estimate
    assert coverage(GIRDLED) < expected_coverage(GIRDLED, 336) < 1
    with pytest.raises(ValueError, match="beyond 2 times the 168"):
        expected(GIRDLED, 337)


def test_nothing_seen_once_means_nothing_unseen() -> None:
    closed = Frequencies(np.array([3.0, 4.0, 5.0]), 10)
    assert coverage(closed) == 1.0
    assert (richness(closed).estimate, expected(closed, 20)) == (3.0, 3.0)


def test_terms_are_long_words_folded_and_pairs_of_signs() -> None:
    assert terms_of("The soul, the SOUL! 1234 道可道") == {"soul", "道可", "可道"}


def books(language: str, count: int, seed: int) -> list[BookTerms]:
    rng = np.random.default_rng(seed)
    words = [frozenset(f"w{number}" for number in np.unique(rng.zipf(1.5, 60))) for _ in range(count)]
    return [
        BookTerms(f"{language}-{n:02d}", language, "core", "x" if n % 2 else "y", one) for n, one in enumerate(words)
    ]


def test_languages_are_never_pooled_and_small_groups_are_left_out() -> None:
    found = saturations([*books("en", 20, 0), *books("fr", 6, 1), *books("de", 3, 2)], "en", 0.9)
    assert [(one.kind, one.name) for one in found] == [
        ("language", "en"), ("language", "fr"), ("tier", "core"), ("theme", "x"), ("theme", "y")
    ]  # fmt: skip
    whole = found[0]
    assert whole.covered.low < whole.covered.value < whole.covered.high
    assert 0 < whole.heaps < 1 and whole.all_terms.estimate > whole.frequencies.observed


def test_terms_in_several_books_are_counted_as_drawn() -> None:
    some = frequencies(books("en", 20, 0))
    assert expected_often(some, 20) == (some.counts >= 3).sum()
    assert expected_often(some, 2) == 0
    assert [point.beyond for point in curve(some, (5, 20, 40, 41))] == [False, False, True]


def test_training_texts_become_books_of_terms(tmp_path: Path) -> None:
    row = {"book_id": "b1", "language": "en", "tier": "core", "category": "x", "text": "Justice"}
    lines = [row, {**row, "text": "justice and mercy"}]
    (tmp_path / "core.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert read_books(tmp_path) == [BookTerms("b1", "en", "core", "x", frozenset({"justice", "mercy"}))]
