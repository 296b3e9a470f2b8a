"""Bits: what a model needs to say a text, and how far two models' predictions lie apart."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

LN2 = math.log(2)
LOGITS = 12_000_000  # logits held at once; bounds memory whatever the vocabulary


@dataclass(frozen=True)
class Request:
    """A token sequence and the position from which its tokens are scored (those before are context)."""

    ids: tuple[int, ...]
    start: int = 0


@dataclass(frozen=True)
class Scored:
    """Bits of each scored token (float64) and, where asked for, the final hidden states that predicted them."""

    bits: np.ndarray[Any, np.dtype[np.float64]]
    hidden: np.ndarray[Any, np.dtype[np.float16]] | None = None

    @property
    def total(self) -> float:
        """Bits of the whole scored text."""
        return float(self.bits.sum())


def score(
    model: Any,
    prefix: int,
    requests: Sequence[Request],
    keep: Sequence[bool] | None = None,
    batch_tokens: int = 1024,
    tell: Callable[[int], None] = lambda tokens: None,
) -> list[Scored]:
    """Score every request behind the `prefix` token; a sequence that several requests share is run once.

    `model` is a causal language model with `.model` and `.lm_head`; results stand in the order of the requests.
    `keep` says for which of them the hidden states are returned, as float16 of shape (scored tokens, width).
    `tell` is called with the number of tokens run after each batch.
    """
    kept = keep or [False] * len(requests)
    sharing: dict[tuple[int, ...], list[int]] = {}
    for index, request in enumerate(requests):
        if not 0 <= request.start < len(request.ids):
            raise ValueError(f"request {index} scores from {request.start} of {len(request.ids)} tokens")
        sharing.setdefault(request.ids, []).append(index)
    result: dict[int, Scored] = {}
    for group in batches(sorted(sharing, key=lambda ids: (len(ids), ids)), batch_tokens):
        hidden = hidden_states(model, prefix, group)
        for row, ids in enumerate(group):
            bits = token_bits(model, hidden[row, : len(ids)], ids, min(requests[i].start for i in sharing[ids]))
            for index in sharing[ids]:
                start = requests[index].start
                states = hidden[row, start : len(ids)].half().cpu().numpy() if kept[index] else None
                result[index] = Scored(bits[start:], states)
        tell(sum(map(len, group)))
    return [result[index] for index in range(len(requests))]


def batches(sequences: Sequence[tuple[int, ...]], tokens: int) -> list[list[tuple[int, ...]]]:
    """Cut sequences, sorted by length, into groups of at most `tokens` padded tokens."""
    groups: list[list[tuple[int, ...]]] = []
    for ids in sequences:
        if groups and len(ids) * (len(groups[-1]) + 1) <= tokens:
            groups[-1].append(ids)
        else:
            groups.append([ids])
    return groups


@torch.no_grad()
def hidden_states(model: Any, prefix: int, group: Sequence[tuple[int, ...]]) -> torch.Tensor:
    """Final hidden states that predict each token of each sequence: shape (sequences, longest, width)."""
    longest = max(map(len, group))
    ids = torch.full((len(group), longest), prefix)
    mask = torch.zeros((len(group), longest), dtype=torch.long)
    for row, sequence in enumerate(group):
        ids[row, 1 : len(sequence)] = torch.tensor(sequence[:-1])
        mask[row, : len(sequence)] = 1
    output = model.model(input_ids=ids.to(model.device), attention_mask=mask.to(model.device))
    states: torch.Tensor = output.last_hidden_state
    return states


@torch.no_grad()
def token_bits(
    model: Any, hidden: torch.Tensor, ids: Sequence[int], start: int
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Bits of the tokens of one sequence; those before `start` stay 0 and cost nothing."""
    bits = np.zeros(len(ids))
    targets = torch.tensor(ids, device=hidden.device)
    for low in range(start, len(ids), rows_at_once(model)):
        high = min(len(ids), low + rows_at_once(model))
        losses = functional.cross_entropy(model.lm_head(hidden[low:high]).float(), targets[low:high], reduction="none")
        bits[low:high] = losses.double().cpu().numpy() / LN2
    return bits


def rows_at_once(model: Any) -> int:
    """Positions whose logits are held at once."""
    return max(16, LOGITS // int(model.config.vocab_size))


@dataclass(frozen=True)
class Divergence:
    """How far one model's next-token distributions lie from another's, per position."""

    kl: np.ndarray[Any, np.dtype[np.float64]]  # KL(model, base), bits
    js: np.ndarray[Any, np.dtype[np.float64]]  # Jensen-Shannon divergence, bits, at most 1
    flips: np.ndarray[Any, np.dtype[np.bool_]]  # whether the most probable token differs


@torch.no_grad()
def divergence(head: Any, states: np.ndarray[Any, Any], base: np.ndarray[Any, Any], rows: int = 256) -> Divergence:
    """Divergence of two models that share an output head, from their final hidden states of shape (tokens, width).

    KL(P, Q) = sum P log2(P / Q); JS(P, Q) = KL(P, M) / 2 + KL(Q, M) / 2 with M the mean of P and Q
    (Lin 1991, IEEE Transactions on Information Theory 37, eq. 3.3). Full distributions, `rows` positions at once.
    """
    kind, place, parts = head.weight.dtype, head.weight.device, []
    for low in range(0, len(states), rows):
        ours, theirs = (
            functional.log_softmax(head(torch.tensor(block[low : low + rows], dtype=kind, device=place)).float(), -1)
            for block in (states, base)
        )
        p, q = ours.exp(), theirs.exp()
        kl = (p * (ours - theirs)).sum(-1)
        mean = (p + q) / 2
        js = ((p * ours).sum(-1) + (q * theirs).sum(-1)) / 2 - torch.xlogy(mean, mean).sum(-1)
        parts.append((kl / LN2, js / LN2, ours.argmax(-1) != theirs.argmax(-1)))
    columns = [torch.cat([part[i] for part in parts]).cpu() for i in range(3)]
    return Divergence(columns[0].double().numpy(), columns[1].double().numpy(), columns[2].numpy())
