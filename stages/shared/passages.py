"""Passages: the candidates for scenes and probe items, with their place in the book."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from stages.shared.records import Paragraph

STOPS = ".!?\u2026\u3002\uff01\uff1f\u0964\u0965\u061f\u06d4\u05c3"  # ., !, ?, ... and their kin in other scripts
CLOSERS = "\"'\u00bb\u201d\u2019)\\]\u300d\u300f\u300b"
BOUNDARY = re.compile(rf"[{re.escape(STOPS)}][{CLOSERS}]*(?:\s+|(?<=[\u3002\uff01\uff1f\u300d\u300f])|$)|\n")
ABBREVIATION = re.compile(
    r"(?:^|[\s(\u201c\"])(?:\w|mrs?|ms|dr|st|prof|rev|hon|gen|col|capt|lieut|lt|sgt|sen|gov|esq|jun|sen|jr|sr|vol|chap"
    r"|cap|lib|ch|pp?|no|nos|fig|cf|viz|etc|i\.e|e\.g|vs|mm?e|mlle|hr|frau|bzw|z\.b)\.$",
    re.IGNORECASE,
)
FINAL = re.compile(rf"[{re.escape(STOPS)}:;][{CLOSERS}]*$")


@dataclass(frozen=True)
class Passage:
    """A run of whole paragraphs, or of whole sentences of one long paragraph, inside one chapter."""

    first: int  # index of its first paragraph
    last: int  # index of its last paragraph
    part: int  # 0, or 1, 2 ... for the pieces of one paragraph that is too long for one passage
    chapter: str
    page: int | None  # page of its first paragraph
    verse: bool  # whether any of its paragraphs is verse
    text: str

    @property
    def place(self) -> str:
        """A name of the passage inside its book that stays while the book stays: `p12-14`, `p7.2`."""
        piece = f".{self.part}" if self.part else ""
        return f"p{self.first}{piece}" if self.first == self.last else f"p{self.first}-{self.last}"


def sentences(text: str) -> list[str]:
    """Cut a text into sentences (lines, for verse); joined they give the text back.

    Example: "He came. Mr. Smith left!" -> ["He came. ", "Mr. Smith left!"]
    """
    pieces, start = [], 0
    for match in BOUNDARY.finditer(text):
        head, following = text[start : match.end()], text[match.end() : match.end() + 1]
        if match.group() != "\n" and (following.islower() or ABBREVIATION.search(head.rstrip())):
            continue
        if head.strip():
            pieces.append(head)
            start = match.end()
    return [*pieces, text[start:]] if text[start:] else pieces


def passages(
    paragraphs: Sequence[Paragraph], low: int, high: int, measure: Callable[[Sequence[str]], list[int]]
) -> list[Passage]:
    """Cut a book into passages of `low` to `high` units of length, none overlapping another.

    `measure` gives the length of each text of a list (tokens or bytes). Headings and notes belong to no passage;
    a passage ends at a paragraph's end, or at a sentence's end inside a paragraph longer than `high`.
    What cannot be fitted (a single sentence longer than `high`, a rest shorter than `low`) belongs to none.
    """
    body = [paragraph for paragraph in paragraphs if paragraph.kind in ("prose", "verse")]
    lengths = measure([paragraph.text for paragraph in body])
    found: list[Passage] = []
    run: list[Paragraph] = []
    size = 0

    def close() -> None:
        nonlocal run, size
        if run and size >= low:
            found.append(join(run))
        run, size = [], 0

    for paragraph, length in zip(body, lengths, strict=True):
        adjacent = run and run[-1].chapter == paragraph.chapter
        if not adjacent or size + length + 2 > high:
            close()
        if length > high:
            found.extend(split(paragraph, low, high, measure))
            continue
        run.append(paragraph)
        size += length + (2 if len(run) > 1 else 0)
    close()
    return found


def join(run: Sequence[Paragraph]) -> Passage:
    """Make a passage of whole paragraphs."""
    text = "\n\n".join(paragraph.text for paragraph in run)
    verse = any(paragraph.kind == "verse" for paragraph in run)
    return Passage(run[0].index, run[-1].index, 0, run[0].chapter, run[0].page, verse, text)


def split(
    paragraph: Paragraph, low: int, high: int, measure: Callable[[Sequence[str]], list[int]]
) -> Iterator[Passage]:
    """Cut one long paragraph at sentence ends."""
    pieces = sentences(paragraph.text)
    part, text, size = 1, "", 0
    for piece, length in zip([*pieces, ""], [*measure(pieces), high + 1], strict=True):
        if size + length > high and text:
            if size >= low:
                verse = paragraph.kind == "verse"
                yield Passage(
                    paragraph.index, paragraph.index, part, paragraph.chapter, paragraph.page, verse, text.strip()
                )
                part += 1
            text, size = "", 0
        if length <= high:
            text, size = text + piece, size + length


def is_well_formed(text: str, verse: bool = False) -> bool:
    """Whether a passage reads as running text: starts like a sentence, ends like one, and is mostly letters.

    Verse need not end in a stop, and a text of a script without capitals that has no stop at all (the Quran,
    much Sanskrit) need not either.
    """
    stripped = text.strip()
    start = stripped.lstrip("\"'\u201c\u2018\u00ab([\u2014\u2013-_* ")
    counts = Counter(stripped)
    ends = verse or FINAL.search(stripped) or not any(char in STOPS or char.lower() != char.upper() for char in counts)
    if not start or start[0].islower() or not start[0].isalpha() or not ends:
        return False
    letters = sum(n for char, n in counts.items() if is_letter(char))
    digits = sum(n for char, n in counts.items() if char.isdigit())
    upper = sum(n for char, n in counts.items() if char.isupper())
    lower = sum(n for char, n in counts.items() if char.islower())
    shouts = upper > 0.33 * (upper + lower)  # a heading, a list of names, a title page
    return letters >= 0.85 * len(stripped) and digits <= 0.03 * len(stripped) and not shouts


def is_letter(char: str) -> bool:
    """Whether a character belongs to running text: a letter, white space, or a combining vowel sign."""
    return char.isalpha() or char.isspace() or unicodedata.category(char)[0] == "M"


def byte_lengths(texts: Sequence[str]) -> list[int]:
    """UTF-8 bytes of each text."""
    return [len(text.encode("utf-8")) for text in texts]
