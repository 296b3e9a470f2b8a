"""The 10,000 rows, the shelf of the files that are here, and adding one's own books."""

import csv
import hashlib
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

from stages.bookmap.__main__ import BOOKMAP, LIBRARY, METRICS, OWN, SHELF, main
from stages.bookmap.own import COLUMNS
from stages.bookmap.rows import check_books, core_books, core_work, same_work_patterns, selected_books, work_line
from stages.bookmap.shelf import edition
from stages.shared.errors import UserError
from stages.shared.records import Book, ShelfBook, read_csv, write_csv

WORKERS = {"backend": "local", "count": 1, "seconds": 60, "memory_mb": 0}
PARAMS = {"bookmap": {"sample": False, "catalogue": None}, "workers": WORKERS}
CATALOGUE = Path(__file__).parents[1] / "data/catalogue"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the real catalogue, an empty library and no sample."""
    (tmp_path / "data/catalogue").mkdir(parents=True)
    for name in ("core.csv", "selection.csv.gz", "reserve.csv.gz", "orbit_rules.yaml", "selection_rules.yaml"):
        (tmp_path / "data/catalogue" / name).symlink_to(CATALOGUE / name)
    (tmp_path / "data/library").mkdir()
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(PARAMS), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["bookmap"])
    return tmp_path


def put(name: str, text: str = "") -> Path:
    path = LIBRARY / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text or f"the text of {name}", encoding="utf-8")
    return path


def write_own(*rows: dict[str, str]) -> None:
    standard = {"book_id": "own-0001", "title": "Mine", "tier": "fractal", "language": "en", "path": "own/mine.txt"}
    with OWN.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows({**standard, **row} for row in rows)


def shelf() -> dict[str, ShelfBook]:
    main()
    return {row.book_id: row for row in read_csv(SHELF, ShelfBook)}


def test_the_bookmap_has_exactly_100_900_and_9000_rows(project: Path) -> None:
    put("pg/1497/1497.epub")
    main()
    books = read_csv(BOOKMAP, Book)
    assert Counter(book.tier for book in books) == {"core": 100, "orbit": 900, "fractal": 9000}
    assert len({book.book_id for book in books}) == len({book.path for book in books}) == 10_000
    assert all(book.title and book.essence and book.path for book in books)


def test_every_core_pattern_recognises_its_own_book_and_no_other() -> None:
    patterns = same_work_patterns(CATALOGUE / "core.csv")
    for book in core_books(CATALOGUE / "core.csv"):
        line = work_line(book.title, book.author)
        assert [core_id for core_id, pattern in patterns.items() if pattern.search(line)] == [book.book_id]


def test_neither_the_selection_nor_the_reserve_holds_an_edition_of_a_core_book() -> None:
    patterns = same_work_patterns(CATALOGUE / "core.csv")
    books = selected_books(CATALOGUE / "selection.csv.gz") + selected_books(CATALOGUE / "reserve.csv.gz")
    assert not [book.title for book in books if core_work(book.title, book.author, patterns)]


@pytest.mark.parametrize(
    ("title", "author", "core_id"),
    [
        ("L'évolution créatrice", "Bergson, Henri", "core-012"),
        ("Der Staat", "Platon", "core-033"),
        ("Πολιτεία, Τόμος 1", "Plato", "core-033"),
        ("L'ingénieux hidalgo Don Quichotte", "Cervantes Saavedra, Miguel de", "core-046"),
        ("The Iliad", "Homer (tr. Samuel Butler)", "core-087"),
        ("The Odyssey", "Homer", ""),
        ("The Foundations of the Origin of Species", "Darwin, Charles", ""),
    ],
)
def test_editions_and_translations_are_recognised(title: str, author: str, core_id: str) -> None:
    assert core_work(title, author, same_work_patterns(CATALOGUE / "core.csv")) == core_id


def test_a_row_too_many_is_an_error() -> None:
    books = core_books(CATALOGUE / "core.csv") + selected_books(CATALOGUE / "selection.csv.gz")
    with pytest.raises(UserError, match="needs 100 core rows, data/catalogue gives 101"):
        check_books([books[0], *books])


def test_an_empty_library_says_how_to_bring_books(project: Path) -> None:
    with pytest.raises(UserError, match=r"no book is here.*--add"):
        main()
    assert not BOOKMAP.exists()


def test_a_gutenberg_file_puts_its_row_on_the_shelf(project: Path) -> None:
    path = put("pg/1497/pg1497-images-3.epub")
    row = shelf()["core-033"]
    assert (row.status, row.format, row.source, row.path) == ("here", "epub", "bookmap", path.as_posix())
    assert row.sha256 == hashlib.sha256(path.read_bytes()).hexdigest() and row.bytes == path.stat().st_size


@pytest.mark.parametrize(
    "name", ["12.epub", "pg12.epub", "pg12-images-3.epub", "pg12-images.epub", "12-pdf.pdf", "12-0.txt"]
)
def test_the_names_that_gutenberg_uses_are_known(name: str) -> None:
    assert edition([name, "pg123.epub", "cover.jpg"], "12") == name


def test_an_epub_is_taken_before_a_pdf_and_a_text() -> None:
    assert edition(["12.txt", "pg12.pdf", "pg12-images-3.epub"], "12") == "pg12-images-3.epub"


def test_a_work_in_volumes_misses_the_volume_that_is_not_here(project: Path) -> None:
    put("pg/1497/1497.epub")
    put("pg/6729/6729.epub")
    row = shelf()["core-039"]
    assert (row.status, row.reason) == ("missing", "pg/6834/6834.epub is not here")


def test_a_work_with_all_volumes_has_one_digest(project: Path) -> None:
    digests = [hashlib.sha256(put(f"pg/{n}/{n}.epub").read_bytes()).hexdigest() for n in (6729, 6834)]
    row = shelf()["core-039"]
    assert row.status == "here" and row.path.count(";") == 1
    assert row.sha256 == hashlib.sha256("".join(digests).encode()).hexdigest()


def test_a_core_book_without_a_free_edition_takes_the_users_file(project: Path) -> None:
    put("user/core-002.pdf")
    row = shelf()["core-002"]
    assert (row.status, row.format, row.title) == ("here", "pdf", "Metaphysics")


def test_a_row_of_ones_own_stands_on_the_shelf(project: Path) -> None:
    put("own/mine.txt")
    write_own({"tier": "orbit", "category": "mills"})
    row = shelf()["own-0001"]
    assert (row.status, row.source, row.tier, row.category) == ("here", "own", "orbit", "mills")


def test_a_row_of_ones_own_without_its_file_is_missing(project: Path) -> None:
    put("pg/1497/1497.epub")
    write_own({})
    assert (shelf()["own-0001"].status, shelf()["own-0001"].reason) == ("missing", "own/mine.txt is not here")


def test_an_unknown_format_and_an_empty_file_are_rejected(project: Path) -> None:
    put("own/mine.txt")
    put("own/mine.docx")
    put("own/empty.txt").write_text("")
    write_own({}, {"book_id": "own-0002", "path": "own/mine.docx"}, {"book_id": "own-0003", "path": "own/empty.txt"})
    rows = shelf()
    assert rows["own-0002"].reason == "unknown format docx; epub, pdf, txt are read"
    assert (rows["own-0003"].status, rows["own-0003"].reason) == ("rejected", "empty file")


def test_the_same_bytes_count_once(project: Path) -> None:
    put("own/mine.txt", "same")
    put("pg/1497/1497.txt", "same")
    write_own({})
    row = shelf()["core-033"]
    assert (row.status, row.reason) == ("rejected", "duplicate of own-0001")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"tier": "corona"}, "has tier 'corona'; tiers are core, orbit, fractal"),
        ({"language": "English"}, "has language 'English'; write its ISO 639 code"),
        ({"language": ""}, "has language ''"),
        ({"title": ""}, "has no title"),
        ({"book_id": "core-001"}, "repeats book_id core-001"),
        ({"book_id": "My Book"}, "has no usable book_id"),
        ({"path": "../secret.txt"}, "is not below data/library"),
        ({"path": "/etc/hostname"}, "is not below data/library"),
        ({"path": ""}, "has no path"),
    ],
)
def test_a_bad_row_of_ones_own_is_named(project: Path, row: dict[str, str], words: str) -> None:
    put("own/mine.txt")
    write_own(row)
    with pytest.raises(UserError, match=r"own.csv: row 2 ") as caught:
        main()
    assert words in str(caught.value)


def test_a_link_that_leads_out_of_the_library_is_refused(project: Path) -> None:
    (project / "secret.txt").write_text("secret")
    (LIBRARY / "own").mkdir()
    (LIBRARY / "own/mine.txt").symlink_to(project / "secret.txt")
    write_own({})
    with pytest.raises(UserError, match=r"row 2 \(own-0001\) has path 'own/mine.txt', which is not below"):
        main()


def test_a_link_into_the_cache_of_dvc_is_a_file_of_the_library(project: Path) -> None:
    (project / ".dvc/cache").mkdir(parents=True)
    (project / ".dvc/cache/ab").write_text("a text that dvc keeps")
    (LIBRARY / "own").mkdir()
    (LIBRARY / "own/mine.txt").symlink_to(project / ".dvc/cache/ab")
    write_own({})
    assert shelf()["own-0001"].status == "here"


def test_a_missing_column_of_own_csv_is_named(project: Path) -> None:
    OWN.write_text("book_id,title\nown-0001,Mine\n", encoding="utf-8")
    with pytest.raises(UserError, match="has no column author"):
        main()


def test_the_sample_stands_on_the_shelf_when_params_say_so(project: Path) -> None:
    (project / "params.yaml").write_text("bookmap: {sample: true}\n", encoding="utf-8")
    (project / "data/sample/books").mkdir(parents=True)
    (project / "data/sample/books/sample-001.epub").write_text("a book")
    row = Book("sample-001", "T", "A", "", "en", "core", "novel", "", "", "", "sample-001.epub", "E.", "curated")
    write_csv(project / "data/sample/catalogue.csv", Book, [row])
    assert (shelf()["sample-001"].source, shelf()["sample-001"].path) == ("sample", "data/sample/books/sample-001.epub")


def test_two_runs_write_the_same_bytes(project: Path) -> None:
    put("pg/1497/1497.epub")
    main()
    once = [path.read_bytes() for path in (BOOKMAP, SHELF, METRICS)]
    main()
    assert [path.read_bytes() for path in (BOOKMAP, SHELF, METRICS)] == once


def test_the_metrics_count_what_is_here_and_what_is_missing(project: Path) -> None:
    put("pg/1497/1497.epub")
    put("pg/6729/6729.epub")
    main()
    found = yaml.safe_load(METRICS.read_text(encoding="utf-8"))
    assert (found["core_here"], found["core_missing"], found["core_rejected"]) == (1, 99, 0)
    assert (found["orbit_missing"], found["fractal_missing"], found["books_here"]) == (900, 9000, 1)
