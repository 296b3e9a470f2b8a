"""Words and letters of a text, counted in arrays: the same as clean.count_words and scripts.letters_by_script."""

from collections import Counter
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from stages.extract.clean import CJK_LETTER, WORD, count_words
from stages.shared.scripts import letters_by_script, script_of

PLANE = 1 << 16  # code points of the basic plane; texts that go beyond it are counted one by one
SURROGATES = slice(0xD800, 0xE000)
LETTER, INSIDE, ALONE = 1, 2, 3  # begins or continues a word, only continues one, is a word (CJK)


def words_and_letters(text: str) -> tuple[int, dict[str, int]]:
    """The words of a text (each CJK character is one), and its letters per Unicode script."""
    if "--" in text:
        text = text.replace("--", " ")
    codes = np.frombuffer(f" {text}".encode("utf-16-le", "surrogatepass"), np.uint16)
    counts = np.bincount(codes, minlength=PLANE)
    if counts[SURROGATES].any():
        return count_words(text), letters_by_script(text)
    kinds = word_kinds().take(codes)
    alone = int(counts[word_kinds() == ALONE].sum())
    return count_starts(kinds) + alone, letters_of(counts)


def count_starts(kinds: NDArray[np.uint8]) -> int:
    """Count the runs of LETTER and INSIDE that hold a LETTER; `kinds` begins with neither."""
    inside = kinds == INSIDE
    if (inside[2:] & inside[1:-1] & inside[:-2]).any():  # long runs are rare, and taking them out is dear
        kinds = kinds[~inside]
        inside = kinds == INSIDE
    letter = kinds == LETTER
    outside = ~(letter | inside)
    starts = np.count_nonzero(letter[1:] & outside[:-1])
    starts += np.count_nonzero(letter[2:] & inside[1:-1] & outside[:-2])
    return int(starts + np.count_nonzero(letter[3:] & inside[2:-1] & inside[1:-2] & outside[:-3]))


def letters_of(counts: NDArray[np.int64]) -> dict[str, int]:
    """Letters per script of a count of each character, most frequent script first."""
    scripts: Counter[str] = Counter()
    for code in np.flatnonzero(counts):
        if (character := chr(code)).isalpha():
            scripts[script_of(character)] += int(counts[code])
    return dict(sorted(scripts.items(), key=lambda item: (-item[1], item[0])))


@lru_cache(maxsize=1)
def word_kinds() -> NDArray[np.uint8]:
    """What each character of the basic plane is to a word, as the patterns of `clean` have it."""
    kinds = np.zeros(PLANE, np.uint8)
    for code in range(PLANE):
        character = chr(code)
        if CJK_LETTER.match(character):
            kinds[code] = ALONE
        elif WORD.match(character):
            kinds[code] = LETTER
        elif WORD.fullmatch(f"a{character}"):
            kinds[code] = INSIDE
    return kinds
