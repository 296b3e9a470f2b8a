"""Bytes -> text in the encodings of the real world."""

import codecs
import re

import charset_normalizer

from stages.extract.blocks import Rejected

BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"))
BOMS_16 = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
DECLARED = re.compile(rb"(?:character set encoding:\s*|encoding=[\"']|charset=[\"']?)([\w-]+)", re.IGNORECASE)
BAD_SHARE = 0.02  # bad bytes per character beyond ASCII up to which a file is damaged UTF-8 rather than something else
SAMPLE = 100_000  # bytes that are looked at to guess an encoding
LATIN_SHARE = 0.35  # bytes beyond ASCII per letter, at most, in a text in a Latin script
RARE = ["mac_cyrillic", "kz1048", "ptcp154", "cp1125"]  # guessed for Windows-1251, hardly ever true


def decode(content: bytes) -> str:
    """Decode by byte order mark, UTF-8, the declared encoding, else by the bytes' own statistics.

    Raises Rejected for bytes that are no text.
    """
    for mark, encoding in (*BOMS, *BOMS_16):
        if content.startswith(mark):
            return content.decode(encoding, "replace").removeprefix("\ufeff")
    if named := bomless_utf16(content):
        return content.decode(named, "replace")
    if b"\0" in content:
        raise Rejected("no text: it holds zero bytes")
    text = content.decode("utf-8", "replace")
    bad = text.count("\ufffd") - content.count("\ufffd".encode())
    if bad <= BAD_SHARE * (sum(character > "\x7f" for character in text) if bad else 0):
        return text
    return decode_declared(content) or decode_guessed(content)


def bomless_utf16(content: bytes) -> str | None:
    """Name UTF-16 without a byte order mark by its line ends, None for anything else."""
    if len(content) % 2 == 0 and b"\0" in content:
        for encoding, line_end in (("utf-16-le", b"\n\0"), ("utf-16-be", b"\0\n")):
            if content.count(line_end) * 4000 > len(content) and content[:4000].count(b"\0") > 100:
                return encoding
    return None


def decode_declared(content: bytes) -> str | None:
    """Decode as the file says it is encoded, where that works."""
    declared = DECLARED.search(content[:20_000])
    if declared is None or declared[1].lower() in (b"utf-8", b"ascii", b"us-ascii"):
        return None
    try:
        name = codecs.lookup(declared[1].decode("ascii", "replace")).name
        return content.decode("cp1252" if name == "iso8859-1" else name, "replace")
    except LookupError:
        return None


def decode_guessed(content: bytes) -> str:
    """Decode as Western European where that makes sense, else by charset-normalizer's guess.

    Only the lines that are not ASCII are looked at. For the Latin scripts charset-normalizer names any of a dozen
    code pages, so Windows-1252 is tried first; bytes beyond ASCII are few in Latin scripts and most in all others.
    Raises Rejected where nothing fits.
    """
    sample = b"\n".join(line for line in content.splitlines() if not line.isascii())[:SAMPLE]
    western = sample.decode("cp1252", "replace")
    beyond = sum(byte > 0x7F for byte in sample)
    if beyond <= LATIN_SHARE * sum(map(str.isalpha, western)) and reads_as_words(western):
        return content.decode("cp1252", "replace")
    guess = charset_normalizer.from_bytes(sample, cp_exclusion=RARE).best()
    if guess is None:
        raise Rejected("no text: its encoding is unknown")
    return content.decode(guess.encoding, "replace")


def reads_as_words(text: str) -> bool:
    """Whether the characters beyond ASCII between two letters are letters themselves, and usual ones."""
    inside = re.findall(r"(?<=[a-zA-Z])[^\x00-\x7f](?=[a-zA-Z])", text)
    if not inside:
        return True
    return sum(
        (character.isalpha() and character not in "ŠšŽžƒªºµ") or character in "’´·" for character in inside
    ) >= 0.95 * len(inside)
