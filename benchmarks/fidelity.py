"""Fidelity: how much of a known text the readers keep and how much else they let in, per format and language.

The sample's works are known from their packages; each is written as EPUB and, where the font has its letters, PDF.
With --printed the beginning of one of each language is also printed to PDF by a browser, which every script needs. For
a corpus of one's own a CSV names pairs below --folder: `file` (the book), `reference` and `language`. A reference is a
plain text of just what a reader should give (Project Gutenberg's header and licence aside), or a book of the same text
in another format, which is then read as well.

Writes  benchmarks/results.json (rows "fidelity: ..."; with --pairs the table is printed only)
Run     python -m benchmarks.fidelity [--short] [--printed] [--show N]
        python -m benchmarks.fidelity --folder FOLDER --pairs PAIRS.csv [--show N]
"""

import argparse
import csv
import hashlib
import json
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import rows
from benchmarks.printed import print_works
from benchmarks.rows import Figure
from stages.extract.read import READERS, Request, read_book
from stages.sample.__main__ import CATALOGUE, WRITERS, read_members
from stages.sample.catalogue import Work, read_catalogue
from stages.sample.texts import Block, Chapter, read_chapters
from stages.shared.errors import UserError, run

WORD = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]|[^\W_]+")  # a CJK character is a word
START = re.compile(r"^\*\*\* ?START OF .*$", re.MULTILINE)
END = re.compile(r"^\*\*\* ?END OF .*$", re.MULTILINE)
RUN = 4  # words in a row that must be the same for a word to count as found
SHORT, SHOWN = 4, 12  # works of a short measurement; words of a stretch that is shown


@dataclass(frozen=True)
class Pair:
    """A book file and the text that it is known to hold."""

    name: str
    language: str
    path: Path
    reference: str
    made: str = ""  # how, where that makes a row of its own


@dataclass(frozen=True)
class Found:
    """What was read of a pair: words kept of the reference, and words let in beside it, as marks on both."""

    pair: Pair
    reference: list[str]
    read: list[str]
    kept: NDArray[np.bool_]
    own: NDArray[np.bool_]  # words of the reading that the reference has too


def main() -> None:
    """Measure, print the table and the worst stretches, and write the rows unless asked otherwise."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fidelity", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(), help="where the files of --pairs lie")
    parser.add_argument("--pairs", type=Path, help="a CSV with the columns file, reference, language")
    parser.add_argument("--short", action="store_true", help=f"{SHORT} works; results.json stays as it is")
    parser.add_argument("--printed", action="store_true", help="also what Chromium prints; needs it and its fonts")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="show the N longest stretches lost and let in")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        pairs = listed(asked.pairs, asked.folder) if asked.pairs else sampled(Path(scratch), asked.short, asked.printed)
        found = [compare(pair) for pair in pairs]
    stamped = rows.stamp(figures(found))
    for row in stamped:
        print(f"{row.name:36} {row.value:8g} {row.unit:4} {row.goal:8} {row.peer}")
    for line in stretches(found, asked.show):
        print(line)
    if not asked.short and not asked.pairs:
        rows.write(stamped)


def sampled(folder: Path, short: bool, printed: bool) -> Iterator[Pair]:
    """The works of the sample library, written into a folder in each format that can hold them."""
    catalogue, known = read_catalogue(CATALOGUE), list[tuple[Work, list[Block]]]()
    for work in catalogue.works[:: len(catalogue.works) // SHORT] if short else catalogue.works:
        chapters = read_chapters(work, read_members(work, catalogue.packages[work.package]))
        known.append((work, [block for one in chapters for block in (Block("heading", one.title), *one.blocks)]))
        for path in written(work, chapters, folder):
            yield Pair(path.name, work.language, path, "\n".join(block.text for block in known[-1][1]))
            path.unlink()
    for made, language, path, text in print_works(known, folder) if printed else ():
        yield Pair(path.name, language, path, text, made)


def written(work: Work, chapters: Sequence[Chapter], folder: Path) -> Iterator[Path]:
    """Write a work in each format; one that is not its own is left out where the font lacks some of its letters."""
    for format, write in WRITERS.items():
        path = folder / f"{work.book_id}.{format}"
        try:
            write(work, chapters, path)
        except ValueError:
            if format == work.format:
                raise
        else:
            yield path


def listed(table: Path, folder: Path) -> list[Pair]:
    """The pairs that a CSV lists; raises UserError where a column or a file is missing."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            lines = list(csv.DictReader(stream))
        return [pair_of(line, folder) for line in lines]
    except KeyError as error:
        raise UserError(f"{table} has no column {error}; it needs file, reference and language") from None
    except OSError as error:
        raise UserError(f"{error.filename} cannot be read ({error.strerror}); mend {table} or --folder") from None


def pair_of(line: dict[str, str], folder: Path) -> Pair:
    """The pair of a line."""
    reference = folder / line["reference"]
    text = plain_text(reference.read_bytes()) if reference.suffix == ".txt" else text_of(reference)
    return Pair(line["file"], line["language"], folder / line["file"], text)


def plain_text(content: bytes) -> str:
    """A text in UTF-8 or, where it is not, Latin-1, without what Project Gutenberg puts around it."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    start, end = START.search(text), END.search(text)
    return text[start.end() if start else 0 : end.start() if end else len(text)]


def text_of(path: Path) -> str:
    """The text of a book as our readers give it; raises UserError where they reject it."""
    format = path.suffix[1:]
    if format not in READERS:
        raise UserError(f"{path} has no format that is read ({', '.join(READERS)}); leave it out")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    text = read_book(Request(path.stem, (path,), format, sha256, 10_000, 10_000, 0))
    if text.rejected:
        raise UserError(f"{path} is rejected: {text.rejected}; leave it out")
    return "\n".join(json.loads(line)["text"] for line in text.lines.splitlines())


def compare(pair: Pair) -> Found:
    """Read the book of a pair and mark what its reading and the reference have in common."""
    reference, read = words_of(pair.reference), words_of(text_of(pair.path))
    return Found(pair, reference, read, common(reference, read), common(read, reference))


def words_of(text: str) -> list[str]:
    """The words of a text in one spelling of its characters, without case and accents that stand apart."""
    return WORD.findall(unicodedata.normalize("NFKC", text.replace("\u00ad", "")).casefold())


def common(words: Sequence[str], others: Sequence[str]) -> NDArray[np.bool_]:
    """Which words lie in a run of RUN words that the others have too."""
    known = set(runs_of(others))
    marks = np.zeros(len(words), np.bool_)
    for place, one in enumerate(runs_of(words)):
        if one in known:
            marks[place : place + RUN] = True
    return marks


def runs_of(words: Sequence[str]) -> Iterable[tuple[str, ...]]:
    """All runs of RUN words."""
    return zip(*(words[start:] for start in range(RUN)), strict=False)


def figures(found: Sequence[Found]) -> list[Figure]:
    """The share kept and the share let in of all words, per format and language."""
    groups: dict[tuple[str, str], list[Found]] = {}
    for one in found:
        format = f"{one.pair.made} {one.pair.path.suffix[1:]}".strip()
        groups.setdefault((format, one.pair.language), []).append(one)
    told = []
    for (format, language), group in sorted(groups.items()):
        name, books = f"fidelity: {format} {language}", f"{len(group)} known text{'s' * (len(group) > 1)}"
        kept, own = (np.concatenate(marks) for marks in ([one.kept for one in group], [one.own for one in group]))
        told.append(Figure(f"{name} kept", 100 * float(kept.mean()), "%", ">= 99", books))
        told.append(Figure(f"{name} let in", 100 * float(1 - own.mean()), "%", "< 1", books))
    return told


def stretches(found: Sequence[Found], most: int) -> list[str]:
    """The longest stretches that were lost or let in, with their book and place in words."""
    gaps = [
        (
            end - start,
            f"{one.pair.name} {what} {end - start} words at {start}: {' '.join(words[start:end][:SHOWN])}",
        )
        for one in found
        for what, words, marks in (("lost", one.reference, one.kept), ("let in", one.read, one.own))
        for start, end in outside(marks)
    ]
    return [line for _, line in sorted(gaps, key=lambda gap: (-gap[0], gap[1]))[:most]]


def outside(marks: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The stretches without a mark: (start, end)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], marks, [True]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


if __name__ == "__main__":
    run(main)
