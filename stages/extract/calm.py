"""Documents without a character that needs care, told once for all, so that their lines need next to no cleaning."""

import re

from stages.extract.clean import clean_characters, one_line
from stages.extract.tags import BREAK

ASCII = bytes(range(128))
# Letters, marks and punctuation that are in NFC whatever stands beside them, no white space but one, no CJK.
INERT = "\xa0-\xac\xae-\u02ff\u0388-\u03ff\u0401-\u0482\u048a-\u052f\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u2122"
CALM = frozenset(re.findall(f"[{INERT}]", "".join(map(chr, range(0x2200)))))
UNICODE = {"utf-8", "utf8", "us-ascii", "ascii"}
CONTROLS = (b"\x7f", b"\0")


def is_calm(content: bytes, encoding: str) -> bool:
    """Whether all characters of an XML document (its bytes, and the encoding that its parser took) are calm."""
    if encoding.lower() not in UNICODE or any(control in content for control in CONTROLS):
        return False
    if b"&" in content and b"&#" in content:  # a character that the bytes do not show; one byte is found faster
        return False
    if content.isascii():
        return True
    return CALM.issuperset(content.translate(None, ASCII).decode("utf-8", "replace"))


def calm_text(text: str) -> str:
    """What careful_text makes of a text of a calm document."""
    text = text.replace("\n", " ")
    spaced = "  " in text or "\t" in text or "\xa0" in text
    if BREAK not in text:
        return " ".join(text.split()) if spaced else text.strip()
    lines = [" ".join(line.split()) if spaced else line.strip() for line in text.split(BREAK)]
    return "\n".join(filter(None, lines))


def careful_text(text: str) -> str:
    """Clean any text: one line with single spaces, or several where it has forced breaks, which become \\n."""
    return "\n".join(filter(None, (one_line(clean_characters(line)) for line in text.split(BREAK))))
