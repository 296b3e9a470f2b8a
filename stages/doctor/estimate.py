"""Time and disk of the chosen ladder, from what the short study took."""

from collections.abc import Sequence
from dataclasses import dataclass

from stages.doctor.ladder import Work
from stages.doctor.measure import STEPS, Measured, Run
from stages.shared.records import ShelfBook

COPIES = 3  # of what a stage makes: in the store, in DVC's cache, in the workspace; fewer where the disk shares them


@dataclass(frozen=True)
class Estimate:
    """What one stage will take from nothing."""

    stage: str
    seconds: float
    bytes: float  # of its output, once
    basis: str  # what was measured


def work_seconds(run: Run) -> float:
    """The seconds of a run that its progress lines account for."""
    return sum(seconds for _, seconds, _ in run.paces.values())


def by_count(name: str, measured: Measured, ratio: float, what: str) -> Estimate:
    """A stage whose work grows with `ratio` of what was measured, and whose start does not."""
    run = measured.runs[name]
    work = work_seconds(run)
    seconds = run.seconds - work + work * ratio
    return Estimate(name, seconds, measured.rooms.get(name, 0) * ratio, f"{work:.1f} s for {what}")


def training(measured: Measured, work: Work) -> Estimate:
    """Training: seconds a token, and what it takes before and between; an adapter's bytes each."""
    run = measured.runs["train"]
    tokens = sum(units for units, _, _ in run.paces.values())
    seconds = work_seconds(run)
    wanted = work.read * measured.tokens
    total = run.seconds - seconds + wanted * seconds / max(1.0, tokens)
    basis = f"{tokens / max(seconds, 0.01):.0f} tokens/s over {tokens:.0f} tokens; {wanted:.0f} to train on"
    return Estimate("train", total, measured.rooms["train"] * work.adapters, basis)


def scoring(measured: Measured, work: Work) -> Estimate:
    """Scoring: the base once, and each adapter as the measured one, its loading apart from its passages."""
    run = measured.runs["evaluate"]
    (_, base, first), (_, adapter, last) = sorted(run.paces.values(), key=lambda pace: pace[2])[-2:]
    loading = max(0.0, last - first - adapter)
    cell = loading + adapter / measured.share
    total = run.seconds - (last - first) - base + base / measured.share + work.adapters * cell
    size = measured.rooms["evaluate"] / 2 / measured.share * (work.adapters + 1)
    basis = f"{adapter:.1f} s and {loading:.1f} s of loading for {measured.share:.0%} of the probe; {cell:.1f} s a cell"
    return Estimate("evaluate", total, size, basis)


def estimate(measured: Measured, work: Work, shelf: Sequence[ShelfBook]) -> list[Estimate]:
    """Every stage that was measured, in the order in which they run."""
    here = [book for book in shelf if book.status == "here"]
    mean = sum(book.bytes for book in here) / max(1, len(here))
    weight = work.books * mean / max(1, sum(book.bytes for book in measured.books))
    count = work.books / max(1, measured.rows)
    found = {
        "extract": by_count("extract", measured, weight, f"{len(measured.books)} books, by their bytes"),
        "scenes": by_count("scenes", measured, count, f"{measured.rows} books"),
        "validate": by_count("validate", measured, count, f"the scenes of {measured.rows} books"),
        "train": training(measured, work),
        "evaluate": scoring(measured, work),
    }
    return [found[name] for name in STEPS if name in found]


def duration(seconds: float) -> str:
    """Seconds as people say them.

    Example: 95 -> "1.6 min", 7000 -> "1.9 h"
    """
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def table(found: Sequence[Estimate], work: Work, measured: Measured) -> list[str]:
    """The estimate in lines."""
    rungs = ", ".join(map(str, work.rungs))
    lines = [f"{work.books} books; rungs {rungs}; {work.readings} readings with {work.adapters} adapters"]
    lines += [f"{one.stage:9} {duration(one.seconds):>9} {size(one.bytes):>9}  {one.basis}" for one in found]
    seconds, room = sum(one.seconds for one in found), COPIES * sum(one.bytes for one in found)
    peak = max(run.peak for run in measured.runs.values())
    lines.append(f"{'together':9} {duration(seconds):>9} {size(room):>9}  in store, cache and workspace")
    return [*lines, f"memory    {size(peak):>9} at the peak of the measurement"]


def size(count: float) -> str:
    """Bytes as people say them."""
    return f"{count / 10**9:.1f} GB" if count >= 10**9 else f"{count / 10**6:.1f} MB"
