"""Sampling from a causal language model: batched, each text with a stream of chance of its own."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

FIRST = 256  # most probable tokens among which the next is drawn


@dataclass(frozen=True)
class Drawing:
    """How the next token is drawn: temperature, and the smallest set of the likeliest tokens that has `top_p`.

    (Nucleus sampling, Holtzman et al. 2020, section 3.1, inside the FIRST most probable tokens.)
    """

    temperature: float
    top_p: float
    max_tokens: int


def draw(logits: np.ndarray, drawing: Drawing, chance: float) -> int:
    """The place of the token drawn, of logits in falling order; `chance` in [0, 1)."""
    weights = np.exp((logits - logits[0]) / drawing.temperature)
    shares = weights / weights.sum()
    before = np.cumsum(shares) - shares
    kept = shares[before < drawing.top_p]
    return min(int(np.searchsorted(np.cumsum(kept) / kept.sum(), chance, side="right")), len(kept) - 1)


class Context:
    """A batch of prompts that a model has read, each as many times as it is continued; it grows token by token."""

    def __init__(self, model: Any, prefix: int, prompts: Sequence[Sequence[int]], times: int) -> None:
        from transformers import DynamicCache

        self.model, self.cache = model, DynamicCache(config=model.config)
        ids, self.mask = padded(prompts, prefix, model.device)
        self.place = (self.mask.cumsum(-1) - 1).clamp(min=0)
        self.last = self.run(ids).repeat_interleave(times, 0)
        self.cache.batch_repeat_interleave(times)
        self.mask, self.place = (one.repeat_interleave(times, 0) for one in (self.mask, self.place[:, -1:]))

    def run(self, ids: torch.Tensor) -> torch.Tensor:
        """Run tokens behind what was read; returns the last hidden state of each row."""
        told = {"attention_mask": self.mask, "position_ids": self.place, "past_key_values": self.cache}
        found: torch.Tensor = self.model.model(input_ids=ids, use_cache=True, **told).last_hidden_state[:, -1]
        return found

    def grow(self, tokens: Sequence[int]) -> None:
        """Read one more token a row."""
        self.mask = torch.cat([self.mask, self.mask.new_ones(len(tokens), 1)], 1)
        self.place = self.place + 1
        self.last = self.run(torch.tensor(tokens, device=self.model.device)[:, None])


@torch.no_grad()
def sample(
    model: Any,
    prefix: int,
    prompts: Sequence[Sequence[int]],
    stops: Collection[int],
    drawing: Drawing,
    seeds: Sequence[Sequence[int]],
) -> list[list[list[int]]]:
    """Continue each prompt behind the `prefix` token, once for each of its seeds: tokens without the one that ends it.

    A prompt is run once for all its continuations. `seeds` holds as many numbers for every prompt; a text is drawn with
    its own, so its chance does not hang on what else is in the batch.
    """
    times = len(seeds[0])
    context = Context(model, prefix, prompts, times)
    streams = [np.random.default_rng(seed) for row in seeds for seed in row]
    written: list[list[int]] = [[] for _ in streams]
    ended = [False] * len(streams)
    for place in range(drawing.max_tokens):
        chosen = next_tokens(model, context.last, drawing, streams)
        ended = [before or token in stops for before, token in zip(ended, chosen, strict=True)]
        for text, token, over in zip(written, chosen, ended, strict=True):
            if not over:
                text.append(token)
        if all(ended) or place + 1 == drawing.max_tokens:
            break
        context.grow(chosen)
    return [written[at : at + times] for at in range(0, len(written), times)]


def padded(prompts: Sequence[Sequence[int]], prefix: int, device: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Prompts behind the prefix, padded on the left, and the mask of what is no padding."""
    longest = max(map(len, prompts)) + 1
    rows = [[prefix] * (longest - len(one)) + list(one) for one in prompts]
    seen = [[0] * (longest - len(one) - 1) + [1] * (len(one) + 1) for one in prompts]
    return torch.tensor(rows, device=device), torch.tensor(seen, device=device)


def next_tokens(
    model: Any, hidden: torch.Tensor, drawing: Drawing, streams: Sequence[np.random.Generator]
) -> list[int]:
    """One token a row, each drawn with a number of its own stream."""
    logits = model.lm_head(hidden).float()
    values, tokens = (part.cpu().numpy() for part in logits.topk(min(FIRST, logits.shape[-1]), dim=-1))
    return [
        int(tokens[row, draw(values[row].astype(float), drawing, stream.random())])
        for row, stream in enumerate(streams)
    ]
