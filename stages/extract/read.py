"""Read one book: its bytes, checked, become clean paragraphs, or a reason why not. Runs in a worker."""

import hashlib
import importlib
import json
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from stages.extract import boilerplate, conventions
from stages.extract.blocks import NOTE, Block, Reading, Rejected, paragraphs_of
from stages.extract.clean import count_words
from stages.shared.records import Paragraph
from stages.shared.scripts import letters_by_script

READERS = {"epub": "stages.extract.epub", "pdf": "stages.extract.pdf", "txt": "stages.extract.text"}
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Request:
    """A book to read: its files, the digest the shelf knows them by, and the limits."""

    book_id: str
    paths: tuple[str, ...]
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
    remark: str = ""
    rejected: str = ""
    lasting: bool = True


def read_book(request: Request) -> Text:
    """Read a book whole; a fault of its files is a Text with a reason, never an exception.

    MemoryError passes: what a machine has too little of is no fault of the book.
    """
    with warnings.catch_warnings():
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
        except MemoryError:
            raise
        except Exception as error:  # a reader's own fault with this book must not take the others with it
            return Text(rejected=f"unreadable ({' '.join(f'{type(error).__name__}: {error}'.split())[:200]})")


def load(request: Request) -> list[bytes] | None:
    """The bytes of the book's files; None where they are not those the shelf knows. Raises Rejected by size."""
    contents = []
    for path in map(Path, request.paths):
        megabytes = path.stat().st_size / MEGABYTE
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
    paragraphs = paragraphs_of(reading.blocks)
    main = "\n".join(paragraph.text for paragraph in paragraphs if paragraph.kind != NOTE)
    words = count_words(main)
    if words < min_words:
        tail = f"; {reading.remark}" if reading.remark else ""
        raise Rejected(f"only {words} words, fewer than {min_words} (extract.min_words){tail}")
    size = sum(len(paragraph.text.encode()) for paragraph in paragraphs)
    return Text(json_lines(paragraphs), len(paragraphs), words, size, letters_by_script(main), reading.remark)


def json_lines(paragraphs: list[Paragraph]) -> bytes:
    """The bytes that records.write_paragraphs writes for `paragraphs`, made in the worker to spare the main process."""
    encode = json.JSONEncoder(ensure_ascii=False).encode
    return "".join(f"{encode(vars(paragraph))}\n" for paragraph in paragraphs).encode()
