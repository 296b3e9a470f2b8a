"""One cell: all scores of one model on the probe, and its hidden states."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from stages.evaluate import conditions
from stages.evaluate.conditions import Condition, Encode
from stages.shared import scoring
from stages.shared.models import Base
from stages.shared.progress import Progress

PREFIX = 50  # tokens that the base is given of a text that it may know by heart
LEAST_BEHIND = 11  # tokens that must follow for a run to say anything


@dataclass(frozen=True)
class Probe:
    """What a cell is scored on: passages (one mapping each), scenes of the same books, control text."""

    items: Sequence[Mapping[str, Any]]
    scenes: Sequence[Mapping[str, Any]]
    controls: Sequence[Mapping[str, Any]]
    explained: frozenset[str]  # items with an explanation score
    ordered: frozenset[str]  # items with an order score
    chained: frozenset[str]  # items with a chain-of-thought score
    stated: frozenset[str]  # items whose hidden states are kept, and on which divergence is measured


@dataclass(frozen=True)
class Cell:
    """The result of one cell: rows of the items table, states of the prediction tokens, chains it wrote."""

    rows: list[dict[str, Any]]
    states: np.ndarray[Any, np.dtype[np.float16]]
    chains: dict[str, str]


def plan(probe: Probe, encode: Encode) -> list[Condition]:
    """The conditions that are the same for every cell (all but the chains)."""
    found = [one for row in probe.items for one in conditions.prediction(row, encode)]
    found += [one for row in probe.scenes for one in conditions.prediction(row, encode, "scene")]
    for row in probe.items:
        if row["item"] in probe.explained:
            found += conditions.explanation(row, encode)
        if row["item"] in probe.ordered:
            found += conditions.order(row, encode)
    for row in probe.controls:
        found.append(conditions.condition(row, "forgetting", "passage", "", row["text"], encode, "control"))
    return found


def keeps_states(one: Condition, probe: Probe) -> bool:
    """Whether the states of a condition are kept: the prediction of some random passages of each book."""
    return one.score == "prediction" and one.stratum == "random" and one.item in probe.stated


def score_cell(
    model: Any,
    base: Base,
    probe: Probe,
    encode: Encode,
    reference: Cell | None,
    chain_tokens: int,
    batch_tokens: int,
    follow: Callable[[int], Progress],
) -> Cell:
    """Score one model; `reference` is the base's own cell (None while the base itself is scored).

    `follow` makes the progress line of so many tokens, which are known once the chains are written.
    """
    chained = [row for row in probe.items if row["item"] in probe.chained]
    chains = write_chains(model, base, chained, chain_tokens)
    theirs = reference.chains if reference else chains
    asked = plan(probe, encode)
    for row in chained:
        asked += conditions.chain(row, chains[row["item"]], theirs[row["item"]], encode)
    requests = [one.request for one in asked]
    keep = [keeps_states(one, probe) for one in asked]
    with follow(scoring.tokens_to_run(base.prefix, requests, batch_tokens)) as progress:
        found = scoring.score(model, base.prefix, requests, keep, batch_tokens, progress.step, firsts=reference is None)
    rows = [
        row_of(one, float(np.round(scored.total, 4)), len(scored.bits))
        for one, scored in zip(asked, found, strict=True)
    ]
    if not reference:
        rows += memory_rows(asked, found)
    kept = [(one, scored.hidden) for one, scored in zip(asked, found, strict=True) if scored.hidden is not None]
    states = np.concatenate([hidden for _, hidden in kept])
    if reference:
        rows += divergence_rows((model.lm_head, base.model.lm_head), kept, reference.states)
    return Cell(rows, states, chains)


def memory_rows(asked: Sequence[Condition], found: Sequence[scoring.Scored]) -> list[dict[str, Any]]:
    """How many tokens the base, writing greedily behind a prefix of each text, gets verbatim right in a row.

    Teacher forcing says it without writing: greedy writing is the text as long as each first choice is its token.
    """
    rows = []
    for one, scored in zip(asked, found, strict=True):
        plain = one.condition == "passage" and one.stratum in ("random", "control")
        if plain and scored.first is not None and len(scored.first) >= PREFIX + LEAST_BEHIND:
            behind = scored.first[PREFIX:]
            run = len(behind) if behind.all() else int(np.argmin(behind))
            shown = dataclasses.replace(one, score="memory", condition="verbatim")
            rows.append(row_of(shown, float(run), len(behind)))
    return rows


def divergence_rows(
    heads: tuple[Any, Any], kept: Sequence[tuple[Condition, Any]], reference: Any
) -> list[dict[str, Any]]:
    """KL, JS (bits) and top-1 flips (a count) of every passage against the base, from the stored states.

    `heads` are the output heads of the model and of the base: the same weights unless an adapter changed them.
    """
    rows: list[dict[str, Any]] = []
    start = 0
    for one, hidden in kept:
        apart = scoring.divergence(heads, hidden, reference[start : start + len(hidden)])
        start += len(hidden)
        totals = {"kl": apart.kl.sum(), "js": apart.js.sum(), "flips": apart.flips.sum()}
        for name, value in totals.items():
            shown = dataclasses.replace(one, score="divergence", condition=name)
            rows.append(row_of(shown, float(np.round(value, 6)), len(hidden)))
    return rows


def row_of(one: Condition, bits: float, tokens: int) -> dict[str, Any]:
    """A row of the items table without the columns of cell and book."""
    return {
        "item": one.item,
        "book_id": one.book_id,
        "stratum": one.stratum,
        "score": one.score,
        "condition": one.condition,
        "bits": bits,
        "bytes": one.bytes,
        "tokens": tokens,
    }


@torch.no_grad()
def write_chains(model: Any, base: Base, rows: Sequence[Mapping[str, Any]], tokens: int) -> dict[str, str]:
    """Let the model continue each explanation greedily by at most `tokens` tokens: its chain of thought."""
    if not rows:
        return {}
    tokenizer = base.tokenizer
    encoded = [[base.prefix, *tokenizer.encode(row["explanation"], add_special_tokens=False)] for row in rows]
    longest = max(map(len, encoded))
    ids = torch.tensor([[base.prefix] * (longest - len(one)) + one for one in encoded], device=base.device)
    mask = torch.tensor([[0] * (longest - len(one)) + [1] * len(one) for one in encoded], device=base.device)
    written = model.generate(
        input_ids=ids,
        attention_mask=mask,
        max_new_tokens=tokens,
        do_sample=False,
        pad_token_id=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id,
    )
    texts = tokenizer.batch_decode(written[:, longest:], skip_special_tokens=True)
    return {row["item"]: text.strip() for row, text in zip(rows, texts, strict=True)}
