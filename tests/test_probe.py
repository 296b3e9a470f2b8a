from pathlib import Path

import pytest
from conftest import prose
from hypothesis import given
from hypothesis import strategies as st

from stages import probe
from stages.shared.passages import byte_lengths, is_well_formed, passages
from stages.shared.records import Paragraph, ShelfBook, write_paragraphs


def shelf(count: int) -> list[ShelfBook]:
    tiers = ("core", "orbit", "fractal")
    return [
        ShelfBook(
            f"b{i:03d}", f"T{i}", f"A{i % 15}", "en", tiers[i % 3], f"c{i % 4}", "own", "x", "epub", "0", 1, "here", ""
        )
        for i in range(count)
    ]


@given(st.integers(0, 99), st.integers(1, 14))
def test_chosen_books_have_different_authors_and_spread_over_the_tiers(seed: int, count: int) -> None:
    chosen = probe.choose(shelf(40), count, seed)
    assert len({book.author for book in chosen}) == len(chosen) == count
    assert len({book.tier for book in chosen}) >= min(2, count)


@given(st.integers(1, 30), st.floats(0.1, 1.0))
def test_the_halves_do_not_depend_on_the_order_of_the_books(count: int, share: float) -> None:
    books = shelf(count)
    assert probe.halves(books, share, 1) == probe.halves(books[::-1], share, 1)


def book_passages(seed: int = 1) -> list[object]:
    texts = [Paragraph(i, "One", None, "prose", text) for i, text in enumerate(prose(seed, 60))]
    return [one for one in passages(texts, 300, 700, byte_lengths) if is_well_formed(one.text)]


def test_the_parts_of_an_item_give_its_text_back() -> None:
    book = book_passages()
    for index in range(len(book)):
        item = probe.item_of(index, book, "b", 1)
        assert item.explanation + item.conclusion == item.text
        assert item.premise + "".join(item.middle) + item.last == item.text
        assert sorted(item.shuffled) == list(range(len(item.middle)))
        assert item.shuffled != sorted(item.shuffled)


def test_wrong_explanations_come_from_far_enough_and_are_as_long() -> None:
    book = book_passages()
    item = probe.item_of(20, book, "b", 1)
    assert len(item.wrong) == probe.WRONG_DRAWS
    for text in item.wrong:
        at = next(index for index, one in enumerate(book) if text in one.text)
        assert abs(at - 20) >= probe.WRONG_APART
        assert abs(len(text.encode()) / len(item.explanation.encode()) - 1) <= probe.WRONG_LENGTH


def test_a_book_too_short_for_wrong_explanations_has_none() -> None:
    assert probe.item_of(0, book_passages()[:6], "b", 1).wrong == []


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/extract").mkdir(parents=True)
    (tmp_path / "data/catalogue").mkdir()
    for index, book in enumerate(shelf(12)):
        texts = [Paragraph(i, "", None, "prose", text) for i, text in enumerate(prose(index, 40))]
        write_paragraphs(tmp_path / f"data/extract/{book.book_id}.jsonl", texts)
    probe.POOL.write_text("book_id\n" + "".join(f"{book.book_id}\n" for book in shelf(12)))
    return tmp_path


PARAMS = probe.ProbeParams(
    seed=1,
    language="en",
    books={"en": 5},
    share_b=0.6,
    passages_per_book=4,
    min_bytes=300,
    max_bytes=700,
    control_bytes=2000,
)


def test_a_book_that_is_added_never_changes_the_probe(project: Path) -> None:
    before = probe.probe_books(shelf(12), PARAMS)
    added = shelf(13)[12]
    write_paragraphs(project / f"data/extract/{added.book_id}.jsonl", [Paragraph(0, "", None, "prose", "New.")])
    assert probe.probe_books([added, *shelf(12)], PARAMS) == before


def test_the_items_of_a_book_are_a_sample_that_only_the_probe_s_params_decide(project: Path) -> None:
    count, items = probe.book_items("b001", PARAMS)
    assert len(items) == 4 <= count
    assert probe.book_items("b001", PARAMS) == (count, items)
    assert probe.book_items("b001", PARAMS.model_copy(update={"seed": 2}))[1] != items


def test_a_pool_that_is_too_small_is_told_with_its_remedy(project: Path) -> None:
    with pytest.raises(probe.UserError, match=r"asks for 50 books in en, .* has 12 readable ones .* --choose"):
        probe.probe_books(shelf(12), PARAMS.model_copy(update={"books": {"en": 50}}))


def test_the_control_text_is_distinct_docstrings_within_its_size() -> None:
    texts = [row["text"] for row in probe.control_texts(3000, 1)]
    assert 2000 < sum(len(text.encode()) for text in texts) <= 3000
    assert len(set(texts)) == len(texts)
