"""Overturns: what counts as one, what does not, and what the report says of it."""

from pathlib import Path

import numpy as np
import pytest

from stages.saturation.overturns import (
    Place,
    Stretch,
    Trunk,
    agreed,
    correlation,
    judge_trunk,
    overturns,
    read_trunks,
    standing_out,
)
from stages.saturation.phrases import Speaker
from stages.saturation.plot_overturns import overturns_figure
from stages.saturation.proof.scorecard import exact, overturn_figures
from stages.saturation.proof.upheavals import PLANTED, Turned, draw_upheaval, run_upheaval, write_upheaval
from stages.saturation.report_overturns import overturn_part
from stages.saturation.states import read_head, steps_of
from stages.saturation.tables import overturn_rows
from stages.shared.errors import UserError

BOOKS = tuple(range(0, 88, 8))


def trunk(kind: str, number: int, rng: np.random.Generator, at: int | None = None, turned: bool = False) -> Trunk:
    """Ten fading steps; at `at` one is three times as large, and `turned` makes other passages gain behind it."""
    steps = 0.1 / np.sqrt(np.arange(1, 11)) * np.exp(0.05 * rng.standard_normal(10))
    liked, other = np.random.default_rng(1).standard_normal((2, 40))
    if at is not None:
        steps[at] *= 3
    behind = np.arange(11)[:, None] > (at if turned and at is not None else 99)
    gains = np.arange(11)[:, None] * (1 + np.where(behind, other, liked)) + 0.3 * rng.standard_normal((11, 40))
    return Trunk(kind, number, np.array(BOOKS), steps, gains)


def followed(at: int | None, turned: bool, seeds: int = 3) -> list[Trunk]:
    """Three seeds and a null; the first `seeds` of them have what is planted."""
    rng = np.random.default_rng(7)
    real = [trunk("real", one, rng, at if one < seeds else None, turned) for one in range(3)]
    return real + [trunk("shuffled", one, rng) for one in range(19)]


def places(trunks: list[Trunk]) -> list[Place]:
    found = overturns("tiered-real-d0", trunks)
    assert found is not None
    return list(found.found)


def test_a_reversal_at_the_same_books_in_most_seeds_is_an_overturn() -> None:
    assert places(followed(5, True)) == [Place(40, 48, 3)]
    assert places(followed(5, True, seeds=2)) == [Place(40, 48, 2)]


def test_a_jump_of_size_alone_a_single_seed_and_nothing_at_all_are_none() -> None:
    assert places(followed(5, False)) == []
    assert places(followed(5, True, seeds=1)) == []
    assert places(followed(None, False)) == []


def test_a_jump_stands_out_and_its_gains_keep_their_correlation() -> None:
    trunks = followed(5, False)
    found = judge_trunk(trunks[0], trunks[3:])
    assert [(one.first, one.last) for one in found] == [(5, 6)]
    assert found[0].stands_out == 0.05 and found[0].reversal > 0.05 and found[0].correlation > 0.8
    named = [f"Book {number}" for number in range(1, 81)]
    whole = overturns("tiered-real-d0", trunks, named)
    assert whole is not None and whole.found == () and whole.jumps == (Place(40, 48, 3),)
    told = "\n".join(overturn_part(whole, Speaker()))
    assert "No overturn was found." in told and "A jump and no overturn, at 40-48 books" in told
    assert "one order in 20" in told
    assert "- books 41 to 48: Book 41; Book 42;" in told and "Book 49" not in told


def test_the_first_step_turns_nothing_over() -> None:
    assert np.isnan(correlation(np.zeros((11, 4)), 0, 1))
    assert places(followed(0, True)) == []


def test_two_change_points_bound_the_stretch_that_stands_out() -> None:
    assert standing_out(np.array([1.0, 1, 4, 4, 1, 1])) == (pytest.approx(12.0), 2, 4)
    assert standing_out(np.array([1.0, 1, 1, 1, 1, 3]))[1:] == (5, 6)


def test_seeds_agree_where_their_stretches_overlap() -> None:
    def stretch(init: int, first: int, last: int, reversal: float = 0.05) -> Stretch:
        return Stretch(init, first, last, 0.05, 0.1, reversal)

    books = (0, 8, 16, 24, 32)
    assert agreed([stretch(0, 1, 3), stretch(1, 2, 4)], books, 3) == [Place(16, 24, 2)]
    assert agreed([stretch(0, 1, 2), stretch(1, 2, 3)], books, 3) == []
    mixed = [stretch(0, 1, 2), stretch(1, 1, 2, reversal=0.1)]
    assert agreed([one for one in mixed if one.both], books, 3) == []
    assert agreed(mixed, books, 3) == [Place(8, 16, 2)]
    assert Place(8, 24, 2).overlaps(Place(16, 24, 2)) and Place(16, 24, 2).overlaps(Place(8, 32, 2))
    assert not Place(8, 16, 2).overlaps(Place(16, 24, 2))


def test_too_small_a_null_gives_no_answer() -> None:
    assert overturns("x", followed(5, True)[:-1]) is None
    assert overturns("", []) is None


def test_trunks_are_read_from_the_files_of_evaluate_and_a_lost_one_is_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    write_upheaval(draw_upheaval("none", rng), tmp_path, rng)
    head = read_head(tmp_path)
    reading, trunks = read_trunks(tmp_path, lambda states: steps_of(head, states))
    assert reading == "tiered-real-d0" and len(trunks) == 22
    assert all((one.steps > 0).all() and (one.gains[0] == 0).all() for one in trunks)
    (tmp_path / "real-01.npz").unlink()
    with pytest.raises(UserError, match="dvc repro evaluate"):
        read_trunks(tmp_path, lambda states: steps_of(head, states))
    assert read_trunks(tmp_path / "nothing", lambda states: states) == ("", [])


def test_the_report_the_table_and_the_picture_say_what_was_found() -> None:
    found = overturns("tiered-real-d0", followed(5, True))
    assert found is not None and found.jumps == ()
    told = "\n".join(overturn_part(found, Speaker()))
    assert "Overturns found: 1, at 40-48 books." in told and "19 trunks really trained" in told
    assert overturn_part(None, Speaker()) == []
    rows = overturn_rows(found)
    assert len(rows) == 22 * 10 and sum("reversal_p" in row for row in rows) == 3
    texts = [text.get_text() for text in overturns_figure(found).axes[0].get_legend().get_texts()]
    assert "overturn in 3 seeds" in texts and "null, 19 shuffled orders" in texts


def test_a_planted_overturn_is_found_at_its_place_twice_alike() -> None:
    first = run_upheaval((PLANTED, 1, 0))
    assert first == run_upheaval((PLANTED, 1, 0)) and first.hit


def test_the_scorecard_counts_false_overturns_and_found_ones_with_exact_intervals() -> None:
    outcomes = [Turned("none", 0, False)] * 19 + [Turned("jump", 2, False)] + [Turned(PLANTED, 1, True)] * 10
    row = overturn_figures(outcomes)
    assert (row["false_overturns"], row["false_overturn_readings"], row["overturns_found"]) == (0.1, 0.05, 1.0)
    assert row["overturns_found_low"] == pytest.approx(0.025 ** (1 / 10), abs=1e-3)  # (alpha / 2) ** (1 / n)
    assert exact("x", [False] * 20)["x_high"] == pytest.approx(1 - 0.025 ** (1 / 20), abs=1e-3)
