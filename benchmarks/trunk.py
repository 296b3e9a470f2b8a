"""Trunk: one reading with a cool-down at each of nine rungs, beside nine readings from nothing.

Reads   data/base/, data/tiers/, data/probe/, params.yaml (train)
Writes  benchmarks/results.json (rows "trunk: ...")
Run     python -m benchmarks.trunk [--short] [--books N] [--rungs N] [--passages N]
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import material, parts
from benchmarks.parts import Answer, Part
from benchmarks.rows import Figure
from stages.shared.errors import run

ME = "benchmarks.trunk"
PEER = "a restart at every rung"


def ladder(books: int, rungs: int) -> list[int]:
    """Up to `rungs` numbers of books from 2 to `books`, about evenly spaced in doublings.

    Example: books 16, rungs 4 -> [2, 4, 8, 16]
    """
    found: list[int] = []
    for index in range(rungs):
        value = round(2 * (books / 2) ** (index / max(1, rungs - 1)))
        found.append(max(value, found[-1] + 1 if found else 1))
    return [value for value in found if value <= books]


def trunk(init: int, rungs: list[int], folder: str) -> Answer:
    """Walk the trunk once and leave it at every rung for its cool-down; the adapters go into `folder`."""
    from stages.shared import models
    from stages.shared.trunk import Trunk

    found, tokens = material.plan(rungs), 0
    trained = Trunk(models.load_base(material.BASE), material.recipe("auto"), init)
    begin = time.perf_counter()
    for rung in found.rungs:
        kept = Path(folder, f"trunk-{rung.books}")
        kept.mkdir(parents=True)
        tokens += walk(trained, found.steps[trained.done : rung.branch], cooling=False)
        trained.save(kept)
        tokens += walk(trained, rung.cooling, cooling=True)
        trained.model.save_pretrained(f"{folder}/{rung.books}")
        trained.load(kept)
    return {"seconds": time.perf_counter() - begin, "tokens": tokens}


def restarts(init: int, rungs: list[int], folder: str) -> Answer:
    """Read up to every rung from nothing, each reading planned for itself."""
    from stages.shared import models
    from stages.shared.trunk import Trunk

    base, seconds, tokens = models.load_base(material.BASE), 0.0, 0
    for books in rungs:
        found = material.plan([books])
        rung = found.rungs[0]
        begin = time.perf_counter()
        trained = Trunk(base, material.recipe("auto"), init)
        tokens += walk(trained, found.steps[: rung.branch], cooling=False)
        tokens += walk(trained, rung.cooling, cooling=True)
        trained.model.save_pretrained(f"{folder}/{books}")
        trained.release()
        seconds += time.perf_counter() - begin
    return {"seconds": seconds, "tokens": tokens}


def walk(trained: Any, steps: Sequence[Any], cooling: bool) -> int:
    """Take steps at the trunk's rate or at a falling one; returns their text tokens."""
    for index, step in enumerate(steps):
        left = len(steps) - index if cooling else None
        trained.take(step, trained.rate(trained.done, left, len(steps)))
    return material.tokens_of(steps)


def bits(folders: list[str | None], passages: int) -> Answer:
    """Bits per byte of the probe's passages under each adapter."""
    return {"bits": material.bits_per_byte(folders, passages)}


PARTS: dict[str, Part] = {"trunk": trunk, "restarts": restarts, "bits": bits}


def measure(asked: argparse.Namespace) -> list[Figure]:
    """Measure what a curve costs with one trunk and with restarts, and whether both draw the same curve."""
    material.need(material.TIERS / "readings.csv", "tiers")
    material.passages(1)
    rungs = ladder(max(3, asked.books), asked.rungs)
    with tempfile.TemporaryDirectory() as kept:
        one = parts.run(ME, "trunk", init=0, rungs=rungs, folder=f"{kept}/one")
        many = parts.run(ME, "restarts", init=0, rungs=rungs, folder=f"{kept}/many")
        parts.run(ME, "trunk", init=1, rungs=rungs, folder=f"{kept}/other")
        parts.run(ME, "restarts", init=1, rungs=rungs, folder=f"{kept}/others")
        curves = {name: curve(f"{kept}/{name}", rungs, asked.passages) for name in ("one", "many", "other", "others")}
    return [*cost(one, many, rungs), *agreement(curves, rungs)]


def curve(folder: str, rungs: Sequence[int], passages: int) -> list[float]:
    """Gain over the base at each rung, bits per byte."""
    folders = [None, *(f"{folder}/{books}" for books in rungs)]
    base, *others = parts.run(ME, "bits", folders=folders, passages=passages)["bits"]
    return [base - other for other in others]


def cost(one: Answer, many: Answer, rungs: Sequence[int]) -> list[Figure]:
    """Tokens and seconds of restarts over those of a trunk, and memory of both."""
    name = f"trunk: {len(rungs)} rungs up to {rungs[-1]} books"
    return [
        Figure(f"{name}, their tokens over ours", many["tokens"] / one["tokens"], "times", peer=PEER),
        Figure(f"{name}, their seconds over ours", many["seconds"] / one["seconds"], "times", peer=PEER),
        Figure(f"{name}, seconds", one["seconds"], "s"),
        Figure(f"{name}, seconds", many["seconds"], "s", peer=PEER),
        Figure("trunk: peak memory", one["peak"], "MB"),
        Figure("trunk: peak memory", many["peak"], "MB", peer=PEER),
    ]


def agreement(curves: dict[str, list[float]], rungs: Sequence[int]) -> list[Figure]:
    """How far the two curves lie apart, beside how far two inits of the same kind do."""
    one, many = widest(curves["one"], curves["many"]), widest(curves["other"], curves["others"])
    trunks, alone = widest(curves["one"], curves["other"]), widest(curves["many"], curves["others"])
    return [
        Figure("trunk: gain at the top rung", curves["one"][-1], "bits/byte"),
        Figure("trunk: gain at the top rung", curves["many"][-1], "bits/byte", peer=PEER),
        Figure("trunk: largest difference of the curves, init 0", one, "bits/byte", peer=PEER),
        Figure("trunk: largest difference of the curves, init 1", many, "bits/byte", peer=PEER),
        Figure("trunk: largest difference of two inits", trunks, "bits/byte"),
        Figure("trunk: largest difference of two inits", alone, "bits/byte", peer=PEER),
    ]


def widest(one: Sequence[float], other: Sequence[float]) -> float:
    """The largest distance of two curves."""
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


if __name__ == "__main__":
    run(lambda: parts.script(PARTS, measure, books=24, rungs=9, passages=12))
