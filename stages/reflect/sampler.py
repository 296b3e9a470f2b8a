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
    from transformers import DynamicCache

    longest, times = max(map(len, prompts)) + 1, len(seeds[0])
    ids, mask = padded(prompts, prefix, longest, model.device)
    cache = DynamicCache(config=model.config)
    places = (mask.cumsum(-1) - 1).clamp(min=0)
    hidden = model.model(input_ids=ids, attention_mask=mask, position_ids=places, past_key_values=cache, use_cache=True)
    last = hidden.last_hidden_state[:, -1].repeat_interleave(times, 0)
    cache.batch_repeat_interleave(times)
    mask, place = mask.repeat_interleave(times, 0), places[:, -1:].repeat_interleave(times, 0)
    streams = [np.random.default_rng(seed) for row in seeds for seed in row]
    written: list[list[int]] = [[] for _ in streams]
    ended = [False] * len(streams)
    for _ in range(drawing.max_tokens):
        chosen = next_tokens(model, last, drawing, streams)
        for row, token in enumerate(chosen):
            ended[row] = ended[row] or token in stops
            if not ended[row]:
                written[row].append(token)
        if all(ended):
            break
        mask, place = torch.cat([mask, mask.new_ones(len(mask), 1)], 1), place + 1
        step = torch.tensor(chosen, device=model.device)[:, None]
        hidden = model.model(
            input_ids=step, attention_mask=mask, position_ids=place, past_key_values=cache, use_cache=True
        )
        last = hidden.last_hidden_state[:, -1]
    return [written[at : at + times] for at in range(0, len(written), times)]


def padded(
    prompts: Sequence[Sequence[int]], prefix: int, longest: int, device: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """Prompts behind the prefix, padded on the left, and the mask of what is no padding."""
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
