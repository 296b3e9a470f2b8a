"""Words and letters of a text, counted in arrays: the same as clean.count_words and scripts.letters_by_script."""

import re
from collections import Counter
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from stages.extract.clean import CJK_LETTER, WORD
from stages.shared.scripts import letters_by_script, script_of

PLANE = 1 << 16  # code points of the basic plane
BEYOND = re.compile("[\U00010000-\U0010ffff]")
HYPHEN = ord("-")
LETTER, INSIDE, ALONE = 1, 2, 4  # bits: begins or continues a word, only continues one, is a word (CJK)
LATIN, FOREIGN = 8, 16  # bits: a letter of the Latin script, of another

Codes = NDArray[np.uint16]


def words_and_letters(text: str) -> tuple[int, dict[str, int]]:
    """The words of a text (each CJK character is one), and its letters per Unicode script."""
    text = f" {text} "
    codes: Codes = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), np.uint16)
    if len(codes) > len(text):
        return with_stand_ins(text[1:-1])
    kinds = character_kinds().take(codes)
    if "--" in text:
        part_at_dashes(codes, kinds)
    return count_starts(kinds) + int(np.count_nonzero(kinds & ALONE)), letters_of(codes, kinds)


def part_at_dashes(codes: Codes, kinds: NDArray[np.uint8]) -> None:
    """Make two hyphens in a row, which stand for a dash, part words; a single one does not."""
    hyphen = codes == HYPHEN
    twins = np.flatnonzero(hyphen[1:] & hyphen[:-1])
    kinds[twins] = kinds[twins + 1] = 0


def with_stand_ins(text: str) -> tuple[int, dict[str, int]]:
    """The words and letters of a text with characters beyond the basic plane: others stand in for them."""
    words, letters = words_and_letters(BEYOND.sub(stand_in, text))
    counts = Counter(letters) + Counter(letters_by_script("".join(BEYOND.findall(text))))
    return words, dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def stand_in(found: re.Match[str]) -> str:
    """A character of the basic plane that is the same to a word, and no letter."""
    if CJK_LETTER.match(found[0]):
        return "\u3040"
    if WORD.match(found[0]):
        return "0"
    return "_" if WORD.fullmatch(f"a{found[0]}") else " "


def count_starts(kinds: NDArray[np.uint8]) -> int:
    """Count the runs of LETTER and INSIDE that hold a LETTER; `kinds` begins and ends with neither."""
    letter, in_word = kinds & LETTER, kinds & (LETTER | INSIDE) != 0
    starts = int(np.count_nonzero(letter[1:] > in_word[:-1]))
    inside = np.flatnonzero(kinds & INSIDE != 0)
    if inside.size:  # of a run of these that begins outside, a letter behind it begins a word
        breaks = np.flatnonzero(np.diff(inside) > 1)
        first, last = inside[np.r_[0, breaks + 1]], inside[np.r_[breaks, inside.size - 1]]
        starts += int(np.count_nonzero(letter[last + 1] > in_word[first - 1]))
    return starts


def letters_of(codes: Codes, kinds: NDArray[np.uint8]) -> dict[str, int]:
    """Letters per script, most frequent script first."""
    scripts: Counter[str] = Counter()
    if latin := int(np.count_nonzero(kinds & LATIN)):
        scripts["LATIN"] = latin
    counts = np.bincount(codes[kinds & FOREIGN != 0])
    for code in np.flatnonzero(counts):
        scripts[script_of(chr(code))] += int(counts[code])
    return dict(sorted(scripts.items(), key=lambda item: (-item[1], item[0])))


@lru_cache(maxsize=1)
def character_kinds() -> NDArray[np.uint8]:
    """What each character of the basic plane is to a word, as the patterns of `clean` have it, and to the scripts."""
    kinds = np.zeros(PLANE, np.uint8)
    for code in range(PLANE):
        character = chr(code)
        if CJK_LETTER.match(character):
            kinds[code] = ALONE
        elif WORD.match(character):
            kinds[code] = LETTER
        elif WORD.fullmatch(f"a{character}"):
            kinds[code] = INSIDE
        if character.isalpha():
            kinds[code] |= LATIN if script_of(character) == "LATIN" else FOREIGN
    return kinds
