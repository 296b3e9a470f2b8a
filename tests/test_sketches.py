"""Sketches of whole texts: the same text is known again in another edition, in part, or among others."""

import random
import string
from pathlib import Path

import numpy as np
import pytest

from stages.shared.sketches import overlaps, packed, read_sketches, repeats, share_of, sketch, unpacked, write_sketches


def text(seed: int, words: int = 4000, letters: str = string.ascii_lowercase) -> str:
    """Words of random letters: two seeds have no run in common."""
    chance = random.Random(seed)
    return " ".join("".join(chance.choices(letters, k=chance.randint(2, 9))) for _ in range(words))


def test_case_accents_punctuation_and_lines_do_not_change_a_sketch() -> None:
    other = ".\n".join(text(1).upper().split()).replace("E", "É").replace("A", "a-\n")
    assert np.array_equal(sketch(text(1)), sketch(other))


def test_what_is_no_word_has_an_empty_sketch() -> None:
    for content in ("", "12 + 30", "a word", "二三"):
        assert not len(sketch(content))


def test_the_share_of_a_text_in_another_is_told_in_both_directions() -> None:
    part, whole = sketch(text(1)), sketch(f"{text(1)} {text(2)} {text(3)} {text(4)}")
    assert share_of(part, whole) > 0.95
    assert share_of(whole, part) == pytest.approx(0.25, abs=0.05)
    assert share_of(part, sketch(text(5))) == 0.0


@pytest.mark.parametrize("changed", [0.0, 0.02, 0.1])
def test_an_edition_with_other_spellings_shares_what_is_left(changed: float) -> None:
    chance = random.Random(0)
    words = [word if chance.random() >= changed else f"{word}x" for word in text(1, 20_000).split()]
    runs = (1 - changed) ** 5  # a run of 24 letters lies in about five words
    assert share_of(sketch(text(1, 20_000)), sketch(" ".join(words))) == pytest.approx(runs, abs=0.1)


def test_a_text_in_chinese_is_known_between_notes_in_english() -> None:
    chinese = [text(seed, 20, "天下大道可名非常有無之始萬物母故欲觀其妙徼此兩者同出而異") for seed in range(60)]
    mixed = "\n".join(f"{line}\n{text(100 + seed, 60)}" for seed, line in enumerate(chinese))
    assert share_of(sketch("".join(chinese)), sketch(mixed)) > 0.8


def test_the_later_of_two_copies_is_the_duplicate_whatever_the_names() -> None:
    copies = {"z": sketch(text(1)), "b": sketch(text(2)), "a": sketch(text(1))}
    assert {name: str(found) for name, found in repeats(copies, 0.5).items()} == {
        "a": "duplicate of z (100% of its text)"
    }


def test_an_omnibus_is_the_duplicate_of_the_books_it_holds() -> None:
    books = {f"book-{seed}": text(seed) for seed in range(4)}
    found = repeats({name: sketch(one) for name, one in (books | {"all": " ".join(books.values())}).items()}, 0.5)
    assert set(found) == {"all"} and set(found["all"].others) == set(books)
    assert "and 3 more" in str(found["all"]) and found["all"].share > 0.95


def test_a_whole_book_stays_beside_an_earlier_excerpt() -> None:
    whole = text(1, 20_000)
    assert not repeats({"excerpt": sketch(whole[:20_000]), "whole": sketch(whole)}, 0.5)
    assert set(repeats({"whole": sketch(whole), "excerpt": sketch(whole[:20_000])}, 0.5)) == {"excerpt"}


def test_a_hundred_copies_have_one_original_and_common_pages_make_no_duplicate() -> None:
    licence = text(9, 400)
    copies = {f"copy-{number:03d}": sketch(text(1)) for number in range(100)}
    others = {f"other-{number:03d}": sketch(f"{licence} {text(100 + number)}") for number in range(40)}
    found = repeats(copies | others, 0.5)
    assert set(found) == set(copies) - {"copy-000"}
    assert {one.others[0] for one in found.values()} == {"copy-000"}


def test_a_text_overlaps_a_held_one_that_holds_it_or_that_it_holds() -> None:
    held = {"probe": sketch(f"{text(1)} {text(2)}")}
    others = {"part": text(1), "omnibus": " ".join(map(text, range(8))), "other": text(30)}
    assert overlaps({name: sketch(one) for name, one in others.items()}, held, 0.1) == {
        "part": "probe",
        "omnibus": "probe",
    }


def test_sketches_come_back_as_they_were_written(tmp_path: Path) -> None:
    written = {"b": sketch(text(1)), "empty": sketch(""), "a": sketch(text(2))}
    write_sketches(tmp_path / "one.npz", written)
    write_sketches(tmp_path / "two.npz", written)
    found = read_sketches(tmp_path / "one.npz")
    assert list(found) == list(written) and all(np.array_equal(found[name], written[name]) for name in written)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    assert all(np.array_equal(unpacked(packed(runs)), runs) for runs in written.values())


def test_no_book_at_all_has_sketches_too(tmp_path: Path) -> None:
    write_sketches(tmp_path / "none.npz", {})
    assert read_sketches(tmp_path / "none.npz") == {} and repeats({}, 0.5) == {}
