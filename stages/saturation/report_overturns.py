"""The report's chapter on overturns."""

import math
from collections.abc import Sequence

from stages.saturation.overturns import LEVEL, Overturns, Place
from stages.saturation.phrases import Speaker
from stages.saturation.report_findings import table


def overturn_part(found: Overturns | None, say: Speaker) -> list[str]:
    """How many overturns, where, and what nearly was one; nothing where no trunk was followed."""
    if found is None:
        return []
    sizes = {"last": f"{found.books[-1]:,}", "step": found.books[1], "inits": found.inits, "nulls": found.nulls}
    lines = [f"## {say('overturns head')}", "", say("overturns text", reading=found.reading, level=LEVEL, **sizes), ""]
    lines += ["![](overturns.svg)", ""]
    rows = [
        [
            str(one.init),
            f"{found.books[one.first]:,}-{found.books[one.last]:,}",
            f"{one.stands_out:.2f}",
            "-" if math.isnan(one.correlation) else f"{one.correlation:.2f}",
            f"{one.reversal:.2f}",
            say("yes" if one.both else "no"),
        ]
        for one in found.stretches
    ]
    if rows:
        keys = ("seed", "books", "stands out", "correlation", "reversal", "both")
        lines += [*table([say(f"overturns {key}" if key != "books" else key) for key in keys], rows)]
    else:
        lines += [say("overturns nothing"), ""]
    several = say("overturns found", count=len(found.found), places=told(found.found))
    lines += [several if found.found else say("overturns none"), ""]
    if found.jumps:
        lines += [say("overturns jump", places=told(found.jumps), orders=found.nulls + 1), ""]
    named = [
        f"- {say('overturns there', first=one.start + 1, last=one.end, titles='; '.join(titles))}"
        for one in (*found.found, *found.jumps)
        if (titles := found.titles[one.start : one.end])
    ]
    return [*lines, *named, ""] if named else lines


def told(places: Sequence[Place]) -> str:
    """Where they are, in books."""
    return ", ".join(f"{one.start:,}-{one.end:,}" for one in places)
