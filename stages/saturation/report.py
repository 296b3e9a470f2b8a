"""The report for a reader who is no statistician: what was read, what moved, what is decided, what is not."""

import numpy as np

from stages.saturation.analysis import UNDERSTOOD, Analysis, Scored
from stages.saturation.findings import Findings
from stages.saturation.phrases import Speaker
from stages.saturation.report_attribution import familiar_part, order_part
from stages.saturation.report_findings import corpus_part, hidden_part, phase_part, poll_part, table
from stages.saturation.report_flashes import Flashes, flash_part
from stages.saturation.report_groups import group_part, memory_part
from stages.saturation.report_overturns import overturn_part
from stages.saturation.report_reflect import Told, reflect_part
from stages.saturation.trained import FEW_STEPS
from stages.saturation.words import between, remedies, sign, verdict_sentence
from stages.shared.accounts import Fates
from stages.shared.hypothesis import BOOKS, HIGH, LOW
from stages.shared.measures import MEASURES

SHOWN = ("prediction", "explanation", "order", "chain", "chain_base", "kl", "js", "flips", "forgetting")


def report(
    analysis: Analysis,
    fates: Fates,
    findings: Findings,
    say: Speaker,
    flashes: Flashes | None = None,
    reflection: Told | None = None,
) -> str:
    """The whole report in Markdown, in the speaker's language.

    `flashes` is None where no reading was examined for them, `reflection` where no adapter went on by own thinking.
    """
    parts = [
        [f"# {say('title')}", "", f"> {verdict_sentence(analysis, say)}", ""],
        decide_part(analysis, say),
        plan_part(analysis, say),
        read_part(analysis, fates, say),
        trained_part(analysis, findings, say),
        moved_part(analysis, say),
        control_part(analysis, say),
        order_part(analysis, say),
        familiar_part(analysis, findings.breakdown, say),
        group_part(analysis, findings.breakdown, say),
        phase_part(analysis, findings, say),
        threshold_part(analysis, say),
        hidden_part(findings, say),
        poll_part(findings, say),
        overturn_part(findings.overturns, say),
        flash_part(flashes, say),
        reflect_part(reflection, say),
        corpus_part(analysis, findings, say),
        noise_part(analysis, say),
        memory_part(findings.breakdown, fates, say),
        unmeasured_part(analysis, findings, say, flashes, reflection),
    ]
    return say.write("\n".join(line for part in parts for line in part).rstrip() + "\n")


def decide_part(analysis: Analysis, say: Speaker) -> list[str]:
    """What would decide it."""
    found = remedies(analysis, say)
    if not found:
        return []
    return [say("decide head"), "", *(f"- {line};" for line in found[:-1]), f"- {found[-1]}.", ""]


def plan_part(analysis: Analysis, say: Speaker) -> list[str]:
    """The plan of a study: its commit and every departure."""
    plan = analysis.settings.plan
    if plan is None:
        return []
    text = say("plan text", study=plan.study, commit=plan.commit, date=plan.date)
    if not plan.departures:
        return [f"## {say('plan head')}", "", f"{text} {say('plan kept')}", ""]
    told = [f"- {line}" for line in plan.departures]
    return [f"## {say('plan head')}", "", f"{text} {say('plan left', count=len(told))}", "", *told, ""]


def read_part(analysis: Analysis, fates: Fates, say: Speaker) -> list[str]:
    """Books used, held out, missing, rejected."""
    cube = analysis.primary.cube
    counts = {status: f"{fates.count(status):,}" for status in ("used", "probe", "missing", "rejected")}
    sizes = {"top": f"{cube.rungs[-1]:,}", "draws": len(cube.draws), "inits": len(cube.inits)}
    lines = [f"## {say('read head')}", "", say("read text", order=cube.order, **sizes, **counts), ""]
    if reasons := fates.reasons("rejected"):
        rows = [[str(count), reason] for reason, count in reasons]
        lines += table([say("rejected books"), say("reason")], rows)
    return lines


def trained_part(analysis: Analysis, findings: Findings, say: Speaker) -> list[str]:
    """Optimiser steps and tokens at each rung, and a warning where the first are few."""
    found = {rung: one for rung, one in findings.trained.items() if rung in analysis.primary.cube.rungs}
    if not found:
        return []
    rows = [[f"{rung:,}", f"{one.steps:,.0f}", f"{one.tokens:,.0f}"] for rung, one in found.items()]
    lines = table([say(key) for key in ("books", "steps", "tokens")], rows)
    few = [rung for rung, one in found.items() if one.steps < FEW_STEPS]
    return [*lines, say("few steps", rungs=", ".join(map(str, few)), least=FEW_STEPS), ""] if few else lines


def moved_part(analysis: Analysis, say: Speaker) -> list[str]:
    """Each score at each rung."""
    share, books = f"{analysis.settings.interval:.0%}", len(analysis.primary.cube.books)
    lines = [
        f"## {say('moved head')}",
        "",
        say("moved text", books=books, half=analysis.settings.half, language=analysis.language, share=share),
    ]
    lines += ["", "![](curve.svg)", "", "![](divergence.svg)", ""]
    for measure in SHOWN:
        if scored := analysis.get(measure):
            lines += [f"**{say(measure)}**, {say(MEASURES[measure].unit)}", "", *score_table(scored, say)]
    return lines


def score_table(scored: Scored, say: Speaker) -> list[str]:
    """One score: rungs, gains, understanding, and which rungs may decide."""
    cube, points = scored.cube, scored.understanding
    understood, rows = cube.measure in UNDERSTOOD, []
    for place, books in enumerate(cube.rungs):
        gain = scored.bounds[place]
        row = [f"{books:,}", between(gain), say(sign(gain))]
        if understood:
            mark = "yes" if cube.used[place] else "above half" if cube.shelf else "shelf unknown"
            row += [between(points[place], 0) if points else say("undefined"), say(mark)]
        rows.append(row)
    name = "gain" if understood or cube.measure in ("order", "chain_base") else "value"
    return table(
        [say(key) for key in ("books", name, "sign", *(("understanding", "may decide") if understood else ()))], rows
    )


def control_part(analysis: Analysis, say: Speaker) -> list[str]:
    """Which controls are beaten."""
    head = [f"## {say('controls head')}", ""]
    if not analysis.contrasts:
        return [*head, say("controls none"), ""]
    rows = [
        [say(one.measure), one.control.replace("_", " "), f"{one.rung:,}", between(one.difference),
         say("beaten" if one.beats else "not beaten")]
        for one in analysis.contrasts
    ]  # fmt: skip
    names = [say(key) for key in ("score", "control", "books", "difference", "verdict")]
    lines = [*head, say("controls text"), "", *table(names, rows)]
    if any(one.control.endswith("_books") for one in analysis.contrasts):
        lines += [say("breadth text"), ""]
    if any(scored.borrowed for scored in analysis.scored.values()):
        lines += [say("borrowed"), ""]
    return lines


def threshold_part(analysis: Analysis, say: Speaker) -> list[str]:
    """The verdict for half and double epsilon, and the families behind it."""
    first = analysis.verdicts[0]
    rows = [
        [f"{one.epsilon:g}", say(one.kind), f"{one.n_star:,.0f}" if one.n_star else "-"] for one in analysis.verdicts
    ]
    lines = [f"## {say('thresholds head')}", "", *table([say("epsilon"), say("verdict"), "N*"], rows)]
    if first.curves:
        pairs = sorted(zip(first.curves.weights, first.curves.fits, strict=True), key=lambda pair: -pair[0])
        found = [
            [fit.name, str(fit.parameters), f"{fit.misfit:.1f}", f"{fit.aicc:.1f}", f"{weight:.2f}"]
            for weight, fit in pairs
        ]
        names = [*(say(key) for key in ("family", "parameters", "misfit")), "AICc", say("weight")]
        lines += [say("families text", names=", ".join(first.curves.tied)), "", *table(names, found)]
    return lines


def noise_part(analysis: Analysis, say: Speaker) -> list[str]:
    """The components of the noise of the primary score."""
    noise, cube = analysis.primary.noise, analysis.primary.cube
    books, freedom = len(cube.books), noise.posterior.freedom
    rows = [
        [say("another draw"), spread(noise.draw, say), say("draws freedom", draws=len(cube.draws), freedom=freedom)],
        [say("another init"), spread(noise.init, say), say("inits", inits=len(cube.inits))],
        [say("another book"), spread(noise.books, say), say("probe size", books=books, authors=analysis.authors)],
    ]
    text = say("noise text", score=say(cube.measure), unit=say(MEASURES[cube.measure].unit))
    names = [say(key) for key in ("what differs", "spread", "measured on")]
    lines = [f"## {say('noise head')}", "", text, "", *table(names, rows)]
    if noise.posterior.freedom:
        lines += [say("correlation text", value=f"{noise.posterior.correlation:.2f}"), ""]
    notes = {
        "overlap note": noise.pooled_above_half,
        "one draw note": not noise.posterior.freedom,
        "one init note": len(cube.inits) == 1,
    }
    return lines + [line for key, true in notes.items() if true for line in (say(key), "")]


def spread(value: float, say: Speaker) -> str:
    """A standard deviation, or that it was not measured."""
    return f"{value:.5f}" if np.isfinite(value) else say("not measured")


def unmeasured_part(
    analysis: Analysis, findings: Findings, say: Speaker, flashes: Flashes | None, reflection: Told | None
) -> list[str]:
    """What this report does not know."""
    missing = [say(name) for name in SHOWN if analysis.get(name) is None]
    lines = [say("no rows", names=", ".join(missing))] if missing else []
    memory = [] if findings.breakdown.memory.measured else [say("no memory")]
    plan = [] if analysis.settings.plan else [say("no plan")]
    turned = [] if findings.overturns else [say("no overturns")]
    beyond = [say(key) for key, found in (("no flashes", flashes), ("no thinking", reflection)) if not found]
    lines += [*turned, *beyond, *memory, *plan]
    top = analysis.primary.cube.rungs[-1]
    if top < BOOKS[-1]:
        lines.append(say("no further", books=f"{top:,}", low=LOW[-1], high=HIGH[-1], end=f"{BOOKS[-1]:,}"))
    return [f"## {say('unmeasured head')}", "", *(f"- {line}" for line in lines), ""]
