"""Prompts for own thinking: two linked scenes of different books, and a question that neither of them was asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from stages.reflect.material import Text
from stages.reflect.savings import Saving, Scale, cut
from stages.shared.chance import shuffled
from stages.shared.errors import UserError

ASKED = yaml.safe_load(Path(__file__).with_name("prompts.yaml").read_text("utf-8"))
QUESTIONS: dict[str, dict[str, str]] = ASKED["questions"]
SYSTEM: str = ASKED["system"]
GAP = "\n\n"


@dataclass(frozen=True)
class Pair:
    """Two read texts of different books; `link` is what the end of one saves of the other's beginning."""

    first: Text
    second: Text
    link: float


@dataclass(frozen=True)
class Prompt:
    """What is asked: its kind, the texts it was built from, and its words."""

    name: str
    kind: str
    language: str
    scenes: tuple[str, str]
    text: str


def candidate_pairs(
    texts: Sequence[Text], linked: Mapping[str, float], count: int, seed: int
) -> list[tuple[Text, Text, Text]]:
    """Candidates for pairs, each with a rival: (first, second, rival), three texts of three books of one language.

    First are the texts whose linkage is not below their language's median; each meets `count` others, chosen by hash.
    A language of fewer than three books has none.
    """
    found: list[tuple[Text, Text, Text]] = []
    for language in sorted({one.language for one in texts}):
        own = {one.name: one for one in texts if one.language == language}
        median = float(np.median([linked[name] for name in own]))
        for first in (one for one in own.values() if linked[one.name] >= median):
            names = shuffled(own, seed, "pair", first.name)
            others = [own[name] for name in names if own[name].book_id != first.book_id]
            for place, second in enumerate(others[:count]):
                turned = others[place + 1 :] + others[:place]
                rival = next((one for one in turned if one.book_id != second.book_id), None)
                if rival:
                    found.append((first, second, rival))
    return found


def link(first: Text, second: Text, rival: Text) -> Saving:
    """The question of a link: what the end of a text saves of the beginning of another, against the rival's end."""
    return Saving(cut(second.text)[0] or second.text, cut(first.text)[1] + GAP, cut(rival.text)[1] + GAP)


def link_pairs(
    texts: Sequence[Text], linked: Mapping[str, float], scale: Scale, count: int, seed: int
) -> tuple[list[Pair], int]:
    """The better linked half of the candidate pairs, and the tokens that were run to find them."""
    candidates = candidate_pairs(texts, linked, count, seed)
    if not candidates:
        raise UserError("no three read books of one language have texts to be linked; take a higher reflect.rung")
    asked = [link(*three) for three in candidates]
    answers = scale.ask(asked, "links")
    median = float(np.median([one.bits for one in answers]))
    kept = [
        Pair(first, second, one.bits)
        for (first, second, _), one in zip(candidates, answers, strict=True)
        if one.bits >= median
    ]
    return kept, sum(one.tokens for one in answers)


def prompts_of(pairs: Sequence[Pair], count: int, *seed: object) -> list[Prompt]:
    """`count` prompts, or all there are, in an order by hash of `seed`; a pair gives one of each kind."""
    known = {}
    for pair in pairs:
        questions = QUESTIONS.get(pair.first.language, QUESTIONS["en"])
        for kind, question in questions.items():
            name = f"{pair.first.name} + {pair.second.name}: {kind}"
            words = GAP.join((pair.first.text, pair.second.text, question)) + GAP
            known[name] = Prompt(name, kind, pair.first.language, (pair.first.name, pair.second.name), words)
    return [known[name] for name in shuffled(known, *seed)[:count]]
