"""The gold data for scenes: their form, and that a place is found again or told to have changed."""

import re
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import scenes_gold
from benchmarks.scenes_gold import WHY, Place, digest, load_central, load_labels
from stages.shared.chance import fraction
from stages.shared.errors import UserError
from stages.shared.records import Paragraph, write_paragraphs

LABELS, CENTRAL = load_labels(), load_central()


def test_there_are_labels_enough_in_languages_and_books_enough() -> None:
    assert len(LABELS) >= 300
    assert len({one.language for one in LABELS}) >= 6
    assert len({one.book_id for one in LABELS}) >= 25
    assert sum(one.language == "en" for one in LABELS) >= 120


def test_every_label_is_of_the_closed_sets() -> None:
    assert {one.label for one in LABELS} == set(WHY)
    assert {one.drawn for one in LABELS} == {"random", "enriched"}
    assert [one for one in LABELS if one.why not in WHY[one.label]] == []


def test_a_book_lies_in_the_split_of_its_hash() -> None:
    assert {one.split for one in LABELS} == {"dev", "test"}
    for one in LABELS:
        assert one.split == ("dev" if fraction("scenes-split", one.book_id) < 0.5 else "test")


def test_each_split_has_good_and_broken_of_both_draws() -> None:
    assert len({(one.split, one.drawn, one.label) for one in LABELS}) == 8


def test_labels_are_sorted_and_no_passage_is_labelled_twice() -> None:
    places = [(one.book_id, one.first, one.begin) for one in LABELS]
    assert places == sorted(set(places))


def test_every_place_is_a_run_of_characters_with_its_digest() -> None:
    places = [*LABELS, *CENTRAL]
    assert [one for one in places if not 0 <= one.first <= one.last or not 0 <= one.begin < one.end] == []
    assert [one for one in places if not re.fullmatch("[0-9a-f]{16}", one.sha256)] == []


def test_enough_books_have_one_to_four_central_passages() -> None:
    counts = Counter(one.book_id for one in CENTRAL)
    assert len(counts) >= 25
    assert set(counts.values()) <= {1, 2, 3, 4}


def test_a_central_passage_is_described_in_few_words() -> None:
    assert [one.note for one in CENTRAL if not 3 <= len(one.note.split()) <= 8] == []


def test_central_passages_are_sorted_and_none_stands_twice() -> None:
    places = [(one.book_id, one.first, one.begin) for one in CENTRAL]
    assert places == sorted(set(places))


TEXT = "The ferry left at noon.\n\nNobody waved."


@pytest.fixture
def extract(tmp_path: Path) -> Path:
    """A folder with one book of four paragraphs, the third of them a note."""
    texts = [("heading", "I"), ("prose", "The ferry left at noon."), ("note", "See p. 2"), ("prose", "Nobody waved.")]
    book = [Paragraph(index, "I", None, kind, text) for index, (kind, text) in enumerate(texts)]
    write_paragraphs(tmp_path / "b1.jsonl", book)
    return tmp_path


def test_a_place_is_found_again_across_a_note(extract: Path) -> None:
    whole, inner = Place("b1", 1, 3, 0, len(TEXT), digest(TEXT)), Place("b1", 1, 1, 4, 9, digest("ferry"))
    assert scenes_gold.check([whole, inner], [extract])["hold"] == [whole, inner]


def test_a_changed_place_is_named(extract: Path) -> None:
    found = scenes_gold.check([Place("b1", 1, 3, 0, 5, digest("other"))], [extract])
    with pytest.raises(UserError, match=r"1 places of x hold another text than was judged, first b1 p1-3"):
        scenes_gold.tell("x", found)


def test_a_place_past_the_end_of_a_shorter_extract_has_changed(extract: Path) -> None:
    assert len(scenes_gold.check([Place("b1", 9, 9, 0, 5, digest("ferry"))], [extract])["changed"]) == 1


def test_without_any_book_the_check_names_the_stage_to_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="run `dvc repro extract`"):
        scenes_gold.tell("x", scenes_gold.check([Place("b1", 1, 1, 4, 9, digest("ferry"))], [tmp_path]))


def test_as_many_scenes_as_random_passages_were_judged_blind() -> None:
    rows = scenes_gold.load_blind()
    counts = Counter(one.drawn for one in rows)
    assert set(counts) == {"scene", "random"} and counts["scene"] == counts["random"] >= 100
    assert all(one.why in WHY[one.label] and len(one.sha256) == 16 for one in rows)
