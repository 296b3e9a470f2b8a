"""Clean characters, spaces and line ends: the text as its author wrote it, not as its file encodes it."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

CJK = "\u2e80-\u2fdf\u3000-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"
CJK_WORD = "\u3040-\u309f\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
CJK_BREAK = re.compile(rf"(?<=[{CJK}])\s*\n\s*(?=[{CJK}])")
WORD = re.compile(r"[^\W_][\w'’\u0300-\u036f\u0591-\u05c7\u0610-\u06ed\u0900-\u0dff\u200c\u200d-]*")
CJK_LETTER = re.compile(f"[{CJK_WORD}]")
HYPHENS = "-\u2010\u00ad"
BREAK_HYPHEN = re.compile(rf"([^\W\d_]+)[{HYPHENS}]$")
FIRST_WORD = re.compile(r"[^\W\d_]+")
HYPHENATED = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")


def character_table() -> dict[int, str | None]:
    """What to do with characters that are marks of an encoding rather than text.

    Ligatures and positional forms (Latin, Armenian, Hebrew, Arabic) are taken apart, C1 controls read as the
    Windows-1252 characters they stand for, invisible formatting, private use and noncharacters dropped.
    ZWNJ and ZWJ stay: Persian and the Indic scripts spell with them.
    """
    table: dict[int, str | None] = dict.fromkeys([*range(0x20), 0x7F, 0xAD, 0x200B, 0x200E, 0x200F, 0xFEFF])
    table.update(dict.fromkeys([*range(0x202A, 0x202F), *range(0x2060, 0x2070), *range(0xFFF9, 0xFFFD)]))
    table.update(dict.fromkeys([*range(0xD800, 0xF900), *range(0xFDD0, 0xFDF0), 0xFFFE, 0xFFFF]))
    for code in range(0x80, 0xA0):
        table[code] = bytes([code]).decode("cp1252", "ignore") or None
    for code in (*range(0xFB00, 0xFB50), *range(0xFB50, 0xFDD0), *range(0xFDF0, 0xFDFA), *range(0xFE70, 0xFEFD)):
        table[code] = unicodedata.normalize("NFKC", chr(code))
    table.update({0x09: " ", 0x0A: "\n", 0x0C: "\n", 0x0D: "\n", 0x85: "\n", 0x2028: "\n", 0x2029: "\n"})
    return table


TABLE = character_table()
SUSPECT = re.compile("[" + "".join(re.escape(chr(code)) for code in sorted(TABLE) if code != 0x0A) + "]")


def clean_characters(text: str) -> str:
    """Put `text` in NFC, without ligatures, soft hyphens, controls and invisible formatting; line breaks become \\n."""
    if SUSPECT.search(text):
        text = text.replace("\r\n", "\n").translate(TABLE)
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def one_line(text: str) -> str:
    """Make `text` one line with single spaces; a line break between CJK characters leaves no space."""
    if "\n" in text and not text.isascii() and CJK_LETTER.search(text):
        text = CJK_BREAK.sub("", text)
    return " ".join(text.split())


def lines_of(text: str) -> list[str]:
    """The lines of `text` that are not empty, each with single spaces."""
    return [line for line in (" ".join(raw.split()) for raw in text.split("\n")) if line]


def count_words(text: str) -> int:
    """Count words; each CJK character counts as one.

    Example: "Well-known, 三國演義" -> 5
    """
    letters = [] if text.isascii() else CJK_LETTER.findall(text)
    if letters:
        text = CJK_LETTER.sub(" ", text)
    return len(letters) + len(WORD.findall(text.replace("--", " ")))


def vocabulary(lines: Sequence[str]) -> Counter[str]:
    """How often each word, hyphenated ones whole, stands inside the lines (not at their ends), in lower case."""
    inner = "\n".join([line.rpartition(" ")[0] for line in lines])
    words: Counter[str] = Counter()
    for written, count in Counter(inner.lower().split()).items():  # a book has few different ones
        for word in [written] if written.isalpha() else HYPHENATED.findall(written):
            words[word] += count
    return words


def join_lines(lines: Sequence[str], words: Counter[str] | None = None) -> str:
    """Join the lines of a paragraph; a hyphen at a line's end is kept or dropped as the book itself spells the word.

    Without `words` every such hyphen is kept (hard-wrapped plain text does not hyphenate).
    """
    text = "\n".join(lines)
    if any(f"{hyphen}\n" in text for hyphen in HYPHENS):
        text = ""
        for line in lines:
            text = line if not text else join_two(text, line, words)
    return one_line(text)


def join_two(text: str, line: str, words: Counter[str] | None) -> str:
    """Join a line to the text before it."""
    if text[-1:] not in HYPHENS:
        return f"{text}\n{line}"
    end = BREAK_HYPHEN.search(text[-60:])
    start = FIRST_WORD.match(line)
    if end is None or start is None:
        return f"{text}\n{line}"
    if words is None:
        return text + line
    left, right = end[1].lower(), start[0].lower()
    keeps = words[f"{left}-{right}"] > words[left + right] or (start[0][0].isupper() and not end[1].isupper())
    return text + line if keeps else text[:-1] + line
