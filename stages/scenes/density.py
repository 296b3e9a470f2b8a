"""Density: cheap features of a passage that need no model, and the score made of them.

Features that rest on a list of words exist for the languages that have a list; elsewhere they are absent for
the whole book, so passages of one book are always compared on the same features.
"""

import math
import re
import statistics
import zlib
from collections.abc import Mapping, Sequence

from stages.shared.passages import sentences

WORD = re.compile(r"\w+")

# Words that set one thought against another, ask, or turn it (contrast), and that make a claim general (general).
CONTRAST: Mapping[str, frozenset[str]] = {
    "en": frozenset(
        "but yet though although nevertheless however whereas rather instead unless only neither nor".split()
    ),
    "fr": frozenset("mais pourtant cependant toutefois quoique bien plutôt sinon ni tandis néanmoins".split()),
    "de": frozenset("aber doch jedoch dennoch obwohl sondern trotzdem zwar weder noch hingegen".split()),
    "fi": frozenset("mutta kuitenkin vaan vaikka silti eikä joskin sittenkin".split()),
    "es": frozenset("pero sino aunque mas embargo ni tampoco antes".split()),
    "it": frozenset("ma però tuttavia benché sebbene anzi né invece".split()),
    "la": frozenset("sed autem at tamen quamquam nisi neque nec verum vero".split()),
    "ru": frozenset("но однако хотя а зато напротив ни впрочем".split()),
    "nl": frozenset("maar toch echter hoewel noch daarentegen niettemin".split()),
}
GENERAL: Mapping[str, frozenset[str]] = {
    "en": frozenset(
        "all every always never nothing everything whoever whatever nature truth reason mind soul life death power law "
        "justice good evil cause therefore because thus hence if must ought whether man men knowledge virtue".split()
    ),
    "fr": frozenset(
        "tout tous toujours jamais rien chacun nature vérité raison esprit âme vie mort loi justice bien mal cause "
        "donc parce ainsi si faut homme hommes".split()
    ),
    "de": frozenset(
        "alle alles immer nie nichts jeder natur wahrheit vernunft geist seele leben tod gesetz recht gut böse "
        "darum weil also wenn muß muss mensch menschen".split()
    ),
    "fi": frozenset(
        "kaikki aina koskaan jokainen luonto totuus järki henki sielu elämä kuolema laki hyvä paha jos".split()
    ),
}


def features(text: str, language: str) -> dict[str, float]:
    """The features of a passage, each a plain rate that does not grow with its length.

    information: zlib bits per byte of its text (repetition lowers it)
    richness: distinct words over the root of all words (Guiraud's R); of characters where words are not spaced
    contrast, general: share of listed words, where the language has a list
    questions: share of sentences that ask
    """
    words = WORD.findall(text.casefold())
    if not words:
        return {"information": 0.0, "richness": 0.0, "questions": 0.0}
    units = words if len(words) * 12 > len(text) else list("".join(words))
    raw = text.encode("utf-8")
    asked = sum("?" in piece or "\uff1f" in piece or "\u061f" in piece for piece in sentences(text))
    found = {
        "information": 8 * len(zlib.compress(raw, 9)) / len(raw),
        "richness": len(set(units)) / math.sqrt(len(units)),
        "questions": asked / max(1, len(sentences(text))),
    }
    for name, lists in (("contrast", CONTRAST), ("general", GENERAL)):
        if language in lists:
            found[name] = sum(word in lists[language] for word in words) / len(words)
    return found


def standardize(rows: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """Robust z-scores of each feature over the passages of one book (median and median absolute deviation).

    Each is clipped to [-3, 3], so that no single odd feature decides; a constant feature becomes 0.
    """
    result: list[dict[str, float]] = [{} for _ in rows]
    for name in rows[0] if rows else ():
        values = [row[name] for row in rows]
        middle = statistics.median(values)
        spread = 1.4826 * statistics.median(abs(value - middle) for value in values)
        if not spread:
            spread = statistics.pstdev(values)
        for row, value in zip(result, values, strict=True):
            row[name] = round(max(-3.0, min(3.0, (value - middle) / spread)), 3) if spread else 0.0
    return result


def density(scores: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """The weighted mean of the z-scores that a passage has, 3 decimals."""
    total = sum(weights.get(name, 0.0) for name in scores)
    return round(sum(weights.get(name, 0.0) * value for name, value in scores.items()) / total, 3) if total else 0.0


def kind_of(scores: Mapping[str, float]) -> str:
    """What makes a scene stand out: paradox (contrast, questions), insight (general claims), or dense (the rest)."""
    groups = {
        "paradox": max(scores.get("contrast", -9.0), scores.get("questions", -9.0)),
        "insight": scores.get("general", -9.0),
        "dense": max(scores.get("information", -9.0), scores.get("richness", -9.0)),
    }
    return max(groups, key=lambda name: groups[name])


def reason(scores: Mapping[str, float]) -> str:
    """The strongest features of a scene in words, for a person.

    Example: {"contrast": 2.1, "richness": 1.2} -> "contrast +2.1, richness +1.2 above this book's median passage"
    """
    strongest = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:2]
    return ", ".join(f"{name} {value:+.1f}" for name, value in strongest) + " against this book's median passage"
