import dataclasses
import json
from pathlib import Path

import pytest
from conftest import ROOT, prose
from hypothesis import given
from hypothesis import strategies as st

from stages.shared.errors import UserError
from stages.shared.passages import byte_lengths
from stages.shared.records import TIERS, ShelfBook
from stages.tiers import __main__ as tiers
from stages.tiers import arms, orders


def shelf(count: int) -> list[ShelfBook]:
    return [
        ShelfBook(
            f"b{i:03d}", f"T{i}", f"A{i}", "en", TIERS[i % 3], f"c{i % 2}", "own", "x", "epub", "0", 1, "here", ""
        )
        for i in range(count)
    ]


def ids(books: list[ShelfBook]) -> list[str]:
    return [book.book_id for book in books]


@given(st.integers(4, 40), st.integers(0, 5), st.sampled_from(["tiered", "shuffled"]))
def test_adding_a_book_keeps_the_sequence_of_the_others(count: int, draw: int, order: str) -> None:
    before = ids(orders.ordered(shelf(count), order, draw, 1))
    after = [one for one in ids(orders.ordered(shelf(count + 1), order, draw, 1)) if one in before]
    assert after == before


def test_tiered_reads_core_then_orbit_then_fractal() -> None:
    tiers_read = [book.tier for book in orders.ordered(shelf(30), "tiered", 0, 1)]
    assert tiers_read == sorted(tiers_read, key=TIERS.index)


def test_a_draw_changes_the_sequence_and_not_the_books() -> None:
    one, other = (ids(orders.ordered(shelf(30), "shuffled", draw, 1)) for draw in (0, 1))
    assert one != other
    assert sorted(one) == sorted(other)


def test_themes_and_topics_keep_their_category() -> None:
    theme = orders.ordered(shelf(30), "theme-c1", 0, 1)
    topic = orders.ordered(shelf(30), "topic-c1", 0, 1)
    assert {book.category for book in theme if book.tier == "fractal"} == {"c1"}
    assert {book.category for book in topic} == {"c1"}
    assert {book.category for book in theme if book.tier == "core"} == {"c0", "c1"}


def test_an_unknown_order_names_the_valid_ones() -> None:
    with pytest.raises(UserError, match="valid are tiered, shuffled, theme-CATEGORY, topic-CATEGORY"):
        orders.ordered(shelf(3), "random", 0, 1)


@pytest.mark.parametrize(
    ("available", "every", "max_books", "expected"),
    [(45, True, None, [10, 20, 45]), (45, False, None, [10, 20]), (45, True, 20, [10, 20]), (45, True, 15, [10, 15]),
     (20, True, None, [10, 20]), (9, False, None, [])],
)  # fmt: skip
def test_a_shelf_takes_the_rungs_that_fit(
    available: int, every: bool, max_books: int | None, expected: list[int]
) -> None:
    assert orders.rungs(available, [10, 20, 50], every, max_books) == expected


def a_text(seed: int) -> arms.Text:
    text = prose(seed, 1)[0]
    return arms.Text(f"b{seed}", f"b{seed}-p1:passage", "passage", "core", "c", "en", byte_lengths([text])[0], text)


@given(st.integers(0, 200))
def test_shuffled_words_are_the_same_words_in_another_order(seed: int) -> None:
    one = a_text(seed)
    control = arms.shuffle_words(one, 1, byte_lengths)
    assert sorted(control.text.split()) == sorted(one.text.split())
    assert control.text != one.text


def test_other_prose_is_as_long_and_never_repeats() -> None:
    texts = [a_text(seed) for seed in range(5)]
    controls = arms.other_prose(texts, ROOT / "requirements.lock", byte_lengths)
    assert all(0.8 * one.tokens <= other.tokens <= one.tokens for one, other in zip(texts, controls, strict=True))
    assert len({control.text for control in controls}) == 5


def test_other_prose_that_runs_out_is_told() -> None:
    with pytest.raises(UserError, match=r"needs 1000000000 tokens, the installed packages have \d+"):
        arms.other_prose([dataclasses.replace(a_text(1), tokens=10**9)], ROOT / "requirements.lock", byte_lengths)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"forms": ["poem"]}, "unknown 'poem' in tiers; valid are passage, instruction, qa, tension"),
        ({"controls": ["silence"]}, "valid are shuffled_words, other_prose, random_passages"),
        ({"ladder": [0, 10]}, "a rung is a number of books, at least 1"),
        ({"max_books": 3}, "below the smallest rung 10"),
    ],
)
def test_impossible_params_are_refused(changed: dict[str, object], said: str) -> None:
    params = tiers.TiersParams(
        seed=1, orders=["tiered"], draws=1, ladder=[10], every=True, max_books=None, tokens_per_book=100,
        forms=["passage"],
        controls=[], control_draws=0, random_tokens=[10, 100],
    )  # fmt: skip
    with pytest.raises(UserError) as error:
        tiers.check(params.model_copy(update=changed))
    assert said in str(error.value)


def test_editions_of_a_work_have_one_key() -> None:
    assert tiers.work_key("The Odyssey: rendered into prose", "Homer") == tiers.work_key("The Odyssey (verse)", "Homer")
    assert tiers.work_key("The Odyssey", "Homer") != tiers.work_key("The Iliad", "Homer")


def test_a_training_text_that_repeats_the_probe_stops_the_pipeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/probe").mkdir(parents=True)
    leaked = a_text(1)
    (tmp_path / "data/probe/items.jsonl").write_text(json.dumps({"item": "probe-1", "text": leaked.text}) + "\n")
    tiers.check_leaks([a_text(2)])
    with pytest.raises(UserError, match="repeats probe item probe-1"):
        tiers.check_leaks([dataclasses.replace(leaked, text=leaked.text + " And one more line.")])
