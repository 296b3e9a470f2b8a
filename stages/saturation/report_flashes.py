"""The report's chapter on flashes, from what the stage `flashes` wrote."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.saturation.phrases import Speaker
from stages.saturation.report_findings import table
from stages.saturation.tables import read_rows


@dataclass(frozen=True)
class Flashes:
    """A run of the stage: its facts, and a row for each tested book."""

    facts: Mapping[str, Any]
    rows: Sequence[Mapping[str, str]]


def read_flashes(metrics: Path) -> Flashes | None:
    """What metrics/flashes.json and metrics/flashes.csv say; None where no reading was examined."""
    path = metrics / "flashes.json"
    facts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"run": False}
    return Flashes(facts, read_rows(metrics / "flashes.csv")) if facts["run"] else None


def flash_part(found: Flashes | None, say: Speaker) -> list[str]:
    """How many flashes, which, where, what they moved, and what would not have been found."""
    if found is None:
        return []
    facts = found.facts
    sizes = {name: f"{facts[name]:,}" for name in ("books_read", "books_past", "passed_filter", "tested", "pairs")}
    text = say("flashes text", reading=facts["reading"], spreads=facts["spreads"], fdr=f"{facts['fdr']:.0%}", **sizes)
    keys = ("book", "status", "q", "moved", "effect", "lasting", "place")
    lines = [f"## {say('flashes head')}", "", text, "", "![](flashes.svg)", ""]
    lines += table([say(f"flashes {key}") for key in keys], [row_of(row, say) for row in found.rows])
    return [*lines, ending(facts, say), ""]


def row_of(row: Mapping[str, str], say: Speaker) -> list[str]:
    """One tested book."""
    effect = f"{row['moved_effect']} [{row['moved_low']}, {row['moved_high']}]"
    moved = row["moved_title"] or row["moved"]
    status = say(f"flashes {row['status']}")
    return [cell(f"{row['title']}, {row['author']}"), status, row["q"], cell(moved), effect, row["lasting"] or "-",
            cell(row["place"])]  # fmt: skip


def cell(text: str) -> str:
    """A text that breaks no table."""
    return " ".join(text.replace("|", "/").split())


def ending(facts: Mapping[str, Any], say: Speaker) -> str:
    """The result in a sentence, with the smallest effect that would have been found."""
    found = say("flashes found", count=facts["flashes"], faded=facts["faded"])
    told = found if facts["flashes"] or facts["faded"] else say("flashes no flash")
    least = facts["found_80"]
    power = say("flashes blind") if least is None else say("flashes power", least=least, p=facts["least_p"])
    return f"{told} {power}"
