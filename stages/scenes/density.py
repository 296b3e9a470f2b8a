"""Density: features of a passage that need no model, and the score made of them.

Features that rest on a list of words exist for the languages that have one (markers.yaml); elsewhere they are absent
for the whole book, so passages of one book are always compared on the same features.
"""

import functools
import math
import re
import zlib
from collections.abc import Mapping
from pathlib import Path

import yaml

from stages.shared.passages import CLOSERS, sentences

WORD = re.compile(r"\w+")
MARKERS = Path(__file__).with_name("markers.yaml")
PAIRS = ("()", "[]", "\u201c\u201d", "\u00ab\u00bb", "\u300c\u300d", "\u300e\u300f")
ASKED = "?\uff1f\u061f"
DANGLING = re.compile(rf"[:;,\u2014\u2013-][{CLOSERS}]*$")
BITS = "surprisal", "linkage"  # features that the base model gives to finalists
NAMES = "information", "richness", "questions", "plainness", "self_contained", "contrast", "abstraction", *BITS
KINDS = {"paradox": ("contrast", "questions"), "insight": ("abstraction",), "dense": ("surprisal", "richness")}


@functools.cache
def markers() -> dict[str, dict[str, frozenset[str]]]:
    """The lists of words by language and use."""
    content = yaml.safe_load(MARKERS.read_text(encoding="utf-8"))
    return {
        language: {use: frozenset(words.split()) for use, words in lists.items()} for language, lists in content.items()
    }


def features(text: str, language: str) -> dict[str, float]:
    """The features of a passage, each a plain rate.

    information: zlib bits per byte of its text (repetition lowers it)
    richness: distinct words over the root of all words (Guiraud's R); of characters where words are not spaced
    questions: share of sentences that ask
    plainness: share of words that are no name (not capitalised, or first in their sentence)
    contrast, abstraction: share of listed words, where the language has lists
    self_contained: 1, less what hangs in the air (see `self_contained`)
    """
    pieces = sentences(text)
    words = WORD.findall(text.casefold())
    if not words:
        return dict.fromkeys(("information", "richness", "questions", "plainness", "self_contained"), 0.0)
    units = words if len(words) * 12 > len(text) else list("".join(words))
    raw = text.encode("utf-8")
    lists = markers().get(language, {})
    found = {
        "information": 8 * len(zlib.compress(raw, 9)) / len(raw),
        "richness": len(set(units)) / math.sqrt(len(units)),
        "questions": sum(any(sign in piece for sign in ASKED) for piece in pieces) / len(pieces),
        "plainness": plainness(pieces),
        "self_contained": self_contained(text, words[0], lists.get("openers", frozenset())),
    }
    for name in ("contrast", "abstraction"):
        if name in lists:
            found[name] = sum(word in lists[name] for word in words) / len(words)
    return found


def plainness(pieces: list[str]) -> float:
    """Share of words that are no name, as far as capitals tell: the first word of a sentence never counts as one."""
    inner = [word for piece in pieces for word in WORD.findall(piece)[1:]]
    names = sum(word[0].isupper() and len(word) > 1 for word in inner)
    return 1 - names / len(inner) if inner else 0.0


def self_contained(text: str, first: str, openers: frozenset[str]) -> float:
    """1, less a half for each: a first word that points back, a bracket or quotation left open, an end in mid-air."""
    open_pairs = any(text.count(pair[0]) != text.count(pair[1]) for pair in PAIRS) or text.count('"') % 2 == 1
    return max(0.0, 1 - 0.5 * ((first in openers) + open_pairs + bool(DANGLING.search(text.rstrip()))))


def density(scores: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """The weighted mean of the scores that a passage has (each a share of passages, 0 to 1), 3 decimals."""
    total = sum(weights.get(name, 0.0) for name in scores)
    return round(sum(weights.get(name, 0.0) * value for name, value in scores.items()) / total, 3) if total else 0.0


def kind_of(scores: Mapping[str, float]) -> str:
    """What makes a scene stand out: paradox (contrast, questions), insight (general claims), or dense (the rest)."""
    strength = {kind: max(scores.get(name, 0.0) for name in names) for kind, names in KINDS.items()}
    return max(strength, key=lambda kind: strength[kind])
