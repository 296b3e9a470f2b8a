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
FINAL = re.compile(rf"[{re.escape(STOPS)}][{CLOSERS}]*$")
ENDING = re.compile(rf"[{re.escape(STOPS)}:;,\u2014-][{CLOSERS}]*$")
NUMBERED = re.compile(r"^[\[(]?\d{1,3}[\])]?[.:]?\s+|\s*[\[(]?\d{1,3}[\])]?$")
LEAVES = re.compile(r"\W*(?:exit|exeunt)\b", re.IGNORECASE)  # a stage direction that ends a scene
COMES = re.compile(r"\W*(?:(?:re-?)?enter|scene|act)\b.{0,200}$", re.IGNORECASE)  # one that begins another
HEBREW = re.compile("[\u05d0-\u05ea]")  # prints its stop (sof pasuq) as a colon


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
    """Cut one long paragraph at sentence ends, verse at the ends of its lines that end a sentence."""
    pieces = verse_units(paragraph.text) if paragraph.kind == "verse" else sentences(paragraph.text)
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


def verse_units(text: str) -> list[str]:
    """Cut verse into runs of lines that end a sentence; where it has no stops, into couplets.

    Example: "O wind,\nblow!\nStay." -> ["O wind,\nblow!\n", "Stay."]
    """
    lines = text.splitlines(keepends=True)
    if not any(char in STOPS for char in text):
        return ["".join(lines[i : i + 2]) for i in range(0, len(lines), 2)]
    units = [""]
    for line in lines:
        units[-1] += line
        if FINAL.search(line.rstrip()):
            units.append("")
    return [unit for unit in units if unit]


def is_well_formed(text: str) -> bool:
    """Whether a passage reads as running text: starts like a sentence, ends like one, and is mostly letters.

    A number in front (of a verse, a paragraph) or behind counts for neither. A text that has no stop at all (much
    verse; the Quran, much Sanskrit) need not end in one. It neither begins with a heading or a last exit from the
    stage, nor ends with the first entrance.
    """
    stripped = NUMBERED.sub("", text.strip())
    start = stripped.lstrip("\"'\u201c\u2018\u00ab\u300c\u300e[(\u2014\u2013-_* ")
    if not start or start[0].islower() or not start[0].isalpha():
        return False
    if not ends(stripped) or not is_sentence(first_block(stripped)):
        return False
    lines = stripped.splitlines()
    return not LEAVES.match(lines[0]) and not COMES.match(lines[-1]) and is_mostly_letters(stripped)


def ends(text: str) -> bool:
    """Whether a text ends in a stop; an exit from the stage behind the last words is one too."""
    if not any(char in STOPS for char in text):
        return "\n" in text.replace("\n\n", "") or text.lower() == text.upper() or is_hebrew_end(text)
    return bool(FINAL.search(text) or LEAVES.match(text.splitlines()[-1])) or is_hebrew_end(text)


def is_hebrew_end(text: str) -> bool:
    """Whether a text ends in the colon that stands for sof pasuq in print."""
    return text[-1] == ":" and bool(HEBREW.search(text))


def first_block(text: str) -> str:
    """The first paragraph or stanza of a text."""
    return text.partition("\n\n")[0]


def is_sentence(block: str) -> bool:
    """Whether the first block of a text is part of it: a heading or a byline is one line without an end, or shouts."""
    return "\n" in block or not (block.isupper() or (block.lower() != block.upper() and not ENDING.search(block)))


def is_mostly_letters(text: str) -> bool:
    """Whether a text is made of letters: no table, no list of figures, no title page in capitals.

    A script that sets no spaces has more punctuation for its letters than others.
    """
    counts = Counter(text)
    letters = sum(n for char, n in counts.items() if is_letter(char))
    digits = sum(n for char, n in counts.items() if char.isdigit())
    upper = sum(n for char, n in counts.items() if char.isupper())
    lower = sum(n for char, n in counts.items() if char.islower())
    shouts = upper > 0.33 * (upper + lower)  # a heading, a list of names, a title page
    least = 0.85 if counts[" "] > 0.05 * len(text) else 0.75
    return letters >= least * len(text) and digits <= 0.03 * len(text) and not shouts


def is_letter(char: str) -> bool:
    """Whether a character belongs to running text: a letter, white space, or a combining vowel sign."""
    return char.isalpha() or char.isspace() or unicodedata.category(char)[0] == "M"


def byte_lengths(texts: Sequence[str]) -> list[int]:
    """UTF-8 bytes of each text."""
    return [len(text.encode("utf-8")) for text in texts]
