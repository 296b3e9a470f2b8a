"""Linkage: what the base model says of a passage: how surprising it is, and how much its halves belong together."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from stages.scenes.halves import Pair
from stages.shared.keyed import key_of
from stages.shared.models import Base, has_bfloat16
from stages.shared.scorebook import Scorebook
from stages.shared.scoring import Request, score

AT_ONCE = 32  # passages between two savings of what the model has said
BATCH_TOKENS = 1024  # padded tokens run at once

Numbers = dict[str, float]
Bits = np.ndarray[Any, np.dtype[np.float64]]


def keys_of(pairs: Sequence[Pair], shared: Sequence[object]) -> list[str]:
    """The key of each pair: its texts, and what all share (base, code)."""
    return [key_of(shared, one.first, one.second, one.rival) for one in pairs]


def requests(pair: Pair, encode: Callable[[str], list[int]]) -> list[Request]:
    """The sequences to be scored: the passage, and its second half behind the rival's first half."""
    first, second = encode(pair.first), encode(pair.second)
    whole = [Request(tuple(first + second))]
    if not pair.rival:
        return whole
    rival = encode(pair.rival)
    return [*whole, Request(tuple(rival + second), len(rival))]


def measure(pairs: Sequence[Pair], keys: Sequence[str], base: Base, book: Scorebook) -> None:
    """Score pairs with the base and keep the numbers; a killed run goes on behind the last group it kept.

    surprisal: bits per byte of the passage. linkage: bits per byte that its own first half saves the second half,
    against the rival's first half; absent where there is no rival. In bfloat16 where the processor has it, which halves
    the time and moves surprisal by a thousandth.
    """

    def encode(text: str) -> list[int]:
        return list(base.tokenizer.encode(text, add_special_tokens=False))

    half = has_bfloat16(base.device.type)
    for begin in range(0, len(pairs), AT_ONCE):
        group = pairs[begin : begin + AT_ONCE]
        with torch.autocast(base.device.type, torch.bfloat16, enabled=half):
            found = [numbers(pair, bits_of(requests(pair, encode), base)) for pair in group]
        book.put(dict(zip(keys[begin : begin + AT_ONCE], found, strict=True)))


def bits_of(asked: Sequence[Request], base: Base) -> list[Bits]:
    """The bits of the sequences of one pair, run by themselves: whatever else is asked changes no digit of them."""
    return [one.bits for one in score(base.model, base.prefix, asked, batch_tokens=BATCH_TOKENS)]


def numbers(pair: Pair, bits: Sequence[Bits]) -> Numbers:
    """Surprisal and linkage from the bits of each token of the passage, and of its second half behind the rival."""
    size, half = (len(text.encode("utf-8")) for text in (pair.first + pair.second, pair.second))
    found = {"surprisal": round(float(bits[0].sum()) / size, 3)}
    if pair.rival:
        own = bits[0][len(bits[0]) - len(bits[1]) :]
        found["linkage"] = round(float(bits[1].sum() - own.sum()) / half, 3)
    return found
