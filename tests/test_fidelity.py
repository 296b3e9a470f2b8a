"""Fidelity of reading: what is lost of a known text and what is let in beside it."""

import random
from pathlib import Path

import numpy as np
import pytest

from benchmarks import fidelity
from stages.sample.catalogue import Work
from stages.sample.texts import Block, Chapter
from stages.shared.errors import UserError

COLUMNS = "file,reference,language\n"


def paragraphs(count: int) -> list[str]:
    """Paragraphs of forty words that occur once each."""
    chance = random.Random(1)
    return [" ".join("".join(chance.choices("aeionrst", k=9)) for _ in range(40)) + "." for _ in range(count)]


def pairs(folder: Path, book: list[str], reference: list[str]) -> list[fidelity.Pair]:
    """A text file with a known text, listed in a CSV."""
    (folder / "book.txt").write_text("\n\n".join(book), encoding="utf-8")
    (folder / "known.txt").write_text("\n\n".join(reference), encoding="utf-8")
    (folder / "pairs.csv").write_text(f"{COLUMNS}book.txt,known.txt,en\n", encoding="utf-8")
    return fidelity.listed(folder / "pairs.csv", folder)


def test_a_text_that_is_read_as_it_is_known_is_kept_whole(tmp_path: Path) -> None:
    found = fidelity.compare(pairs(tmp_path, paragraphs(30), paragraphs(30))[0])
    assert found.kept.all() and found.own.all() and len(found.reference) == 1200


def test_what_is_lost_and_what_is_let_in_are_shares_of_their_words(tmp_path: Path) -> None:
    known = paragraphs(40)
    found = fidelity.compare(pairs(tmp_path, known[:20] + known[30:], known[:35])[0])
    figures = {one.name: one.value for one in fidelity.figures([found])}
    assert figures["fidelity: txt en kept"] == pytest.approx(100 * 25 / 35)
    assert figures["fidelity: txt en let in"] == pytest.approx(100 * 5 / 30)


def test_the_longest_stretches_are_shown_with_their_place(tmp_path: Path) -> None:
    known = paragraphs(40)
    found = fidelity.compare(pairs(tmp_path, known[:20] + known[30:], known[:35])[0])
    first, second = fidelity.stretches([found], 2)
    assert first.startswith(f"book.txt lost 400 words at 800: {' '.join(known[20].split()[:3])}")
    assert second.startswith("book.txt let in 200 words at 1000: ")


def test_one_changed_word_costs_that_word_alone() -> None:
    words = [str(number) for number in range(20)]
    marks = fidelity.common(words, [*words[:9], "other", *words[10:]])
    assert np.flatnonzero(~marks).tolist() == [9]


def test_chinese_is_counted_by_character_and_case_and_ligatures_do_not_count() -> None:
    assert fidelity.words_of("道可道, OF\u00adFICE ﬁne") == ["道", "可", "道", "office", "fine"]


def test_what_gutenberg_puts_around_a_text_is_no_part_of_it() -> None:
    content = "Licence\r\n*** START OF THE PROJECT ***\r\nÉtude\r\n*** END OF THE PROJECT ***\r\nLicence".encode(
        "latin-1"
    )
    assert fidelity.plain_text(content).strip() == "Étude"


def test_a_work_is_compared_in_each_format_that_has_its_letters(tmp_path: Path) -> None:
    facts = dict.fromkeys(("title", "author", "dates", "category", "essence", "package"), "x")
    for text, expected in (("A river keeps its shadow.", ["epub", "pdf"]), ("天下大道", ["epub"])):
        work = Work(book_id="sample-001", language="en", tier="core", format="epub", paths=("a",), **facts)  # type: ignore[arg-type]
        chapters = [Chapter("One", [Block("prose", text)])]
        assert sorted(path.suffix[1:] for path in fidelity.written(work, chapters, tmp_path)) == expected


def test_a_table_without_its_columns_or_files_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("file,language\nbook.txt,en\n")
    with pytest.raises(UserError, match="no column 'reference'; it needs file, reference and language"):
        fidelity.listed(tmp_path / "pairs.csv", tmp_path)
    (tmp_path / "pairs.csv").write_text(f"{COLUMNS}book.txt,known.txt,en\n")
    with pytest.raises(UserError, match=r"known.txt cannot be read \(No such file or directory\); mend"):
        fidelity.listed(tmp_path / "pairs.csv", tmp_path)
