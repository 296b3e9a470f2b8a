"""All of own thinking: the arms of every replicate, their comparison, and what is left for readers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from stages.reflect import (
    cells,
    compare,
    larger,
    material,
    prompts,
    rounds,
    sampler,
    savings,
    sieve,
    told,
    writing,
)
from stages.reflect.settings import ReflectParams
from stages.reflect.tables import ARMS, COMPUTE, TOKENS, write_lines
from stages.shared import adapters, card, continuation, models, plan, prefixes, scoring, trunk
from stages.shared.errors import UserError
from stages.shared.keyed import code_digest

LIBRARIES = ["torch", "transformers", "peft", "numpy"]


@dataclass(frozen=True)
class Found:
    """What came of it: the thoughts of each replicate, all rounds, and the tables for readers."""

    study: rounds.Reflection
    thoughts: list[rounds.Thought]
    rounds: list[rounds.Round]
    curve: list[dict[str, float]]
    summary: dict[str, Any]


def reflect(params: ReflectParams, language: str, base: Path) -> Found:
    """Run every arm of every replicate, and compare them."""
    study = prepare(params, language, base)
    thoughts, done = list[rounds.Thought](), list[rounds.Round]()
    for replicate in range(params.replicates):
        thought = study.think(replicate, say)
        if thought.stopped:
            say(f"own thinking of replicate {replicate} was stopped: {thought.stopped}")
        thoughts.append(thought)
        done += thought.rounds
        for equal in (TOKENS, COMPUTE) if study.writer.label == "own" else (TOKENS,):
            for arm in ARMS[1:]:
                done += study.read_on(arm, equal, replicate, thought)
                say(f"{arm}, replicate {replicate}, equal {equal}: read")
    study.examiner.store.trim()
    return judge(study, thoughts, done, models.read_facts(base))


def say(line: str) -> None:
    """Tell how far it is."""
    print(f"reflect: {line}", flush=True)


def prepare(params: ReflectParams, language: str, folder: Path) -> rounds.Reflection:
    """Read what own thinking starts from, link scenes, and score the saturated adapter."""
    facts = models.read_facts(folder)
    tokenizer = models.load_tokenizer(folder)

    def encode(text: str) -> tuple[int, ...]:
        return tuple(tokenizer.encode(text, add_special_tokens=False).ids)

    there = material.read_material(str(params.reading), params.rung, tokenizer)
    scorer, trained = (opener(folder) for _ in range(2))
    shared = [facts["fingerprint"]]
    scale = savings.Scale([*shared, digest_of(savings, scoring, prefixes, models)], scorer)
    filtered = sieve.Sieve(there.read, scale, params.filter, params.seed)
    pairs, linking = prompts.link_pairs(there.read, filtered.linked, scale, params.candidates, params.seed)
    replayed = tuple(one for one in there.read if not filtered.replay_reason(one))
    if not replayed:
        raise UserError(f"none of {len(there.read)} read scenes passes the filter; loosen reflect.filter")
    examiner = cells.Examiner(
        [*shared, digest_of(cells, adapters, scoring, prefixes, models)], cells.read_probe(language), scorer
    )
    course = continuation.Course(continuation.recipe_of(there.facts), there.facts["cooldown"])
    code = digest_of(continuation, trunk, plan, card, models)
    return rounds.Reflection(
        params,
        there,
        replayed=replayed,
        pairs=tuple(pairs),
        sieve=filtered,
        writer=writer_of(params, facts["fingerprint"], scorer, encode),
        reader=rounds.Reader([code], facts, course, there.facts["batch"], trained),
        examiner=examiner,
        start=examiner.cell(there.folder),
        encode=encode,
        prepared=filtered.ran + linking,
    )


def writer_of(
    params: ReflectParams,
    fingerprint: str,
    open_base: Callable[[], models.Base],
    encode: Callable[[str], Sequence[int]],
) -> writing.Writer:
    """Who writes: the adapted model itself, or a larger one."""
    if params.writer == "llm":
        return larger.LargerWriter(params.llm, lambda text: len(encode(text)))
    code = digest_of(writing, sampler, prompts, adapters, models)
    return writing.OwnWriter([fingerprint, code], params.sampling, open_base)


def opener(folder: Path) -> Callable[[], models.Base]:
    """A function that loads the base when it is first called; what is trained on is never what is scored on."""
    return cache(lambda: models.load_base(folder))


def digest_of(*modules: Any) -> str:
    """The code that an item's bytes depend on."""
    return code_digest(modules, LIBRARIES)


def judge(
    study: rounds.Reflection, thoughts: list[rounds.Thought], done: list[rounds.Round], base: Mapping[str, Any]
) -> Found:
    """The comparison at the last round that all replicates have read, and the tables."""
    last, params = compare.last_round(thoughts), study.params
    asked = {"prediction": ("B", "prediction"), "explanation": ("B", "explanation")}
    gains = {name: compare.gains_of(done, study.start, *what, last) for name, what in asked.items()}
    if last < 0:
        return Found(study, thoughts, done, [], told.summary(study, thoughts, done, [], [], base))
    chances = {
        name: compare.Chance.of(
            found["own", TOKENS, last].shape[1], params.replicates, params.samples, params.interval, params.seed
        )
        for name, found in gains.items()
        if found
    }
    compared = compare.comparisons(gains["prediction"], last, chances["prediction"])
    arms = told.arm_rows(done, gains, last, chances)
    curve = told.curve_rows(gains["prediction"], last, chances["prediction"])
    return Found(study, thoughts, done, curve, told.summary(study, thoughts, done, compared, arms, base))


def write_data(found: Found, out: Path) -> None:
    """Write data/reflect: all that was written, the page of the best and the worst, every round of every arm."""
    write_lines(out / "written.jsonl", told.written_rows(found.thoughts))
    (out / "written.md").write_text(told.page(found.thoughts), encoding="utf-8")
    rows = told.cell_rows(found.rounds, found.study.start)
    pd.DataFrame(rows).to_csv(out / "cells.csv", index=False, lineterminator="\n")


SENTENCES = {
    compare.BEAT: "own thinking beat reading",
    compare.KEPT: "own thinking stands above reading, but shows no gain itself",
    compare.NOT: "own thinking did not beat reading",
    compare.UNDECIDED: "not decided whether own thinking beat reading",
}


def lines(found: Found) -> list[str]:
    """What the stage prints at its end."""
    told_of = found.summary
    counts = [row["passed"] for row in told_of["filter"]]
    total = sum(sum(row.values()) - row["round"] for row in told_of["filter"])
    said = [f"reflect: {sum(counts)} of {total} written texts passed the filter"]
    for equal, verdict in told_of["verdicts"].items():
        parts = [
            f"over {arm} {d['value']:+.4f} [{d['low']:.4f}, {d['high']:.4f}]"
            for arm, d in told_of["differences"][equal].items()
        ]
        size = f"{told_of['parameters'] / 1e6:,.1f} M parameters"
        said.append(f"reflect: at equal {equal}: {SENTENCES[verdict]}, {size}; bits per byte {', '.join(parts)}")
    if not told_of["verdicts"]:
        said.append("reflect: no round of own thinking was read by every replicate; nothing is compared")
    return said
