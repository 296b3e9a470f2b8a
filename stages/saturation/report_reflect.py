"""The report's chapter on own thinking beside reading, from metrics/reflect.json; nothing where it was not run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.saturation.phrases import Speaker
from stages.saturation.report_findings import table

Told = Mapping[str, Any]
KINDS = ("empty", "short", "degenerate", "copy", "linkage", "agreement")  # of refusal


def read_reflection(path: Path) -> Told | None:
    """What the stage `reflect` has found; None where it was not run."""
    if not path.exists():
        return None
    found: Told = json.loads(path.read_text(encoding="utf-8"))
    return found if found["run"] else None


def reflect_part(found: Told | None, say: Speaker) -> list[str]:
    """Own thinking, the next books and replay side by side, the verdict, what was refused, and what was written."""
    if found is None:
        return []
    writer = say("reflect own") if found["writer"] == "own" else say("reflect other", model=found["writer"])
    sizes = {name: found[name] for name in ("rung", "reading", "replicates", "compared", "rounds")}
    lines = [f"## {say('reflect head')}", "", say("reflect text", writer=writer, **sizes), ""]
    lines += [*verdicts(found, say), "![](reflect.svg)", "", *arms(found, say), *differences(found, say)]
    return [*lines, *accounts(found, say), *texts(found, say)]


def verdicts(found: Told, say: Speaker) -> list[str]:
    """A sentence for what was equal, in bold: whether own thinking beat reading, at which size of the model."""
    size = f"{found['parameters'] / 1e6:,.1f}"
    lines = [
        f"**{say(f'reflect {verdict}', equal=say(f'reflect equal {equal}'), size=size)}**"
        for equal, verdict in found["verdicts"].items()
    ] or [f"**{say('reflect nothing', size=size)}**"]
    if "compute" not in found["verdicts"] and found["verdicts"]:
        lines.append(say("reflect no compute"))
    own = next((row for row in found["arms"] if row["arm"] == "own"), None)
    if own and own["prediction"]["low"] <= 0:
        lines.append(say("reflect no gain"))
    return [line for one in lines for line in (one, "")]


def arms(found: Told, say: Speaker) -> list[str]:
    """The arms side by side."""
    rows = [
        [
            *(say(f"reflect arm {row['arm']}"), say(f"reflect by {row['equal']}")),
            *(f"{row[name]:,}" for name in ("tokens", "own", "ran")),
            f"{row['passes']:g}",
            *(cell(row.get(score)) for score in ("prediction", "explanation")),
        ]
        for row in found["arms"]
    ]
    keys = ("arm", "equal", "tokens", "written", "forward", "passes")
    names = [*(say(f"reflect {key}") for key in keys), say("prediction"), say("explanation")]
    return table(names, rows) if rows else []


def cell(one: Told | None) -> str:
    """An interval of the summary as a cell of a table."""
    return f"{one['value']:.4f} [{one['low']:.4f}, {one['high']:.4f}]" if one else "-"


def differences(found: Told, say: Speaker) -> list[str]:
    """Own thinking less each way to read."""
    rows = [
        [say("reflect less", arm=say(f"reflect arm {arm}")), say(f"reflect by {equal}"), cell(one)]
        for equal, row in found["differences"].items()
        for arm, one in row.items()
    ]
    names = [say("difference"), say("reflect equal"), say("reflect bits", interval=f"{found['interval']:.0%}")]
    return table(names, rows) if rows else []


def accounts(found: Told, say: Speaker) -> list[str]:
    """What the filter refused of what was written and of what was replayed, and what the guard stopped."""
    written = {kind: sum(row[kind] for row in found["filter"]) for kind in ("passed", *KINDS)}
    refused = ", ".join(f"{say(f'reflect refused {kind}')} {written[kind]:,}" for kind in KINDS if written[kind])
    counts = {"total": f"{sum(written.values()):,}", "passed": f"{written['passed']:,}", "refused": refused or "-"}
    replay = {"replayed": found["replay"]["passed"], "read": sum(found["replay"].values())}
    lines = [say("reflect filter", **counts, **replay)]
    if not found["stopped"]:
        return [*lines, "", say("reflect on"), ""]
    return [*lines, "", *(f"- {stop(one, say)}" for one in found["stopped"]), ""]


def stop(one: Told, say: Speaker) -> str:
    """Where and why the guard stopped a replicate."""
    why = say(f"reflect stop {one['kind']}", value=f"{one['value']:g}", limit=f"{one['limit']:g}")
    return say("reflect stopped", replicate=one["replicate"], round=one["round"], why=why)


def texts(found: Told, say: Speaker) -> list[str]:
    """The best and the worst of what was written, as far as it is the writer's own words."""
    lines = [say("reflect shown", copied=found["copied"]), ""]
    for head in ("best", "worst"):
        if found[head]:
            lines += [f"### {say(f'reflect {head}')}", "", *(shown(one, say) for one in found[head]), ""]
    return lines


def shown(one: Told, say: Speaker) -> str:
    """A written text as an item of a list: what it answers, what became of it, and its words on one line."""
    fate = say(f"reflect refused {one['reason']}") if one["reason"] else say("reflect passed")
    numbers = [f"{one[key]:.3f}" for key in ("linkage", "agreement") if one[key] is not None]
    words = plain(one["text"])
    return f"- *{say('reflect kind ' + one['kind'])} {', '.join([fate, *numbers])}* — {words}"


def plain(text: str) -> str:
    """A text on one line, with nothing that Markdown or a terminal would take for its own."""
    words = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>#|~$" else sign for sign in words)
