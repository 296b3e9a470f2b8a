"""Which languages a text is in, by py3langid on short samples from all over it. Imported late: it loads its model."""

from collections import Counter
from unicodedata import category

import numpy as np
from py3langid.langid import MODEL_FILE, LanguageIdentifier

SAMPLES, LENGTH = 16, 200  # samples of a book, characters of a sample
LETTERS = 0.6  # share of a sample that must be letters and their marks: tables and formulas are in no language
LEAST = 4  # samples that must be left
CLEAR = 0.75  # share of the samples in one language from which a text is in it
NONE = "zxx"  # the library's name for text in no language


def identifier() -> LanguageIdentifier:
    """The library's model with its table in single precision, which it would make of every row it looks at."""
    half = LanguageIdentifier.from_model_file(MODEL_FILE)
    automaton = half.nb_classes, half.tk_nextmove, half.tk_output
    return LanguageIdentifier(half.nb_ptc.astype(np.float32), half.nb_pc, *automaton, tk_row=half.tk_row)


IDENTIFIER = identifier()  # at import, so that workers inherit it (0.5 s, 110 MB)


def languages_of(text: str) -> dict[str, float]:
    """The share of each language in the samples of a text, the most frequent first; {} where too little can be told.

    Example: {"en": 0.62, "la": 0.38}
    """
    found = Counter(IDENTIFIER.classify(sample)[0] for sample in samples_of(text))
    del found[NONE]
    told = found.total()
    shares = {code: round(count / told, 2) for code, count in found.items()} if told >= LEAST else {}
    return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0])))


def main_language(text: str) -> str:
    """The language that nearly all of a text is in; "" where there is none or it is not sure.

    Example: {"de": 0.94, "la": 0.06} -> "de"
    """
    return next((code for code, share in languages_of(text).items() if share >= CLEAR), "")


def samples_of(text: str) -> list[str]:
    """Samples of a text at even distances, without those that hold few letters."""
    step = max(LENGTH, len(text) // SAMPLES)
    found = [text[start : start + LENGTH] for start in range(step // 2, len(text), step)][:SAMPLES]
    return [sample for sample in found if has_letters(sample)]


def has_letters(sample: str) -> bool:
    """Whether enough of a sample are letters or, where these alone are too few, letters and their marks."""
    if sum(map(str.isalpha, sample)) >= LETTERS * LENGTH:
        return True
    return sum(category(sign)[0] in "LM" for sign in sample) >= LETTERS * LENGTH
