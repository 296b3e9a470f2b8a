"""Documents without a character that needs care, told once for all, so that their lines need next to no cleaning."""

import re

from stages.extract.clean import clean_characters, one_line

ASCII = bytes(range(128))
# Letters, marks and punctuation that are in NFC whatever stands beside them, no white space but one, no CJK.
INERT = "\xa0-\xac\xae-\u02ff\u0388-\u03ff\u0401-\u0482\u048a-\u052f\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u2122"
CALM = frozenset(re.findall(f"[{INERT}]", "".join(map(chr, range(0x2200)))))
UNICODE = {"utf-8", "utf8", "us-ascii", "ascii"}
MARKS = (b"&#", b"\x7f", b"\0")  # of characters that the bytes do not show, and of controls


def is_calm(content: bytes, encoding: str) -> bool:
    """Whether all characters of an XML document (its bytes, and the encoding that its parser took) are calm."""
    if encoding.lower() not in UNICODE or any(mark in content for mark in MARKS):
        return False
    if content.isascii():
        return True
    return CALM.issuperset(content.translate(None, ASCII).decode("utf-8", "replace"))


def calm_line(text: str) -> str:
    """What careful_line makes of a text of a calm document."""
    text = text.replace("\n", " ").strip()
    return " ".join(text.split()) if "  " in text or "\t" in text or "\xa0" in text else text


def careful_line(text: str) -> str:
    """Clean any text and make it one line with single spaces."""
    return one_line(clean_characters(text))
