"""The conditions of each score: which text is scored behind which context."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stages.shared.chance import shuffled
from stages.shared.passages import sentences
from stages.shared.scoring import Request

Encode = Callable[[str], Sequence[int]]


@dataclass(frozen=True)
class Condition:
    """One row of the items table before it is scored."""

    item: str
    score: str
    condition: str
    stratum: str  # random, scene, control
    book_id: str
    bytes: int
    request: Request


def condition(
    row: Mapping[str, Any], score: str, name: str, context: str, target: str, encode: Encode, stratum: str = "random"
) -> Condition:
    """Score `target` behind `context`.

    Both are tokenised apart, so the tokens of a target are the same behind every context.
    """
    before, scored = encode(context), encode(target)
    request = Request((*before, *scored), len(before))
    return Condition(row["item"], score, name, stratum, row["book_id"], len(target.encode()), request)


def prediction(row: Mapping[str, Any], encode: Encode, stratum: str = "random") -> list[Condition]:
    """The passage behind nothing."""
    return [condition(row, "prediction", "passage", "", row["text"], encode, stratum)]


def explanation(row: Mapping[str, Any], encode: Encode) -> list[Condition]:
    """The conclusion behind its own explanation, and behind explanations from elsewhere in the book."""
    if not row["wrong"]:
        return []
    target = row["conclusion"]
    own = condition(row, "explanation", "own", row["explanation"], target, encode)
    wrong = [
        condition(row, "explanation", f"wrong-{index}", text, target, encode) for index, text in enumerate(row["wrong"])
    ]
    return [own, *wrong]


def order(row: Mapping[str, Any], encode: Encode) -> list[Condition]:
    """The last sentence behind the ordered middle sentences, and behind the same sentences shuffled."""
    if not row["middle"]:
        return []
    rows = []
    for name, indices in (("ordered", range(len(row["middle"]))), ("shuffled", row["shuffled"])):
        context = row["premise"] + spaced([row["middle"][i] for i in indices])
        rows.append(condition(row, "order", name, context.rstrip(), last_sentence(row), encode))
    return rows


def chain(row: Mapping[str, Any], own: str, base: str, encode: Encode) -> list[Condition]:
    """The last sentence behind premise and chain, and behind the chain's sentences shuffled.

    `own` is the chain the scored model wrote, `base` the chain the base wrote. A chain of one sentence has no
    other order: both conditions are then the same text.
    """
    found = []
    for name, text in (("own", own), ("base", base)):
        pieces = sentences(text)
        order = [int(i) for i in shuffled(map(str, range(len(pieces))), row["item"], "chain")]
        if order == sorted(order):
            order = order[::-1]
        for suffix, indices in (("", range(len(pieces))), ("_shuffled", order)):
            context = f"{row['explanation']} {spaced([pieces[i] for i in indices])}"
            found.append(condition(row, "chain", f"{name}{suffix}", context.rstrip(), last_sentence(row), encode))
    return found


def spaced(pieces: Sequence[str]) -> str:
    """Sentences joined so that each keeps its own trailing space, or gets one where it lost it to the end."""
    gap = "" if pieces and not any(char.isspace() for piece in pieces for char in piece) else " "
    return "".join(piece if piece[-1:].isspace() else piece + gap for piece in pieces)


def last_sentence(row: Mapping[str, Any]) -> str:
    """The last sentence with the white space before it, where tokenizers expect it: the same behind any context."""
    before = row["text"][: len(row["text"]) - len(row["last"])]
    return str(before[len(before.rstrip()) :] + row["last"])
