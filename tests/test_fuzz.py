"""Damaged and hostile books: each is read or rejected with a reason, within limits, alone, and writes nothing.

500 mutations of small books are tried here; `make fuzz` tries thousands of real ones (tests/fuzz.py).
"""

import dataclasses
import io
import os
import random
import re
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import fuzz
import pytest
from conftest import ROOT, prose
from fuzz import ENTITIES, LIMITS, ask, is_sound, mutate, packed, reason_of

from stages.extract.read import Request, Text, read_book
from stages.sample.catalogue import Work
from stages.sample.epub import write_epub
from stages.sample.pdf import write_pdf
from stages.sample.texts import Block, Chapter
from stages.shared.workers import Failure, Workers, map_items

MUTATIONS = 500
BOOK_SECONDS, BOOK_MEGABYTES = 10.0, 1500
WORKERS = Workers(backend="local", count=2, seconds=BOOK_SECONDS, memory_mb=BOOK_MEGABYTES)


# --- whole books, by the writers of the embedded library


def work(format: str, language: str = "en") -> Work:
    facts = {"title": "The Mill", "author": "Nobody", "dates": "1900", "tier": "core", "category": "novel"}
    more = {"essence": "Turns.", "package": "tiny", "paths": ["tiny/a.txt"], "cut": {"first": 1}}
    return Work.model_validate(facts | more | {"book_id": "sample-001", "language": language, "format": format})


def chapters(seed: int) -> list[Chapter]:
    poem = Block("verse", "I asked the wheel,\nit turned away,\nand all the water stayed.")
    return [
        Chapter(f"Chapter {n}", [Block("prose", text) for text in prose(seed * 10 + n, 4)] + [poem]) for n in range(4)
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[bytes]]:
    """Three whole books of each format."""
    folder = tmp_path_factory.mktemp("whole")
    for seed in range(3):
        write_epub(work("epub"), chapters(seed), folder / f"{seed}.epub")
        write_pdf(work("pdf"), chapters(seed), folder / f"{seed}.pdf")
    return {name: [(folder / f"{n}.{name}").read_bytes() for n in range(3)] for name in ("epub", "pdf")}


def mutants(whole: dict[str, list[bytes]], count: int) -> list[tuple[str, str, bytes]]:
    """(name, format, content) of seeded mutations."""
    found = []
    for seed in range(count):
        format = ("epub", "pdf")[seed % 2]
        name, content = mutate(random.Random(f"book {seed}").choice(whole[format]), seed)
        found.append((name, format, content))
    return found


# --- reading them


def outcome_of(requests: list[Request], workers: Workers = WORKERS) -> list[Text | Failure]:
    preload = ["stages.extract.epub", "stages.extract.pdf", "stages.shared.language"]
    return [found for _, found in map_items(read_book, requests, workers.limits, workers, "fuzz", preload)]


def files_below(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of readers, in which they must write nothing."""
    folder = tmp_path / "work" / "inner"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return tmp_path


def read_among(folder: Path, hostile: dict[str, bytes], workers: Workers = WORKERS) -> list[Text | Failure]:
    """Read hostile books by name among whole ones, which must be read; nothing may be written anywhere."""
    for name, content in hostile.items():
        (folder / name).write_bytes(content)
    whole_book = folder / "whole.txt"
    whole_book.write_text("\n\n".join(prose(5, 6)))
    before, began = files_below(folder), time.monotonic()
    asked = [ask(folder / name, name.rpartition(".")[2]) for name in hostile]
    first, *found, last = outcome_of([ask(whole_book, "txt"), *asked, ask(whole_book, "txt")], workers)
    assert time.monotonic() - began < (BOOK_SECONDS + 1) * (1 + len(hostile))
    assert isinstance(first, Text) and first.paragraphs > 0 and first == last
    assert files_below(folder) == before
    assert all(map(is_sound, found)), found
    return found


def read_alone(folder: Path, content: bytes, format: str, workers: Workers = WORKERS) -> Text | Failure:
    """Read one hostile book between two whole ones."""
    (found,) = read_among(folder, {f"hostile.{format}": content}, workers)
    return found


def lines(found: Text | Failure) -> bytes:
    return b"" if isinstance(found, Failure) else found.lines


def reason(found: Text | Failure) -> str:
    assert is_sound(found), found
    return reason_of(found)


def test_every_mutation_is_read_or_rejected_with_a_reason(whole, scratch):
    names, requests = [], []
    for name, format, content in mutants(whole, MUTATIONS):
        path = scratch / f"{name}.{format}"
        path.write_bytes(content)
        names.append(name)
        requests.append(ask(path, format))
    before = files_below(scratch)
    found = outcome_of(requests)
    assert len(found) == MUTATIONS
    assert not {name: outcome for name, outcome in zip(names, found, strict=True) if not is_sound(outcome)}
    assert not {name: outcome for name, outcome in zip(names, found, strict=True) if isinstance(outcome, Failure)}
    assert files_below(scratch) == before


def test_the_full_fuzz_counts_every_attempt_and_loses_none(whole, scratch):
    for n, content in enumerate(whole["epub"]):
        (scratch / f"{n}.epub").write_bytes(content)
    (scratch / "0.pdf").write_bytes(whole["pdf"][0])
    command = [sys.executable, ROOT / "tests/fuzz.py", "--count", "30", "--corpus", scratch]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "fuzz: 30 attempts on 4 books, 0 lost" in ended.stdout
    counts = re.findall(r"\| (\d+) \| (\d+) \| (\d+) \|$", ended.stdout, re.MULTILINE)
    assert sum(int(number) for row in counts for number in row) == 29  # and one whole book


def test_the_full_fuzz_names_what_was_lost():
    sound = fuzz.Attempt("whole of a.epub", "epub", "", True, "one", 1.0, 90.0)
    other = dataclasses.replace(sound, digest="two")
    wrong = fuzz.Attempt("7-truncate of b.pdf", "pdf", "unreadable (KeyError: 3)", False, "", 1.0, 90.0)
    dead, late = Failure("died", "its worker died (signal 9)"), Failure("time", "took longer than 60 s")
    told = fuzz.lost([sound, other, wrong, dead, late])
    assert told[0] == "the whole book was read in 2 ways"
    assert told[1:] == ["7-truncate of b.pdf: unreadable (KeyError: 3)", "its worker died (signal 9)"]


def test_mutations_are_the_same_on_every_run(whole):
    assert mutants(whole, 40) == mutants(whole, 40)


def test_books_that_are_whole_are_read(whole, scratch):
    for format, contents in whole.items():
        found = read_alone(scratch, contents[0], format)
        assert isinstance(found, Text) and found.words > 1000


# --- attacks by hand: archives


def epub_with(body: bytes = b"", **entries: bytes) -> bytes:
    page = b'<html xmlns="http://www.w3.org/1999/xhtml"><body>' + (body or paragraphs()) + b"</body></html>"
    opf = (
        b'<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata'
        b' xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>t</dc:title></metadata><manifest>'
        b'<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest>'
        b'<spine><itemref idref="a"/></spine></package>'
    )
    container = (
        b'<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles><rootfile'
        b' full-path="b.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    files = {"META-INF/container.xml": container, "b.opf": opf, "a.xhtml": page} | entries
    return packed(list(files.items()))


def paragraphs() -> bytes:
    return "".join(f"<p>{text}</p>" for text in prose(3, 4)).encode()


def test_a_zip_bomb_is_rejected_by_its_size(scratch):
    bomb = epub_with(**{"a.xhtml": b"<p>" + b"a" * 60_000_000})
    assert reason(read_alone(scratch, bomb, "epub")) == "unpacks to more than 50 MB (extract.max_unpacked_mb)"


def test_a_zip_bomb_that_lies_about_its_size_is_rejected_or_cut(scratch):
    bomb = bytearray(epub_with(**{"a.xhtml": b"<p>" + b"a" * 60_000_000}))
    for found in re.finditer(rb"PK\x01\x02", bytes(bomb)):
        struct.pack_into("<I", bomb, found.start() + 24, 1000)
    assert reason(read_alone(scratch, bytes(bomb), "epub"))


def test_entries_that_lie_upon_each_other_are_rejected(scratch):
    """Many entries of the directory that name the same bytes: a bomb without nesting."""
    content = epub_with(**{"x.xhtml": b"<p>" + b"a" * 1_000_000})
    end = content.rindex(b"PK\x05\x06")
    size, start = struct.unpack_from("<II", content, end + 12)
    directory = content[start : start + size]
    last = directory[directory.rindex(b"PK\x01\x02") :]
    count = directory.count(b"PK\x01\x02") + 500
    tail = bytearray(content[end:])
    struct.pack_into("<HHI", tail, 8, count, count, size + 500 * len(last))
    bomb = content[:start] + directory + last * 500 + bytes(tail)
    assert "unpacks to more" in reason(read_alone(scratch, bomb, "epub"))


def test_names_that_lead_out_of_the_archive_write_nothing(scratch):
    names = ["../../evil.xhtml", "/evil.xhtml", "..\\..\\evil.xhtml", "C:\\evil.xhtml"]
    books = {f"{n}.epub": epub_with(**{name: b"<p>evil</p>"}) for n, name in enumerate(names)}
    for found in read_among(scratch, books):
        assert reason(found) == "" and b"evil" not in lines(found)


def test_a_symlink_in_an_archive_is_not_followed(scratch):
    secret = scratch / "secret"
    secret.write_text("the secret " * 50)
    opf = (
        b'<package><manifest><item id="a" href="linked.xhtml"/></manifest><spine><itemref idref="a"/></spine></package>'
    )
    content = io.BytesIO(epub_with(**{"b.opf": opf}))
    link = zipfile.ZipInfo("linked.xhtml")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(content, "a") as target:
        target.writestr(link, str(secret))
    found = read_alone(scratch, content.getvalue(), "epub")
    assert "fewer than 20" in reason(found) and b"the secret" not in lines(found)


PLACES = ("a.xhtml", "b.opf", "META-INF/container.xml", "META-INF/encryption.xml")


def test_entity_bombs_are_not_expanded_wherever_they_lie(scratch):
    bomb = ENTITIES + b"]><html><body><p>&j;</p>" + paragraphs() + b"</body></html>"
    for found in read_among(scratch, {f"{n}.epub": epub_with(**{place: bomb}) for n, place in enumerate(PLACES)}):
        assert isinstance(found, Text) and len(found.lines) < 100_000


def test_external_entities_are_not_read_wherever_they_lie(scratch):
    secret = scratch / "secret"
    secret.write_text("the secret " * 50)
    head = f'<!DOCTYPE html [<!ENTITY x SYSTEM "{secret.as_uri()}"><!ENTITY % y SYSTEM "{secret.as_uri()}"> %y;]>'
    page = head.encode() + b"<html><body><p>A &x; B</p>" + paragraphs() + b"</body></html>"
    for found in read_among(scratch, {f"{n}.epub": epub_with(**{place: page}) for n, place in enumerate(PLACES)}):
        assert isinstance(found, Text) and b"secret" not in found.lines


def test_a_book_under_drm_says_so(scratch):
    rights = (
        b'<encryption><EncryptedData xmlns="http://www.w3.org/2001/04/xmlenc#">'
        b'<EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes256-cbc"/></EncryptedData></encryption>'
    )
    found = read_alone(scratch, epub_with(**{"META-INF/encryption.xml": rights}), "epub")
    assert reason(found) == "protected by DRM; add a copy without it"


def test_deep_nesting_ends_in_time(scratch):
    tags = (b"<div>", b"<span>", b"<a href='#x'>", b"<sup>", b"<table><tr><td>", b"<pre>")
    books = {f"{n}.epub": epub_with(tag * 30_000 + paragraphs()) for n, tag in enumerate(tags)}
    assert all(isinstance(found, Text) for found in read_among(scratch, books))


SLOW = (
    b"_" * 300_000, b"_a " * 100_000, b"[1" * 100_000, b"[" * 200_000, b"{A" * 100_000, b". " * 150_000,
    b"=a " * 100_000, b"*** START OF PROJECT GUTENBERG" * 5_000, b"a-" * 150_000, b"'" * 300_000,
    b"contents " * 30_000, b"* " * 100_000, b"\xe4\xb8\x80\n" * 60_000, b"i" * 300_000, b"[illustration" * 20_000,
    b"index of " * 30_000, b"produced " * 30_000, b" " * 500_000, b"1 " * 150_000, b"\xcc\x81" * 100_000,
)  # fmt: skip


def test_text_made_to_slow_patterns_down_ends_in_time(scratch):
    books = {f"{n}.epub": epub_with(b"<p>" + text + b"</p>" + paragraphs()) for n, text in enumerate(SLOW)}
    books |= {f"{n}.txt": text + b"\n\n" + "\n\n".join(prose(5, 6)).encode() for n, text in enumerate(SLOW)}
    found = dict(zip(books, read_among(scratch, books), strict=True))
    assert not [(name, outcome) for name, outcome in found.items() if isinstance(outcome, Failure)]


# --- attacks by hand: PDFs


def pdf_with(*objects: bytes, trailer: bytes = b"/Root 1 0 R") -> bytes:
    """A PDF of objects numbered from 1, with a right table of their places."""
    content, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    end = b"trailer\n<</Size %d %s>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, trailer, len(content))
    return content + head + table + end


def stream(data: bytes, more: bytes = b"") -> bytes:
    return b"<</Length %d %s>>\nstream\n%s\nendstream" % (len(data), more, data)


CATALOGUE = b"<</Type/Catalog/Pages 2 0 R>>"
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 600]/Contents 4 0 R/Resources<<%s>>>>"


def test_page_trees_that_loop_are_rejected(scratch):
    node = b"<</Type/Pages/Parent 2 0 R/Count 5/Kids[2 0 R]>>"
    books = {}
    for n, kids in enumerate((b"2 0 R", b"3 0 R 2 0 R 3 0 R", b"1 0 R", b"99 0 R")):
        for count in (b"1000000", b"30"):
            pages = b"<</Type/Pages/Count " + count + b"/Kids[" + kids + b"]>>"
            books[f"{n}-{int(count)}.pdf"] = pdf_with(CATALOGUE, pages, node)
    assert all(map(reason, read_among(scratch, books)))


def test_a_stream_that_explodes_is_rejected_or_cut(scratch):
    import zlib

    bomb = zlib.compress(zlib.compress(b"(a) Tj " * 20_000_000, 9), 9)
    pages = b"<</Type/Pages/Count 1/Kids[3 0 R]>>"
    data = stream(bomb, b"/Filter[/FlateDecode/FlateDecode]")
    assert reason(read_alone(scratch, pdf_with(CATALOGUE, pages, PAGE % b"", data), "pdf"))


def test_an_object_stream_that_explodes_is_rejected_or_cut(scratch):
    import zlib

    bomb = zlib.compress(b"7 0 " + b" " * 150_000_000, 9)
    objects = stream(bomb, b"/Type/ObjStm/N 100000000/First 4/Filter/FlateDecode")
    pages = b"<</Type/Pages/Count 1/Kids[3 0 R]>>"
    assert reason(read_alone(scratch, pdf_with(CATALOGUE, pages, PAGE % b"", objects), "pdf"))


def test_forms_that_call_themselves_end_in_time(scratch):
    pages = b"<</Type/Pages/Count 1/Kids[3 0 R]>>"
    form = stream(b"/F Do /F Do /F Do", b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</F 5 0 R>>>>")
    content = pdf_with(CATALOGUE, pages, PAGE % b"/XObject<</F 5 0 R>>", stream(b"/F Do"), form)
    assert reason(read_alone(scratch, content, "pdf")) == "needs OCR: 1 pages without a text layer"


def test_forms_that_double_at_each_level_end_within_the_limit(scratch):
    pages = b"<</Type/Pages/Count 1/Kids[3 0 R]>>"
    forms = [
        stream(b"/F Do " * 10, b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</F %d 0 R>>>>" % (n + 1))
        for n in range(5, 25)
    ]
    content = pdf_with(CATALOGUE, pages, PAGE % b"/XObject<</F 5 0 R>>", stream(b"/F Do"), *forms, stream(b"q Q"))
    hasty = Workers(backend="local", count=2, seconds=3.0, memory_mb=BOOK_MEGABYTES)
    assert reason(read_alone(scratch, content, "pdf", hasty)) == "took longer than 3 s (workers.seconds)"


def test_a_password_is_told_with_the_remedy(scratch, whole):
    import pymupdf

    with pymupdf.open(stream=whole["pdf"][0], filetype="pdf") as document:
        content = document.tobytes(encryption=pymupdf.PDF_ENCRYPT_AES_256, owner_pw="a", user_pw="b")
    assert reason(read_alone(scratch, content, "pdf")) == "encrypted; remove the password and add it again"


def test_a_scan_is_told_with_its_pages(scratch):
    import pymupdf

    document = pymupdf.open()
    picture = pymupdf.Pixmap(pymupdf.csRGB, pymupdf.IRect(0, 0, 40, 60), False)
    for _ in range(7):
        document.new_page().insert_image(pymupdf.Rect(0, 0, 400, 600), pixmap=picture)
    assert reason(read_alone(scratch, document.tobytes(), "pdf")) == "needs OCR: 7 pages without a text layer"


# --- attacks by hand: files


def test_files_of_nothing_are_rejected_in_every_format(scratch):
    contents = (b"", b"\0" * 5000, b"PK\x03\x04", b"%PDF-1.7", b"\xff" * 5000, b"\n" * 5000)
    books = {f"{n}.{format}": content for n, content in enumerate(contents) for format in ("epub", "pdf", "txt")}
    assert all(map(reason, read_among(scratch, books)))


def test_names_in_any_script_are_read(scratch, whole):
    names = ("ספר", "三國演義", "two\nlines", "a b;c", "émigré", "-rf", "%41", "x" * 200)
    for found in read_among(scratch, {f"{name}.epub": whole["epub"][0] for name in names}):
        assert isinstance(found, Text) and found.words > 1000


def test_a_file_that_changes_while_it_is_read_is_rejected_for_now(scratch, whole):
    path = scratch / "a.epub"
    path.write_bytes(whole["epub"][0])
    asked = ask(path, "epub")
    path.write_bytes(whole["epub"][1])
    (found,) = outcome_of([asked])
    assert isinstance(found, Text) and (found.rejected, found.lasting) == (
        "changed while it was read; run again",
        False,
    )


def test_a_pipe_instead_of_a_file_does_not_hang(scratch):
    path = scratch / "pipe.txt"
    os.mkfifo(path)
    (found,) = outcome_of([Request("b", (path,), "txt", "0" * 64, **LIMITS)])
    assert reason(found) == "cannot be opened (not a regular file); mend that and run again"


def test_a_library_that_is_missing_is_no_fault_of_the_book(scratch, whole, monkeypatch):
    path = scratch / "a.epub"
    path.write_bytes(whole["epub"][0])
    monkeypatch.setitem(__import__("sys").modules, "stages.extract.epub", None)
    with pytest.raises(ImportError):
        read_book(ask(path, "epub"))
