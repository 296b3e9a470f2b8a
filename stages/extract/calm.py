"""Documents without a character that needs care, told once for all, so that their lines need next to no cleaning."""

import re
from collections.abc import Callable
from unicodedata import is_normalized

from stages.extract.clean import clean_characters, one_line
from stages.extract.tags import BREAK

ASCII = bytes(range(128))
# Letters, marks and punctuation that are in NFC whatever stands beside them, no white space but one, no CJK.
INERT = (
    "\xa0-\xac\xae-\u02ff\u0388-\u03ff\u0401-\u0482\u048a-\u052f\u05be\u05d0-\u05ea\u05f3\u05f4\u060c\u061b\u061f"
    "\u0621-\u064a\u0660-\u066f\u0671-\u06d3\u06f0-\u06f9\u1f00-\u1fff\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u2122"
)
SIGNS = [sign for sign in re.findall(f"[{INERT}]", "".join(map(chr, range(0x2200)))) if is_normalized("NFC", sign)]
CALM = re.compile(f"[{re.escape(''.join(SIGNS))}]*")
WIDE = re.compile(
    f"[{re.escape(''.join(SIGNS))}\u3000-\u3029\u3041-\u3096\u309d-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff01-\uffef]*"
)
UNICODE = {"utf-8", "utf8", "us-ascii", "ascii"}
CONTROLS = (b"\x7f", b"\0")


Cleaner = Callable[[str], str]


def cleaner_of(content: bytes, encoding: str) -> Cleaner:
    """The least cleaning that the texts of an XML document need (its bytes, and the encoding that its parser took)."""
    if encoding.lower() not in UNICODE or any(control in content for control in CONTROLS):
        return careful_text
    if b"&" in content and b"&#" in content:  # a character that the bytes do not show; one byte is found faster
        return careful_text
    if content.isascii():
        return calm_text
    beyond = content.translate(None, ASCII).decode("utf-8", "replace")
    if CALM.fullmatch(beyond):
        return calm_text
    return wide_text if WIDE.fullmatch(beyond) else mixed_text


def calm_text(text: str) -> str:
    """What careful_text makes of a text of a calm document."""
    text = text.replace("\n", " ")
    spaced = "  " in text or "\t" in text or "\xa0" in text
    if BREAK not in text:
        return " ".join(text.split()) if spaced else text.strip()
    lines = [" ".join(line.split()) if spaced else line.strip() for line in text.split(BREAK)]
    return "\n".join(filter(None, lines))


def wide_text(text: str) -> str:
    """What careful_text makes of a text of a document that is calm but for CJK, whose lines join without a space."""
    return careful_text(text) if "\n" in text or "\u3000" in text else calm_text(text)


def mixed_text(text: str) -> str:
    """What careful_text makes of a text of a document that is calm where it is ASCII."""
    return calm_text(text) if text.isascii() else careful_text(text)


def careful_text(text: str) -> str:
    """Clean any text: one line with single spaces, or several where it has forced breaks, which become \\n."""
    return "\n".join(filter(None, (one_line(clean_characters(line)) for line in text.split(BREAK))))
