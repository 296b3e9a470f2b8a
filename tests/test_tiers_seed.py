"""The seed of 100: which scenes it shows, in which order, and that it reads back whatever the text."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import prose
from hypothesis import given
from hypothesis import strategies as st

from stages.shared.scenefile import Scene
from stages.tiers import seed

SHELVES = [("core", "epic"), ("core", "drama"), ("core", "epic"), ("orbit", "law"), ("fractal", "epic")]


def scene(book: int, rank: int, **changed: Any) -> Scene:
    tier, category = SHELVES[book % len(SHELVES)]
    facts: dict[str, Any] = {
        "scene_id": f"b{book:03d}-p{rank}", "book_id": f"b{book:03d}", "title": f"T{book}", "author": "A",
        "language": "en", "tier": tier, "category": category, "rank": rank, "kind": "paradox", "density": 1.0,
        "tokens": 1, "words": 1, "bytes": 1, "sha256": "", "chapter": "One", "first": rank, "last": rank, "page": None,
        "forms": {"passage": prose(book * 10 + rank, 1)[0]}, "reason": "contrast +2.5",
    }  # fmt: skip
    return Scene(**facts | changed)


def books(count: int, each: int) -> dict[str, list[Scene]]:
    return {f"b{book:03d}": [scene(book, rank) for rank in range(each)] for book in range(count)}


def test_every_book_gives_its_best_before_any_gives_its_second() -> None:
    found = seed.seed_100(books(60, 3), [f"b{book:03d}" for book in range(60)])
    assert len(found) == 100
    assert sum(one.rank == 0 for one in found) == 60
    assert [one.tier for one in found if one.rank == 1].count("core") == 36


def test_a_hundred_core_books_leave_no_place_for_others() -> None:
    found = seed.seed_100(books(200, 2), [f"b{book:03d}" for book in range(200)])
    assert {(one.tier, one.rank) for one in found} == {("core", 0)}


def test_scenes_stand_by_tier_then_category_then_book() -> None:
    found = seed.seed_100(books(5, 2), ["b004", "b000", "b001", "b002", "b003"])
    assert [one.scene_id for one in found] == [
        "b000-p0", "b000-p1", "b002-p0", "b002-p1", "b001-p0", "b001-p1", "b003-p0", "b003-p1", "b004-p0", "b004-p1",
    ]  # fmt: skip


def test_a_category_has_one_heading_and_the_file_loads(tmp_path: Path) -> None:
    seed.write_seed(tmp_path / "seed.yaml", seed.seed_100(books(5, 2), sorted(books(5, 2))))
    text = (tmp_path / "seed.yaml").read_text()
    assert [line for line in text.splitlines() if line.startswith("# ")][3:] == [
        "# core: epic", "# core: drama", "# orbit: law", "# fractal: epic",
    ]  # fmt: skip
    loaded = yaml.safe_load(text)
    assert loaded["schema"] == 1 and len(loaded["scenes"]) == 10
    assert list(loaded["scenes"][0]) == [
        "title", "author", "language", "tier", "category", "where", "why", "text", "scene",
    ]  # fmt: skip
    assert max(map(len, text.splitlines())) < 120


def test_verse_keeps_its_lines_and_prose_is_wrapped() -> None:
    verse = seed.shown(scene(1, 0, forms={"passage": "One line\nand another\n\nafter a pause"}))
    assert "  text: |-\n    One line\n    and another\n\n    after a pause\n" in verse
    assert "  text: >-\n" in seed.shown(scene(1, 0))


def test_place_and_reason_are_said_as_a_person_says_them() -> None:
    one = scene(1, 0, first=3, last=5, page=12, curated="pinned")
    assert seed.where(one) == "One, page 12, paragraphs 3-5"
    assert seed.why(one) == "pinned by a person; paradox; contrast +2.5"


@pytest.mark.parametrize("category", ["a\n- b: c", "x # y", ""])
def test_a_strange_category_stays_in_its_line(category: str, tmp_path: Path) -> None:
    seed.write_seed(tmp_path / "seed.yaml", [scene(1, 0, category=category)])
    assert yaml.safe_load((tmp_path / "seed.yaml").read_text())["scenes"][0]["category"] == category


def test_no_scene_is_an_empty_list(tmp_path: Path) -> None:
    seed.write_seed(tmp_path / "seed.yaml", [])
    assert yaml.safe_load((tmp_path / "seed.yaml").read_text()) == {"schema": 1, "scenes": []}


@given(st.text(st.characters(codec="utf-8"), max_size=300) | st.lists(st.text(max_size=90), max_size=6).map("\n".join))
def test_any_text_reads_back(text: str) -> None:
    assert yaml.safe_load(seed.shown(scene(1, 0, forms={"passage": text})))[0]["text"] == text


@given(
    st.lists(
        st.sampled_from(["word", "a" * 60, "\n", "\n\n", " ", "  ", "- x", "# no", ": ", "\x85", "\u2028"]), max_size=40
    )
)
def test_any_layout_reads_back(pieces: list[str]) -> None:
    text = " ".join(pieces)
    assert yaml.safe_load(seed.shown(scene(1, 0, forms={"passage": text})))[0]["text"] == text
