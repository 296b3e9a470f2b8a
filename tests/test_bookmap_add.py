"""Adding one's own books: a file, a folder, ten thousand; duplicates, broken files, proposals."""

import os
import sys
import zipfile
from pathlib import Path

import pymupdf
import pytest
from ebooklib import epub
from test_bookmap import LIBRARY, OWN, project, put, shelf

from stages.bookmap.__main__ import main
from stages.bookmap.metadata import Broken, Facts, code_of, read_facts
from stages.shared.errors import UserError

__all__ = ["project"]  # a fixture
GERMAN = "Das Rad der alten Mühle dreht sich langsam, und niemand weiß, wer das Wasser durch den Graben geleitet hat. "
FRENCH = "La roue du vieux moulin tourne lentement, et personne ne sait qui a conduit l'eau dans le fossé du village. "


def add(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["bookmap", "--add", *arguments])
    main()
    monkeypatch.setattr(sys, "argv", ["bookmap"])


def write_epub(
    path: Path,
    title: str = "A Mill",
    language: str = "en-GB",
    text: str = "The wheel turned.",
    author: str = "Jane Miller",
    subjects: tuple[str, ...] = (),
    identifier: str = "",
) -> Path:
    book = epub.EpubBook()
    book.set_identifier(identifier or title)
    book.set_title(title)
    book.set_language(language)
    book.add_author(author)
    for subject in subjects:
        book.add_metadata("DC", "subject", subject)
    page = epub.EpubHtml("one", "one.xhtml", content=f"<p>{text}</p>", title="One")
    for item in (page, epub.EpubNcx(), epub.EpubNav()):
        book.add_item(item)
    book.toc, book.spine = [page], [page]
    epub.write_epub(path, book)
    return path


def write_pdf(path: Path, title: str, language: str, text: str = "The wheel turned.", pages: int = 1) -> Path:
    with pymupdf.open() as document:
        for _ in range(pages):
            document.new_page().insert_textbox((72, 72, 520, 700), text)
        document.set_metadata({"title": title, "author": "Jane Miller"})
        if language:
            document.set_language(language)
        document.save(path)
    return path


def test_adding_a_file_copies_it_and_writes_its_row(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, str(write_epub(project / "mill.epub")), "--tier", "orbit", "--category", "mills")
    row = shelf()["own-0001"]
    assert (row.title, row.author, row.language, row.tier) == ("A Mill", "Jane Miller", "en", "orbit")
    assert row.status == "here" and row.path == "data/library/own/mill.epub"


def test_adding_a_folder_takes_every_book_in_it_once(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "in").mkdir()
    write_epub(project / "in/a.epub")
    (project / "in/b.epub").write_bytes((project / "in/a.epub").read_bytes())
    write_pdf(project / "in/c.pdf", "A Weir", "fi")
    add(monkeypatch, "in")
    assert "in/b.epub has the same bytes as own-0001; left out" in capsys.readouterr().out
    assert [(row.title, row.language) for row in shelf().values()] == [("A Mill", "en"), ("A Weir", "fi")]


def test_adding_a_file_twice_adds_it_once(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(write_epub(project / "mill.epub"))
    add(monkeypatch, path)
    add(monkeypatch, path)
    assert "has the same bytes as own-0001" in capsys.readouterr().out
    assert len(shelf()) == 1


def test_two_files_of_one_name_do_not_overwrite_each_other(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        (project / name).mkdir()
        add(monkeypatch, str(write_epub(project / name / "mill.epub", title=name)))
    assert [row.path for row in shelf().values()] == [
        "data/library/own/mill.epub",
        "data/library/own/own-0002-mill.epub",
    ]


def test_a_file_that_stands_in_the_library_is_not_copied(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put("shelf/mine.txt")
    add(monkeypatch, str(path), "--language", "en")
    assert shelf()["own-0001"].path == "data/library/shelf/mine.txt"
    assert len([file for file in LIBRARY.rglob("*") if file.is_file()]) == 1


def test_a_file_without_a_language_asks_for_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pdf(project / "b.pdf", "A Weir", "")
    with pytest.raises(UserError, match=r"b.pdf does not say its language; add --language"):
        add(monkeypatch, "b.pdf")
    assert not OWN.exists() and not list(LIBRARY.iterdir())


def test_a_silent_file_is_given_the_language_of_its_text(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "in").mkdir()
    write_pdf(project / "in/muehle.pdf", "Die Mühle", "", GERMAN * 3, pages=20)
    (project / "in/moulin.txt").write_text(FRENCH * 20, encoding="utf-8")
    (project / "in/short.txt").write_text(FRENCH[:90], encoding="utf-8")
    add(monkeypatch, "in")
    assert {row.title: row.language for row in shelf().values()} == {"Die Mühle": "de", "moulin": "fr"}
    told = capsys.readouterr().out
    assert "fr by its text" in told and "in/short.txt does not say its language" in told


def test_a_language_that_is_asked_for_goes_before_that_of_the_text(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "moulin.txt").write_text(FRENCH * 20, encoding="utf-8")
    add(monkeypatch, "moulin.txt", "--language", "oc")
    assert shelf()["own-0001"].language == "oc" and "by its text" not in capsys.readouterr().out


def test_a_folder_leaves_out_what_says_no_language_and_a_second_run_brings_it(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "in").mkdir()
    write_epub(project / "in/a.epub")
    write_pdf(project / "in/b.pdf", "A Weir", "")
    add(monkeypatch, "in")
    assert "in/b.pdf does not say its language" in capsys.readouterr().out
    add(monkeypatch, "in", "--language", "fi")
    assert "2 files: 1 added to data/catalogue/own.csv; 1 same bytes" in capsys.readouterr().out
    assert [(row.title, row.language) for row in shelf().values()] == [("A Mill", "en"), ("A Weir", "fi")]


def test_broken_files_are_counted_with_their_reasons(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "in").mkdir()
    write_epub(project / "in/a.epub")
    (project / "in/b.epub").write_bytes((project / "in/a.epub").read_bytes()[:-200])
    (project / "in/c.pdf").write_bytes(b"no pdf")
    (project / "in/d.txt").write_bytes(b"")
    (project / "in/e.txt").write_bytes(b"bi\0nary")
    with zipfile.ZipFile(project / "in/f.epub", "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
    with pymupdf.open() as document:
        document.new_page()
        document.save(project / "in/g.pdf", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="secret", owner_pw="x")
    add(monkeypatch, "in")
    told = capsys.readouterr().out
    for reason in (
        "b.epub no readable EPUB (",
        "c.pdf no readable PDF (",
        "d.txt empty file",
        "g.pdf needs a password",
    ):
        assert f"in/{reason}" in told
    assert "in/e.txt no text (it holds zero bytes)" in told and "f.epub no readable EPUB (it has no package" in told
    assert "7 files: 1 added to data/catalogue/own.csv; 6 broken" in told


def test_the_same_work_counts_once(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "in").mkdir()
    write_epub(project / "in/a.epub", "The Mill")
    write_epub(project / "in/b.epub", "A Mill: A Novel", text="Another text.")
    write_epub(project / "in/c.epub", "The Mill", language="fr", text="Un texte.")
    write_epub(project / "in/d.epub", "The Mill, Volume 2", text="More.")
    add(monkeypatch, "in")
    assert "in/b.epub is the same work as own-0001; left out" in capsys.readouterr().out
    assert [row.title for row in shelf().values()] == ["The Mill", "The Mill", "The Mill, Volume 2"]


def test_an_edition_of_a_core_book_that_is_here_is_the_same_work(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put("user/core-060.txt")
    write_epub(project / "gilgamesh.epub", title="The Epic of Gilgamesh")
    add(monkeypatch, "gilgamesh.epub")
    assert "is the same work as core-060; left out" in capsys.readouterr().out
    assert not OWN.exists()


def test_tier_and_category_are_proposed_by_subject_author_and_core(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "in").mkdir()
    write_epub(project / "in/a.epub", "Faust", language="de", author="Johann Wolfgang von Goethe")
    write_epub(project / "in/b.epub", "A Mill", subjects=("Alchemy", "Tarot", "Witchcraft"))
    write_epub(project / "in/c.epub", "Letters to the Weir", author="Immanuel Kant")
    write_epub(project / "in/d.epub", "A Weir")
    add(monkeypatch, "in")
    assert [(row.tier, row.category) for row in shelf().values()] == [
        ("core", "symbolism_archetypes"),
        ("orbit", "symbolism_archetypes"),
        ("orbit", "ontology"),
        ("fractal", "own"),
    ]


def test_what_the_command_line_says_goes_before_what_is_proposed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(monkeypatch, str(write_epub(project / "a.epub", subjects=("Alchemy", "Tarot", "Magic"))), "--tier", "fractal")
    assert [(row.tier, row.category) for row in shelf().values()] == [("fractal", "own")]


def test_a_gutenberg_file_goes_where_the_bookmap_expects_it(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "in").mkdir()
    write_epub(project / "in/a.epub", "The Republic", author="Plato")
    write_epub(project / "in/z.epub", "The Republic", identifier="http://www.gutenberg.org/1497", text="Went down.")
    add(monkeypatch, "in")
    told = capsys.readouterr().out
    assert "core-033 The Republic, of the bookmap (core); it needs no row -> data/library/pg/1497/1497.epub" in told
    assert "in/a.epub is the same work as core-033; left out" in told
    assert list(shelf()) == ["core-033"]


def test_a_run_that_was_killed_after_copying_leaves_no_second_copy(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_epub(project / "mill.epub")
    put("own/mill.epub").write_bytes(path.read_bytes())
    add(monkeypatch, str(path))
    assert [row.path for row in shelf().values()] == ["data/library/own/mill.epub"]
    assert len([file for file in LIBRARY.rglob("*") if file.is_file()]) == 1


def test_names_in_any_script_and_in_none_are_taken(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "in").mkdir()
    for place, name in enumerate([b"\xe9t\xe9.epub", "水車; 小屋.epub".encode(), b"line\nbreak.epub"]):
        path = Path(os.fsdecode(os.fsencode(str(project / "in")) + b"/" + name))
        write_epub(project / "in/draft.epub", f"Mill {'abc'[place]}").rename(path)
    add(monkeypatch, "in")
    names = {Path(row.path).name for row in shelf().values()}
    assert {row.status for row in shelf().values()} == {"here"}
    assert {"水車, 小屋.epub", "line,break.epub"} < names and any(name.startswith("own-000") for name in names)


def test_a_file_of_the_library_whose_name_own_csv_cannot_hold_is_told(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put("a;b.txt")
    put("c.txt", "another text")
    add(monkeypatch, "data/library", "--language", "en")
    assert "data/library/a;b.txt has a name that own.csv cannot hold" in capsys.readouterr().out
    assert [row.path for row in shelf().values()] == ["data/library/c.txt"]


def test_many_files_are_counted_and_not_told_one_by_one(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "in").mkdir()
    for number in range(30):
        (project / f"in/{number}.txt").write_text(f"Title: T{number}\n\nText {number}.")
    add(monkeypatch, "in", "--language", "en")
    assert capsys.readouterr().out.splitlines()[:1] == [
        "bookmap: 30 files: 30 added to data/catalogue/own.csv; proposed or asked: 30 fractal"
    ]


def test_the_header_of_a_gutenberg_text_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(
        "\ufeffThe Project Gutenberg eBook of X\r\n\r\nTitle: Faust\r\nAuthor: Goethe\r\n"
        "Release date: 2000 [eBook #2229]\r\nLanguage: German\r\n\r\nTitle: no\r\n",
        encoding="utf-8",
    )
    assert read_facts(tmp_path / "a.txt") == Facts("Faust", "Goethe", "de", (), "2229")


def test_translators_are_no_authors(tmp_path: Path) -> None:
    book = epub.EpubBook()
    book.set_title("A Mill")
    book.set_language("en")
    book.add_author("Jane Miller", role="aut", uid="one")
    book.add_author("John Roe", role="trl", uid="two")
    page = epub.EpubHtml("one", "one.xhtml", content="<p>Text.</p>", title="One")
    book.add_item(page)
    book.spine = [page]
    epub.write_epub(tmp_path / "a.epub", book)
    assert read_facts(tmp_path / "a.epub").author == "Jane Miller"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing.epub"], "neither a file nor a folder"),
        (["params.yaml"], "is no book file"),
        (["data/library"], "holds no book file"),
        (["data/library", "--tier", "corona"], "--tier is 'corona'"),
    ],
)
def test_a_wrong_argument_says_what_is_wrong(
    project: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        add(monkeypatch, *arguments)


def test_an_edition_of_a_core_book_is_pointed_out(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_epub(project / "gilgamesh.epub", title="The Epic of Gilgamesh")
    add(monkeypatch, "gilgamesh.epub")
    assert "looks like an edition of core-060: as data/library/user/core-060.epub" in capsys.readouterr().out


def test_a_file_that_cannot_be_opened_is_broken(tmp_path: Path) -> None:
    for name in ("broken.epub", "broken.pdf"):
        (tmp_path / name).write_bytes(b"neither zip nor pdf")
        with pytest.raises(Broken):
            read_facts(tmp_path / name)


def test_language_tags_become_codes() -> None:
    assert (code_of(["en-GB"]), code_of(["und", "FI"]), code_of(["English"]), code_of([])) == ("en", "fi", "", "")
