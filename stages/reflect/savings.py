"""What one text saves of another: one measure behind linkage, links of scenes and agreement of samples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from stages.shared.keyed import key_of
from stages.shared.models import Base, has_bfloat16
from stages.shared.passages import sentences
from stages.shared.progress import Progress
from stages.shared.scorebook import Scorebook
from stages.shared.scoring import Request, score

AT_ONCE = 16  # savings between two writings to the store
MOST = 4096  # padded tokens run at once


@dataclass(frozen=True)
class Saving:
    """A question: how many bits of `target` does `own` in front of it save, against `rival` in front of it?"""

    target: str
    own: str
    rival: str


@dataclass(frozen=True)
class Saved:
    """The answer: bits per byte of the target, 3 decimals; and the tokens that were run for it."""

    bits: float
    tokens: int


def cut(text: str) -> tuple[str, str]:
    """Cut a text at the sentence end nearest to its middle, or in the middle where it is one sentence.

    Example: "All is one. But it moves." -> ("All is one. ", "But it moves.")
    """
    ends, size = [], 0
    for piece in sentences(text)[:-1]:
        size += len(piece)
        ends.append(size)
    at = min(ends, key=lambda end: abs(2 * end - len(text)), default=len(text) // 2)
    return text[:at], text[at:]


def linkage(text: str, rival: str) -> Saving:
    """Linkage: what the first half of a text saves of its second, against the first half of another text."""
    first, second = cut(text)
    return Saving(second, first, cut(rival)[0])


class Scale:
    """Answers savings with one model, the frozen base, and keeps the answers: the ruler does not move with the adapter.

    `open_base` gives the base, and is called only where an answer is not in the store.
    """

    def __init__(self, shared: Sequence[object], open_base: Callable[[], Base]) -> None:
        self.shared, self.open_base, self.book = shared, open_base, Scorebook("savings")

    def ask(self, asked: Sequence[Saving], label: str) -> list[Saved]:
        """The answers to `asked`, in their order."""
        keys = [key_of(self.shared, one.target, one.own, one.rival) for one in asked]
        found = self.book.get(set(keys))
        missing = {key: one for key, one in zip(keys, asked, strict=True) if key not in found}
        with Progress(f"reflect {label}", len(missing), "text") as progress:
            names = list(missing)
            for begin in range(0, len(names), AT_ONCE):
                part = {key: weigh(missing[key], self.open_base()) for key in names[begin : begin + AT_ONCE]}
                self.book.put(part)
                found |= part
                progress.step(len(part))
        return [Saved(found[key]["bits"], int(found[key]["tokens"])) for key in keys]


@torch.no_grad()
def weigh(one: Saving, base: Base) -> dict[str, float]:
    """One saving, run by itself so that whatever else is asked changes no digit of it."""

    def request(context: str) -> Request:
        before, after = (base.tokenizer.encode(text, add_special_tokens=False) for text in (context, one.target))
        return Request((*before, *after), len(before))

    asked: list[Any] = [request(one.own), request(one.rival)]
    half = has_bfloat16(base.device.type)
    with torch.autocast(base.device.type, torch.bfloat16, enabled=half):
        own, rival = (found.total for found in score(base.model, base.prefix, asked, batch_tokens=MOST))
    bits = (rival - own) / max(1, len(one.target.encode()))
    return {"bits": round(bits, 3), "tokens": sum(len(each.ids) for each in asked)}
