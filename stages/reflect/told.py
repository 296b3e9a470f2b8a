"""What the stage leaves: tables, the summary for the report, and what was written, the best and the worst."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from stages.reflect import cells, rules
from stages.reflect.compare import Chance, Comparison, Gains
from stages.reflect.rounds import Reflection, Round, Thought, facts_of
from stages.reflect.sieve import Judged
from stages.reflect.tables import COLUMNS, CURVE

SHOWN = 10  # best and worst texts
LONGEST = 400  # characters of one that the report shows


def written_rows(thoughts: Sequence[Thought]) -> list[dict[str, Any]]:
    """Every text that was written, with the prompt it answers and what became of it."""
    return [
        {
            "name": one.name,
            "replicate": replicate,
            "round": number,
            **{name: getattr(one.written.prompt, name) for name in ("kind", "language", "scenes")},
            **{name: getattr(one.written, name) for name in ("text", "again", "tokens", "ran")},
            **{name: getattr(one, name) for name in ("reason", "linkage", "agreement")},
            "prompt": one.written.prompt.text,
        }
        for replicate, thought in enumerate(thoughts)
        for number, one in thought.judged
    ]


def ranked(judged: Sequence[Judged]) -> list[Judged]:
    """Texts from the best to the worst: those that passed by linkage and agreement, then those that the base has read,
    then those that failed before, the more of a loop the further back."""

    def place(one: Judged) -> tuple[bool, bool, float, float]:
        scored = not math.isnan(one.linkage)
        return (
            bool(one.reason),
            not scored,
            -(one.linkage + one.agreement) if scored else 0.0,
            -rules.squeezed(one.written.text),
        )

    return sorted(judged, key=lambda one: (*place(one), one.name))


def best_and_worst(thoughts: Sequence[Thought]) -> tuple[list[Judged], list[Judged]]:
    """The ten best of those that passed, and the ten worst of all, the worst first."""
    found = ranked([one for thought in thoughts for _, one in thought.judged])
    passed = [one for one in found if not one.reason]
    return passed[:SHOWN], [one for one in found[::-1] if one not in passed[:SHOWN]][:SHOWN]


def excerpts(judged: Sequence[Judged]) -> list[dict[str, Any]]:
    """Texts as the report shows them, in git: none that repeats what was read, and none longer than LONGEST signs."""
    return [
        {
            "kind": one.written.prompt.kind,
            "language": one.written.prompt.language,
            "reason": one.reason.partition(":")[0],
            "linkage": None if math.isnan(one.linkage) else one.linkage,
            "agreement": None if math.isnan(one.agreement) else one.agreement,
            "text": one.written.text[:LONGEST],
        }
        for one in judged
    ]


def shown_in_git(thoughts: Sequence[Thought], study: Reflection) -> tuple[list[Judged], list[Judged]]:
    """The best and worst ten of the texts that share no run of words with what was read, whatever else they fail."""
    clean = [
        Thought(
            one.rounds,
            tuple(
                (number, each)
                for number, each in one.judged
                if not rules.copied_share(each.written.text, study.sieve.read)
            ),
            one.stopped,
        )
        for one in thoughts
    ]
    return best_and_worst(clean)


def page(thoughts: Sequence[Thought]) -> str:
    """The best and the worst ten in Markdown, whole, with the question each answers and why it failed."""
    parts = ["# What was written", ""]
    for head, judged in zip(("The ten best", "The ten worst, the worst first"), best_and_worst(thoughts), strict=True):
        parts += [f"## {head}", ""]
        for one in judged:
            scores = "" if math.isnan(one.linkage) else f"; linkage {one.linkage:.3f}, agreement {one.agreement:.3f}"
            fate = one.reason or "passed"
            parts += [f"**{one.name}, {one.written.prompt.name}** ({fate}{scores})", ""]
            parts += [*(f"> {line}".rstrip() for line in one.written.text.split("\n")), ""]
    return "\n".join(parts)


def cell_rows(rounds: Sequence[Round], start: cells.Cell) -> list[dict[str, Any]]:
    """A row for every round of every arm and replicate: what it read and its mean gains over the saturated adapter."""
    asked = {"prediction": ("B", "prediction"), "explanation": ("B", "explanation"), "probe_a": ("A", "prediction"),
             "control": ("", "control")}  # fmt: skip
    return [
        facts_of(one)
        | {name: round(cells.mean(cells.gains(one.cell, start, *what)), 5) for name, what in asked.items()}
        for one in rounds
    ]


def curve_rows(gains: Gains, last: int, chance: Chance) -> list[dict[str, float]]:
    """A row for every number of rounds: the prediction gain of every arm with its interval; all begin at 0."""
    rows: list[dict[str, float]] = [dict.fromkeys(COLUMNS, 0.0)]
    for number in range(last + 1):
        row: dict[str, float] = {"rounds": number + 1}
        for arm, equal in CURVE:
            if (arm, equal, number) in gains:
                found = chance.interval(gains[arm, equal, number])
                name = f"{arm}_{equal}"
                row |= {
                    name: round(found.value, 5),
                    f"{name}_low": round(found.low, 5),
                    f"{name}_high": round(found.high, 5),
                }
        rows.append(row)
    return rows


def filter_counts(thoughts: Sequence[Thought]) -> list[dict[str, int]]:
    """How many texts of each round passed and how many each rule refused, over all replicates."""
    last = max((number for one in thoughts for number, _ in one.judged), default=-1)
    return [
        {"round": number}
        | rules.counted(one.reason for thought in thoughts for at, one in thought.judged if at == number)
        for number in range(last + 1)
    ]


def stop_row(replicate: int, one: Thought) -> dict[str, Any]:
    """Where and why the guard stopped a replicate."""
    stop = one.stopped
    facts = {"kind": stop.kind, "value": round(stop.value, 4), "limit": stop.limit} if stop else {}
    return {"replicate": replicate, "round": max(number for number, _ in one.judged), **facts}


def rounded(interval: Any) -> dict[str, float]:
    """An interval as the summary has it."""
    return {name: round(value, 5) for name, value in asdict(interval).items()}


def arm_rows(
    rounds: Sequence[Round], gains: dict[str, Gains], last: int, chances: dict[str, Chance]
) -> list[dict[str, Any]]:
    """The arms side by side at the last common round: tokens, passes, and the gain of each score with its interval."""
    rows = []
    for arm, equal in CURVE:
        mine = [one for one in rounds if (one.arm, one.equal) == (arm, equal) and one.round <= last]
        if mine:
            count = len({one.replicate for one in mine})
            row: dict[str, Any] = {"arm": arm, "equal": equal, "tokens": round(sum(one.tokens for one in mine) / count)}
            row |= {
                "own": round(sum(one.own for one in mine) / count),
                "ran": round(sum(one.ran for one in mine) / count),
            }
            row["passes"] = round(max(one.passes for one in mine), 2)
            row |= {
                name: rounded(chances[name].interval(found[arm, equal, last])) for name, found in gains.items() if found
            }
            rows.append(row)
    return rows


def summary(
    study: Reflection, thoughts: Sequence[Thought], rounds: Sequence[Round], compared: Sequence[Comparison],
    arms: Sequence[Mapping[str, Any]], base: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """metrics/reflect.json: what the report tells."""
    params, (best, worst) = study.params, shown_in_git(thoughts, study)
    replayed = [study.sieve.replay_reason(one) for one in study.material.read]
    return {
        "run": True,
        "reading": study.material.facts["reading"],
        "rung": study.material.facts["rung"],
        "model": base["model"],
        "parameters": base["parameters"],
        "writer": study.writer.label,
        "replicates": params.replicates,
        "rounds": len({one.round for one in rounds if one.arm == "own"}),
        "compared": min((len(one.rounds) for one in thoughts), default=0),
        "tokens": params.tokens,
        "interval": params.interval,
        "stopped": [stop_row(replicate, one) for replicate, one in enumerate(thoughts) if one.stopped],
        "verdicts": {one.equal: one.verdict for one in compared},
        "differences": {one.equal: {arm: rounded(found) for arm, found in one.differences.items()} for one in compared},
        "arms": list(arms),
        "filter": filter_counts(thoughts),
        "replay": rules.counted(replayed),
        "copied": params.filter.copied,
        "best": excerpts(best),
        "worst": excerpts(worst),
    }
