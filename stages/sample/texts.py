"""Texts as they lie in a package, cut into chapters and blocks."""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from stages.sample.catalogue import Cut, Work

PERSIAN_DIGITS = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
LINE_END = re.compile(r"\r*\n|\r")  # one of the packages ends its lines in \r\r\n
TAG = re.compile(r"</?[a-z]+/?>")


@dataclass(frozen=True)
class Block:
    """A heading, a paragraph of prose, or verse with its lines kept."""

    kind: str  # heading, prose, verse
    text: str


@dataclass
class Chapter:
    """A title and what stands under it."""

    title: str
    blocks: list[Block] = field(default_factory=list)

    def add(self, kind: str, text: str) -> None:
        """Append a block unless it is empty."""
        if text:
            self.blocks.append(Block(kind, text))


def read_chapters(work: Work, files: Sequence[bytes]) -> list[Chapter]:
    """Cut the files of a work into its chapters; chapters without any text are left out.

    Raises ValueError where the files are not what the catalogue says.
    """
    chapters = PARSERS[work.parser](work, files)
    kept = [chapter for chapter in chapters if any(block.kind != "heading" for block in chapter.blocks)]
    if not kept:
        raise ValueError("no text in it")
    return kept


def parse_text(work: Work, files: Sequence[bytes]) -> list[Chapter]:
    """Cut plain texts; with several files each begins a chapter of its own."""
    cut, chapters = work.cut, []
    for data in files:
        lines = lines_of(data, cut)
        title = work.head or work.title if len(files) == 1 else ""
        chapters += cut_lines(lines, cut, title)
    if cut.numbered:
        filled = [chapter for chapter in chapters if chapter.blocks]
        return [Chapter(cut.numbered.format(n), chapter.blocks) for n, chapter in enumerate(filled, 1)]
    return chapters


def lines_of(data: bytes, cut: Cut) -> list[tuple[int, str]]:
    """The numbered lines of the work, without the parts to erase."""
    rows = LINE_END.split(data.decode(cut.encoding))
    last = cut.last or len(rows)
    if max(last, cut.first) > len(rows):
        raise ValueError(f"{len(rows)} lines where {max(last, cut.first)} were expected")
    erase = [re.compile(pattern) for pattern in cut.erase]
    kept = []
    for number in range(cut.first, last + 1):
        row = rows[number - 1]
        for pattern in erase:
            row = pattern.sub("", row)
        kept.append((number, " ".join(row.split())))
    return kept


def cut_lines(lines: Sequence[tuple[int, str]], cut: Cut, title: str) -> list[Chapter]:
    """Cut lines into chapters at the lines that `cut` names."""
    wrap = cut.wrap or 0.75 * page_width([line for _, line in lines])
    chapters, block, skipping, empty = [Chapter(title)], list[str](), False, cut.gap or 0
    for number, line in [*lines, (0, "")]:
        begins = matches(cut.chapter, line) or number in cut.starts or bool(cut.gap and line and empty >= cut.gap)
        heading = begins or matches(cut.section, line)
        empty = 0 if line else empty + 1
        if heading or not line:
            chapters[-1].add(*shape(block, wrap))
            block = []
        if heading or matches(cut.notes, line):
            skipping = not heading
        if begins:
            chapters.append(Chapter(clean_title(line)))
        elif heading:
            chapters[-1].add("heading", clean_title(line))
        in_text = not heading or (number in cut.starts and cut.numbered)
        if line and in_text and not skipping:
            block.append(line)
    return chapters


def matches(pattern: str | None, line: str) -> bool:
    """Whether a line that is not empty matches the whole pattern."""
    return bool(pattern and line and re.fullmatch(pattern, line))


def clean_title(line: str) -> str:
    """Take brackets, emphasis marks and the last full stop off a heading."""
    return line.strip("[]_* ").rstrip(".")


def page_width(lines: Iterable[str]) -> int:
    """The length that one line in twenty passes: the width at which prose was wrapped."""
    lengths = sorted(len(line) for line in lines if line)
    return lengths[int(0.95 * (len(lengths) - 1))] if lengths else 0


def shape(lines: Sequence[str], wrap: float) -> tuple[str, str]:
    """Join lines to prose, or keep them where more than half of them (the last aside) are shorter than `wrap`."""
    full = [line for line in lines[:-1] if len(line) >= wrap]
    if 2 * len(full) < len(lines) - 1:
        return "verse", "\n".join(lines)
    return "prose", " ".join(lines)


def parse_nested(work: Work, files: Sequence[bytes]) -> list[Chapter]:
    """Books of chapters of verses, as JSON lists; their names as CSV (the last column that begins with `hebrew_`)."""
    books = json.loads(files[0])
    rows = list(csv.DictReader(files[1].decode("utf-8").splitlines()))
    column = "hebrew_fullspell_name" if "hebrew_fullspell_name" in rows[0] else "hebrew_name"
    chapters = []
    for row, book in zip(rows, books, strict=True):
        chapter = Chapter(row[column])
        for number, verses in enumerate(book, 1):
            chapter.add("heading", f"פרק {hebrew_number(number)}")
            for verse in verses:
                chapter.add("prose", " ".join(TAG.sub(" ", verse).replace("\u034f", "").split()))
        chapters.append(chapter)
    return chapters


def hebrew_number(number: int) -> str:
    """Write a number below 400 in Hebrew letters.

    Example: 15 -> "טו"
    """
    text = ""
    signs = [(300, "ש"), (200, "ר"), (100, "ק"), (90, "צ"), (80, "פ"), (70, "ע"), (60, "ס"), (50, "נ"), (40, "מ")]
    signs += [(30, "ל"), (20, "כ"), (16, "טז"), (15, "טו"), (10, "י")]
    for value, sign in signs:
        if number >= value and (value not in (15, 16) or number == value):
            text, number = text + sign, number - value
    return text + (chr(ord("א") + number - 1) if number else "")


def parse_ghazals(work: Work, files: Sequence[bytes]) -> list[Chapter]:
    """Poems of half-lines; fifty of them make a chapter."""
    poems = json.loads(files[0])
    chapters = []
    for start in range(0, len(poems), 50):
        group = poems[start : start + 50]
        chapter = Chapter(f"غزل {start + 1} تا {start + len(group)}".translate(PERSIAN_DIGITS))
        for number, poem in enumerate(group, start + 1):
            chapter.add("heading", f"غزل {number}".translate(PERSIAN_DIGITS))
            chapter.add("verse", "\n".join(" ".join(line.split()) for line in poem["poem"]))
        chapters.append(chapter)
    return chapters


def parse_episodes(work: Work, files: Sequence[bytes]) -> list[Chapter]:
    """Texts whose first line is the title, with a paragraph on each following line."""
    chapters = []
    for text in json.loads(files[0]):
        title, *lines = [re.sub(r"\s+", "\u3000", line.strip()) for line in text.split("\n") if line.strip()]
        chapter = Chapter(title)
        for line in lines:
            for pattern in work.cut.erase:
                line = re.sub(pattern, "", line)
            chapter.add("prose", line)
        chapters.append(chapter)
    return chapters


def parse_quran(work: Work, files: Sequence[bytes]) -> list[Chapter]:
    """Suras of verses, from one list of words and the positions at which verses begin."""
    data = json.loads(files[0])
    words, starts = data["words"], [*data["ayah_starts"], len(data["words"])]
    basmalah = " ".join(words[:4])
    chapters = []
    for sura in data["surahs"]:
        chapter = Chapter(f"سورة {sura['name_ar']}")
        if sura["has_basmalah"] and sura["number"] > 1:
            chapter.add("prose", basmalah)
        for verse in range(sura["first_ayah"], sura["first_ayah"] + sura["ayah_count"]):
            chapter.add("prose", " ".join(words[starts[verse] : starts[verse + 1]]))
        chapters.append(chapter)
    return chapters


def parse_sloka(work: Work, files: Sequence[bytes]) -> list[Chapter]:
    """Verses in Devanagari, their lines ended by a danda; chapter names come from a second file."""
    names = {row["number"]: row["name"] for row in json.loads(files[1])}
    chapters = {number: Chapter(name) for number, name in sorted(names.items())}
    for row in json.loads(files[0]):
        chapters[int(row["chapter"])].add("verse", "\n".join(danda_lines(row["slok"])))
    return list(chapters.values())


def danda_lines(text: str) -> Iterator[str]:
    """Cut a verse after each single danda, written as a bar in the source; a double bar ends the verse."""
    for line in re.split(r"(?<=[^|]\|)(?!\|)\s*", " ".join(text.split())):
        if line:
            yield line.replace("||", "॥").replace("|", "।")


PARSERS: dict[str, Callable[[Work, Sequence[bytes]], Any]] = {
    "text": parse_text,
    "nested": parse_nested,
    "ghazals": parse_ghazals,
    "episodes": parse_episodes,
    "quran": parse_quran,
    "sloka": parse_sloka,
}
