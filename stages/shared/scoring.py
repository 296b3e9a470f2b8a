"""Bits: what a model needs to say a text, and how far two models' predictions lie apart."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from stages.shared.prefixes import Tree, trees

LN2 = math.log(2)
LOGITS = 12_000_000  # logits held at once; bounds memory whatever the vocabulary


@dataclass(frozen=True)
class Request:
    """A token sequence and the position from which its tokens are scored (those before are context)."""

    ids: tuple[int, ...]
    start: int = 0


@dataclass(frozen=True)
class Scored:
    """Bits of each scored token (float64); where asked for, whether each was the model's first choice.

    `hidden` holds, where asked for, the final hidden states that predicted them.
    """

    bits: np.ndarray[Any, np.dtype[np.float64]]
    hidden: np.ndarray[Any, np.dtype[np.float16]] | None = None
    first: np.ndarray[Any, np.dtype[np.bool_]] | None = None

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
    firsts: bool = False,
) -> list[Scored]:
    """Score every request behind the `prefix` token; what several requests begin with is run once.

    `model` is a causal language model with `.model` and `.lm_head`; results stand in the order of the requests.
    `keep` says for which of them the hidden states are returned, as float16 of shape (scored tokens, width).
    `tell` is called with the number of tokens run after each batch. `firsts` asks for first choices too.
    """
    kept = keep or [False] * len(requests)
    sharing: dict[tuple[int, ...], list[int]] = {}
    for index, request in enumerate(requests):
        if not 0 <= request.start < len(request.ids):
            raise ValueError(f"request {index} scores from {request.start} of {len(request.ids)} tokens")
        sharing.setdefault(request.ids, []).append(index)
    result: dict[int, Scored] = {}
    for group in batches(trees(list(sharing), prefix, batch_tokens), batch_tokens):
        hidden = hidden_states(model, prefix, group)
        for row, tree in enumerate(group):
            for ids, path in tree.paths.items():
                least = min(requests[index].start for index in sharing[ids])
                bits, first = token_bits(model, hidden[row, path], ids, least, firsts)
                for index in sharing[ids]:
                    start = requests[index].start
                    states = hidden[row, path[start:]].half().cpu().numpy() if kept[index] else None
                    result[index] = Scored(bits[start:], states, first[start:] if firsts else None)
        tell(sum(len(tree.tokens) for tree in group))
    return [result[index] for index in range(len(requests))]


def tokens_to_run(prefix: int, requests: Sequence[Request], batch_tokens: int = 1024) -> int:
    """The tokens that `score` runs for these requests."""
    return sum(len(tree.tokens) for tree in trees(list({one.ids for one in requests}), prefix, batch_tokens))


def document_bits(model: Any, prefix: int, ids: Sequence[int], context: int) -> float:
    """Bits of a document of any length, read in windows of `context` tokens.

    Each token is scored once; the last window reaches back over tokens already scored until it is full. These are
    the windows of the rolling log-likelihood of EleutherAI's lm-evaluation-harness with a context of one token.
    """
    whole = (prefix, *ids)
    total, done = 0.0, 0
    while done < len(ids):
        end = min(len(ids), done + context)
        begin = max(0, end - context)
        window = Request(whole[begin + 1 : end + 1], done - begin)
        total += score(model, whole[begin], [window])[0].total
        done = end
    return total


def batches(found: Sequence[Tree], tokens: int) -> list[list[Tree]]:
    """Cut trees into groups of at most `tokens` padded tokens, of similar size; those that branch stand apart."""
    groups: list[list[Tree]] = []
    for tree in sorted(found, key=lambda tree: (tree.branches, len(tree.tokens), tree.tokens)):
        fits = groups and groups[-1][0].branches == tree.branches and len(tree.tokens) * (len(groups[-1]) + 1) <= tokens
        if fits:
            groups[-1].append(tree)
        else:
            groups.append([tree])
    return groups


@torch.no_grad()
def hidden_states(model: Any, prefix: int, group: Sequence[Tree]) -> torch.Tensor:
    """Final hidden states behind each node of each tree: shape (trees, largest, width)."""
    longest = max(len(tree.tokens) for tree in group)
    ids = torch.full((len(group), longest), prefix)
    for row, tree in enumerate(group):
        ids[row, : len(tree.tokens)] = torch.tensor(tree.tokens)
    places: dict[str, torch.Tensor] = {}
    if group[0].branches:
        depths = torch.zeros((len(group), longest), dtype=torch.long)
        sight = torch.eye(longest, dtype=torch.bool).repeat(len(group), 1, 1)  # padding sees itself, nobody sees it
        for row, tree in enumerate(group):
            size = len(tree.tokens)
            depths[row, :size] = torch.tensor(tree.depths)
            sight[row, :size, :size] = torch.from_numpy(tree.sight())
        blocked = torch.zeros(sight.shape, dtype=model.dtype).masked_fill(~sight, torch.finfo(model.dtype).min)
        places = {"attention_mask": blocked[:, None], "position_ids": depths}
    else:
        mask = torch.arange(longest)[None] < torch.tensor([len(tree.tokens) for tree in group])[:, None]
        places = {"attention_mask": mask.long()}
    there = {name: value.to(model.device) for name, value in places.items()}
    states: torch.Tensor = model.model(input_ids=ids.to(model.device), use_cache=False, **there).last_hidden_state
    return states


@torch.no_grad()
def token_bits(
    model: Any, hidden: torch.Tensor, ids: Sequence[int], start: int, firsts: bool = False
) -> tuple[np.ndarray[Any, np.dtype[np.float64]], np.ndarray[Any, np.dtype[np.bool_]]]:
    """Bits of the tokens of one sequence, and whether each was the first choice (False unless asked for).

    Tokens before `start` stay 0 and cost nothing.
    """
    bits, first = np.zeros(len(ids)), np.zeros(len(ids), dtype=bool)
    targets = torch.tensor(ids, device=hidden.device)
    for low in range(start, len(ids), rows_at_once(model)):
        high = min(len(ids), low + rows_at_once(model))
        logits = model.lm_head(hidden[low:high]).float()
        losses = functional.cross_entropy(logits, targets[low:high], reduction="none")
        bits[low:high] = losses.double().cpu().numpy() / LN2
        if firsts:
            first[low:high] = (logits.argmax(-1) == targets[low:high]).cpu().numpy()
    return bits, first


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
def divergence(
    heads: tuple[Any, Any], states: np.ndarray[Any, Any], base: np.ndarray[Any, Any], rows: int = 256
) -> Divergence:
    """Divergence of two models, from their output heads and their final hidden states of shape (tokens, width).

    KL(P, Q) = sum P log2(P / Q); JS(P, Q) = KL(P, M) / 2 + KL(Q, M) / 2 with M the mean of P and Q
    (Lin 1991, IEEE Transactions on Information Theory 37, eq. 3.3). Full distributions, `rows` positions at once.
    """
    kind, place, parts = heads[0].weight.dtype, heads[0].weight.device, []
    for low in range(0, len(states), rows):
        ours, theirs = (
            functional.log_softmax(head(torch.tensor(block[low : low + rows], dtype=kind, device=place)).float(), -1)
            for head, block in zip(heads, (states, base), strict=True)
        )
        p, q = ours.exp(), theirs.exp()
        kl = (p * (ours - theirs)).sum(-1)
        mean = (p + q) / 2
        js = ((p * ours).sum(-1) + (q * theirs).sum(-1)) / 2 - torch.xlogy(mean, mean).sum(-1)
        parts.append((kl / LN2, js / LN2, ours.argmax(-1) != theirs.argmax(-1)))
    columns = [torch.cat([part[i] for part in parts]).cpu() for i in range(3)]
    return Divergence(columns[0].double().numpy(), columns[1].double().numpy(), columns[2].numpy())
