"""Seeded damage to real books, and what becomes of each: read, or rejected with a reason; a table at the end.

Reads   EPUBs and PDFs below a folder (data/sample/books/)
Run     python tests/fuzz.py [--count 5000] [--first 1] [--minutes M] [--corpus FOLDER]
        (`make fuzz`, with COUNT, FIRST, MINUTES and CORPUS)
Ends with code 1 where a book was lost: an error of ours, a dead or hung worker, a file written, a whole book read
otherwise than before. The name of an attempt says its seed: `--first SEED --count 1` tries it again.
"""

import argparse
import hashlib
import io
import math
import os
import random
import re
import resource
import struct
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from stages.extract.read import Request, Text, read_book
from stages.shared.errors import UserError, run
from stages.shared.workers import Failure, Workers, map_items

CORPUS = Path("data/sample/books")
LIMITS = {"max_file_mb": 20, "max_unpacked_mb": 50, "min_words": 20}
WORKERS = Workers(backend="local", count=0, seconds=60.0, memory_mb=1500)
PRELOAD = ("stages.extract.epub", "stages.extract.pdf")
CONTROL = 20  # every so many attempts, a whole book
MUTANT = re.compile(r"\d+\.(epub|pdf)")  # the file of an attempt
TOLD = 20  # lost books that are named
ENTITIES = b'<!DOCTYPE html [<!ENTITY a "lol">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 30) for n in range(9)
)


# --- mutations: each takes the bytes of a book and a source of chance


def flip_bits(content: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(chance.choice((1, 4, 64))):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def truncate(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def swap_chunks(content: bytes, chance: random.Random) -> bytes:
    a, b, c = sorted(chance.randrange(len(content)) for _ in range(3))
    return content[:a] + content[b:c] + content[a:b] + content[c:]


def repeat_chunk(content: bytes, chance: random.Random) -> bytes:
    a, b = sorted(chance.randrange(len(content)) for _ in range(2))
    return content[:b] + content[a:b] * chance.choice((1, 3)) + content[b:]


def fill_with_noise(content: bytes, chance: random.Random) -> bytes:
    a = chance.randrange(len(content))
    return content[:a] + chance.randbytes(chance.choice((4, 400))) + content[a + 4 :]


def absurd_lengths(content: bytes, chance: random.Random) -> bytes:
    """Replace a few of the numbers: in PDFs those written in digits, in archives those of the directory."""
    if content.startswith(b"%PDF"):
        return replace_numbers(
            content, chance, rb"/(?:Length|Size|Count|W|First|N) \d+|\b\d{4,10} 00000 n|startxref\s+\d+"
        )
    damaged = bytearray(content)
    headers = [found.start() for found in re.finditer(rb"PK\x01\x02|PK\x03\x04|PK\x05\x06", content)]
    for start in chance.sample(headers, min(3, len(headers))):
        offset = start + chance.choice((6, 8, 10, 16, 18, 20, 22, 24, 26, 28, 42))
        if offset + 4 < len(damaged):
            struct.pack_into("<I", damaged, offset, chance.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 2**32 - 2)))
    return bytes(damaged)


def replace_numbers(content: bytes, chance: random.Random, pattern: bytes) -> bytes:
    places = list(re.finditer(pattern, content))
    for found in sorted(chance.sample(places, min(3, len(places))), key=lambda found: -found.start()):
        number = str(chance.choice((0, -1, 7, 2**31 - 1, 2**31, 10**12))).encode()
        content = content[: found.start()] + re.sub(rb"\d+", number, found[0], count=1) + content[found.end() :]
    return content


def change_entries(content: bytes, chance: random.Random) -> bytes:
    """Delete, double, empty or rename entries of an archive, or nest entities in them; a PDF loses an object."""
    if content.startswith(b"%PDF"):
        return replace_object(content, chance)
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return flip_bits(content, chance)
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        entries = [(info.filename, source.read(info)) for info in source.infolist()]
    for _ in range(chance.choice((1, 2, 5))):
        n = chance.randrange(len(entries))
        name, data = entries[n]
        entries[n : n + 1] = (
            chance.choice(
                (
                    [],
                    [(name, data), (name, data[: len(data) // 2])],
                    [(name, b"")],
                    [(f"../../{name}", data)],
                    [(name.upper(), data), (f"/{name}", data)],
                    [(name, ENTITIES + b"]>" + data.replace(b"<body", b"<p>&j;</p><body"))],
                    [(name, data.replace(b"</p>", b""))],
                    [(name, flip_bits(data or b" ", chance))],
                    [(name, b"<div>" * chance.choice((300, 20_000)) + data)],
                )
            )
            if entries
            else []
        )
        if not entries:
            break
    return packed(entries)


def packed(entries: list[tuple[str, bytes]]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as target, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, data in entries:
            target.writestr(name, data)
    return stream.getvalue()


def replace_object(content: bytes, chance: random.Random) -> bytes:
    """Point references of a PDF at other objects, so that trees loop and streams are no streams."""
    places = list(re.finditer(rb"\b\d+ 0 R\b", content))
    for found in sorted(chance.sample(places, min(4, len(places))), key=lambda found: -found.start()):
        other = b"%d 0 R" % chance.randrange(1, 12)
        content = content[: found.start()] + other + content[found.end() :]
    return content


MUTATORS = (
    flip_bits, truncate, swap_chunks, repeat_chunk, fill_with_noise, absurd_lengths, change_entries, change_entries
)  # fmt: skip


def mutate(content: bytes, seed: int) -> tuple[str, bytes]:
    """A name that tells the seed, and the damaged book: one mutation, or two upon each other."""
    chance = random.Random(seed)
    first = chance.choice(MUTATORS)
    if content.startswith(b"%PDF") and chance.random() < 0.5:
        content = unpacked(content)
    content = first(content, chance)
    if len(content) > 10 and chance.random() < 0.3:
        content = chance.choice(MUTATORS[:5])(content, chance)
    return f"{seed}-{first.__name__}", content


def unpacked(content: bytes) -> bytes:
    """A PDF with its streams unpacked, so that damage meets what is in them and not only their compression."""
    import pymupdf

    try:
        with pymupdf.open(stream=content, filetype="pdf") as document:
            return bytes(document.tobytes(expand=255, no_new_id=True))
    except (RuntimeError, ValueError):  # one of a corpus of broken books
        return content


# --- attempts


@dataclass(frozen=True)
class Attempt:
    """What became of one book: `reason` is empty where it was read; its worker held `megabytes` at most so far."""

    name: str
    format: str
    reason: str
    sound: bool
    digest: str  # of its text
    seconds: float
    megabytes: float


def ask(path: Path, format: str) -> Request:
    """A request for a file."""
    return Request(path.stem, (path,), format, hashlib.sha256(path.read_bytes()).hexdigest(), **LIMITS)


def attempt(corpus: Sequence[Path], folder: Path, seed: int) -> Attempt:
    """Damage a book of the corpus and read it; runs in a worker. Each CONTROLth one is whole: the first one."""
    whole = seed % CONTROL == 0
    source = corpus[0] if whole else pick(corpus, seed)
    format, content = source.suffix[1:].lower(), source.read_bytes()
    name, content = ("whole", content) if whole else mutate(content, seed)
    path = folder / f"{seed}.{format}"
    path.write_bytes(content)
    began = time.monotonic()
    outcome = read_book(ask(path, format))
    seconds = time.monotonic() - began
    path.unlink()
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    digest = hashlib.sha256(outcome.lines).hexdigest()
    name = f"{name} of {source.name}"
    return Attempt(name, format, outcome.rejected, is_sound(outcome), digest, seconds, megabytes)


def pick(corpus: Sequence[Path], seed: int) -> Path:
    """The book that a seed damages, as often a PDF as an EPUB where there are both."""
    wanted = (".epub", ".pdf")[seed % 2]
    return random.Random(f"book {seed}").choice([p for p in corpus if p.suffix.lower() == wanted] or corpus)


def reason_of(outcome: Text | Failure) -> str:
    """Why a book was not read, or ""."""
    return outcome.reason if isinstance(outcome, Failure) else outcome.rejected


def is_sound(outcome: Text | Failure) -> bool:
    """Whether an outcome is paragraphs, or a reason of one line that is no exception's of ours."""
    reason = reason_of(outcome)
    if isinstance(outcome, Text) and not reason:
        return outcome.paragraphs == outcome.lines.count(b"\n") > 0
    return bool(reason) and "\n" not in reason and "Error:" not in reason and "Traceback" not in reason


def kind_of(reason: str) -> str:
    """The kind of an outcome: its reason without numbers and names.

    Example: "only 17 words, fewer than 20 (extract.min_words)" -> "only N words, fewer than N"
    """
    return re.sub(r"\d+", "N", re.sub(r" \(.*\)|; .*", "", reason)) or "read"


def find_books(folder: Path) -> list[Path]:
    """The EPUBs and PDFs below a folder, the smallest EPUB first."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".epub", ".pdf"))
    if not any(path.suffix.lower() == ".epub" for path in found):
        raise UserError(f"{folder} holds no EPUB; name a folder of EPUBs and PDFs with --corpus, or `dvc repro sample`")
    control = min((path for path in found if path.suffix.lower() == ".epub"), key=lambda path: path.stat().st_size)
    return [control, *(path for path in found if path != control)]


def attempts(corpus: Sequence[Path], seeds: range, folder: Path, seconds: float) -> Iterator[Attempt | Failure]:
    """Try all seeds in workers, in their order, until the time is over."""
    end = time.monotonic() + seconds
    tries = map_items(partial(attempt, corpus, folder), seeds, WORKERS.limits, WORKERS, "fuzz", PRELOAD)
    for seed, found in tries:
        if isinstance(found, Failure):
            print(f"fuzz: seed {seed}: {found.reason}", file=sys.stderr)
        yield found
        if time.monotonic() > end:
            return


def is_control(one: Attempt | Failure) -> bool:
    """Whether an attempt was on the whole book."""
    return isinstance(one, Attempt) and one.name.startswith("whole ")


def lost(found: Sequence[Attempt | Failure]) -> list[str]:
    """The attempts in which something was lost, with what; a limit on time or memory that held is none."""
    wholes = {one.digest for one in found if isinstance(one, Attempt) and is_control(one)}
    told = [f"the whole book was read in {len(wholes)} ways"] if len(wholes) > 1 else []
    for one in found:
        if isinstance(one, Failure) and one.kind not in ("time", "memory"):
            told.append(one.reason)
        elif isinstance(one, Attempt) and not one.sound:
            told.append(f"{one.name}: {one.reason or 'paragraphs and lines differ in number'}")
    return told


def table(found: Sequence[Attempt | Failure]) -> list[str]:
    """The outcomes by kind and format, and what the slowest and the largest took."""
    damaged = [one for one in found if not is_control(one)]
    kinds = Counter((kind_of(one.reason), getattr(one, "format", "")) for one in damaged)
    lines = [f"| {'outcome':70} | epub | pdf | none |", "|---|---|---|---|"]
    for kind in sorted({kind for kind, _ in kinds}, key=lambda kind: -sum(kinds[kind, f] for f in ("epub", "pdf", ""))):
        lines.append(f"| {kind[:70]:70} | " + " | ".join(str(kinds[kind, f]) for f in ("epub", "pdf", "")) + " |")
    read = [one for one in found if isinstance(one, Attempt)]
    slowest = max(read, key=lambda one: one.seconds)
    most = max(one.megabytes for one in read)
    return [*lines, "", f"slowest: {slowest.seconds:.1f} s, {slowest.name}; most memory of a worker: {most:.0f} MB"]


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Damage real books and read them.")
    parser.add_argument("--count", type=int, default=5000, help="attempts, default 5000")
    parser.add_argument("--first", type=int, default=1, help="the first seed, default 1")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="end after so many, default: when all are tried"
    )
    parser.add_argument("--corpus", type=Path, default=CORPUS, help=f"a folder of books, default {CORPUS}")
    return parser.parse_args()


def main() -> None:
    asked = parse_arguments()
    corpus = [path.absolute() for path in find_books(asked.corpus)]
    with tempfile.TemporaryDirectory() as scratch:
        folder, work = Path(scratch) / "books", Path(scratch) / "work"
        folder.mkdir()
        work.mkdir()
        os.chdir(work)
        found = list(attempts(corpus, range(asked.first, asked.first + asked.count), folder, asked.minutes * 60))
        written = [path.name for path in Path(scratch).rglob("*") if path.is_file() and not MUTANT.fullmatch(path.name)]
    print("\n".join(table(found)))
    bad = lost(found) + [f"written: {name}" for name in written]
    print(f"fuzz: {len(found)} attempts on {len(corpus)} books, {len(bad)} lost")
    for line in bad[:TOLD]:
        print(f"  {line}")
    sys.exit(bool(bad))


if __name__ == "__main__":
    run(main)
