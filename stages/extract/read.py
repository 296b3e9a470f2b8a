"""Read one book: its bytes, checked, become clean paragraphs, or a reason why not. Runs in a worker."""

import errno
import gc
import hashlib
import importlib
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from stages.extract import boilerplate, conventions
from stages.extract.blocks import HEADING, NOTE, Block, Reading, Rejected
from stages.extract.figures import words_and_letters
from stages.shared.sketches import packed, sketch

READERS = {"epub": "stages.extract.epub", "pdf": "stages.extract.pdf", "txt": "stages.extract.text"}
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Request:
    """A book to read: its files, the digest the shelf knows them by, and the limits."""

    book_id: str
    paths: tuple[Path, ...]
    format: str
    sha256: str
    max_file_mb: int
    max_unpacked_mb: int
    min_words: int


@dataclass(frozen=True)
class Text:
    """A book that was read, or the reason why not (`lasting` when reading the same bytes again cannot change it)."""

    lines: bytes = b""  # its paragraphs, one JSON object a line (see records.write_paragraphs)
    paragraphs: int = 0
    words: int = 0
    bytes: int = 0  # UTF-8 bytes of the paragraphs' text
    letters: dict[str, int] = field(default_factory=dict)  # letters per Unicode script
    languages: dict[str, float] = field(default_factory=dict)  # share of each language, the main one first
    sketch: str = ""  # by which the text is known again (sketches.packed)
    remark: str = ""
    rejected: str = ""
    lasting: bool = True


def read_book(request: Request) -> Text:
    """Read a book whole; a fault of its files is a Text with a reason, never an exception.

    MemoryError and ImportError pass: what a machine has too little of, or lacks, is no fault of the book.
    """
    with warnings.catch_warnings(), uncollected():
        warnings.simplefilter("ignore")
        try:
            contents = load(request)
            if contents is None:
                return Text(rejected="changed while it was read; run again", lasting=False)
            return text_of(read_files(request, contents), request.min_words)
        except Rejected as reason:
            return Text(rejected=str(reason))
        except OSError as error:
            return Text(rejected=f"cannot be opened ({error.strerror}); mend that and run again", lasting=False)
        except (MemoryError, ImportError):
            raise
        except Exception as error:  # a reader's own fault with this book must not take the others with it
            return Text(rejected=f"unreadable ({' '.join(f'{type(error).__name__}: {error}'.split())[:200]})")


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the collector of cycles from going through a book's blocks again and again: they hold no cycles."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def load(request: Request) -> list[bytes] | None:
    """The bytes of the book's files; None where they are not those the shelf knows. Raises Rejected by size."""
    contents = []
    for path in request.paths:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):  # a pipe would be waited for
            raise OSError(errno.EINVAL, "not a regular file")
        megabytes = facts.st_size / MEGABYTE
        if megabytes > request.max_file_mb:
            raise Rejected(f"file of {megabytes:.0f} MB, more than {request.max_file_mb} (extract.max_file_mb)")
        contents.append(path.read_bytes())
    return contents if joint_digest(contents) == request.sha256 else None


def joint_digest(contents: list[bytes]) -> str:
    """sha256 of a file; of the joined hex digests where a book has several."""
    digests = [hashlib.sha256(content).hexdigest() for content in contents]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def read_files(request: Request, contents: list[bytes]) -> Reading:
    """Read all files of a book, one after another, each without its boilerplate."""
    reader = importlib.import_module(READERS[request.format])
    blocks: list[Block] = []
    remarks = []
    for content in contents:
        if not content.strip(b"\0 \r\n\t"):
            raise Rejected("an empty file")
        limits = (request.max_unpacked_mb,) if request.format == "epub" else ()
        reading = reader.read(content, *limits)
        blocks += conventions.without_marks(boilerplate.without_boilerplate(reading.blocks))
        remarks += [reading.remark] if reading.remark else []
    return Reading(blocks, "; ".join(remarks))


def text_of(reading: Reading, min_words: int) -> Text:
    """Number the paragraphs and count; raises Rejected where less than `min_words` words are left."""
    blocks = reading.blocks
    from stages.shared.language import languages_of  # like the readers only imported by a process that reads

    body = "\n".join([block.text for block in blocks if block.kind != NOTE])
    words, letters = words_and_letters(body)
    if words < min_words:
        tail = f"; {reading.remark}" if reading.remark else ""
        raise Rejected(f"only {words} words, fewer than {min_words} (extract.min_words){tail}")
    lines, size = json_lines(blocks)
    return Text(lines, len(blocks), words, size, letters, languages_of(body), packed(sketch(body)), reading.remark)


def json_lines(blocks: list[Block]) -> tuple[bytes, int]:
    """The bytes that records.write_paragraphs writes for these blocks, and how many of them are text before quoting.

    They are made in the worker to spare the main process, all texts in one go. The chapter of a block is the nearest
    heading above it.
    """
    heads = []
    chapter = facts = kind = ""
    page: int | None = None
    for index, block in enumerate(blocks):
        if block.kind != kind or block.page != page or kind == HEADING:
            kind, page = block.kind, block.page
            chapter = quoted(" ".join(block.text.split())) if kind == HEADING else chapter
            shown = "null" if page is None else page
            facts = f'"chapter": "{chapter}", "page": {shown}, "kind": "{kind}", "text": "'
        heads.append(f'{{"index": {index}, {facts}')
    texts = "\0".join([block.text for block in blocks]).encode()
    size = len(texts) - max(0, len(blocks) - 1)
    texts = texts.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    ends = [b'"}\n'] * len(blocks)
    parts = zip("\0".join(heads).encode().split(b"\0"), texts.split(b"\0"), ends, strict=False)  # no block: no end
    return b"".join(chain.from_iterable(parts)), size


def quoted(text: str) -> str:
    """A clean text, which has no control characters but line ends, as JSON has it between its quotes."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
