"""Synthetic studies through the same files and code as real ones: how often is the verdict wrong?"""

import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from stages.saturation.analysis import Analysis, analyse
from stages.saturation.proof.synthetic import Study, items_table
from stages.saturation.proof.truths import CLASSES, EPSILON, GAIN, SHAPES, Curve, draw_curve
from stages.saturation.settings import Saturation
from stages.saturation.verdict import Bound

LADDERS = {  # rungs that may decide -> the ladder; its top is the whole shelf
    4: (10, 100, 500, 1000, 2000),
    6: (10, 20, 50, 200, 500, 1000, 2000),
    8: (10, 20, 50, 100, 200, 400, 700, 1000, 2000),
}
SETTINGS = Saturation(
    epsilon=EPSILON, score="prediction", order="tiered", arm="real", interval=0.9, samples=1000, seed=1,
    min_probe_books=8, min_probe_authors=8,
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What the instrument said about one synthetic study, beside its truth.

    `gain`, `understood`, `step`: whether the 90 % interval of the gain at one rung, of U there, and of the last
    doubling held the truth (None where there was no interval); `star` is the verdict's N*, `true_star` the truth's.
    """

    shape: str
    known: bool
    draws: int
    rungs: int
    last: float
    settles: bool
    verdict: str
    gain: bool | None
    understood: bool | None
    step: bool | None
    star: float | None
    true_star: float


@dataclass(frozen=True)
class Job:
    """One synthetic study to run: its number in a seeded series, its shape and class, and its size.

    `draws` 0 lets chance choose 2, 3 or 5; `rungs` is a key of LADDERS.
    """

    seed: int
    number: int
    shape: str
    kind: int
    draws: int = 0
    rungs: int = 8


def draw_study(curve: Curve, job: Job, rng: np.random.Generator) -> Study:
    """A study of `curve` with noise of the sizes that trials of real readings had, and larger."""
    ladder = LADDERS[job.rungs]
    return Study(
        curve.truth, ladder, ladder[-1], draws=job.draws or int(rng.choice([2, 3, 5])), inits=int(rng.choice([1, 2])),
        probe_books=int(rng.choice([12, 24, 40])), draw=float(rng.choice([0.0005, 0.001, 0.002])),
        correlation=float(rng.uniform(0.3, 0.9)), init=0.0005, books=float(rng.uniform(0.1, 0.4)),
        mixed=float(rng.choice([0.0, 0.001, 0.003])), item=float(rng.choice([0.001, 0.003])),
    )  # fmt: skip


def run_study(study: Study, rng: np.random.Generator, folder: Path, settings: Saturation = SETTINGS) -> Analysis:
    """Write the study's items table, read it back as the stage does, and judge it."""
    path = folder / "items.parquet"
    items_table(study, rng).to_parquet(path)
    return analyse(pd.read_parquet(path), settings, study.language)


def holds(one: Bound | None, truth: float) -> bool | None:
    """Whether an interval holds the truth."""
    return None if one is None else bool(one.low <= truth <= one.high)


def outcome(curve: Curve, study: Study, analysis: Analysis, rng: np.random.Generator) -> Outcome:
    """Compare the analysis with the truth, at one rung chosen by chance."""
    primary, verdict = analysis.primary, analysis.verdicts[0]
    place = int(rng.integers(1, int(primary.cube.used.sum())))
    truth = float(curve.truth(np.array([study.rungs[place]]))[0])
    understood = primary.understanding[place] if primary.understanding else None
    return Outcome(
        curve.shape, curve.known, study.draws, int(primary.cube.used.sum()), curve.last, curve.settles, verdict.kind,
        holds(primary.bounds[place], truth), holds(understood, 100 * truth / GAIN), holds(verdict.last, curve.last),
        verdict.n_star, curve.star(),
    )  # fmt: skip


def jobs(count: int, seed: int) -> list[Job]:
    """`count` studies, shapes and classes of truths in turn."""
    turns = [(shape, kind) for kind in range(len(CLASSES)) for shape in SHAPES]
    return [Job(seed, number, *turns[number % len(turns)]) for number in range(count)]


def run_job(job: Job) -> Outcome | None:
    """Run one study; None where its shape has no truth of its class."""
    rng = np.random.default_rng([job.seed, job.number])
    curve = draw_curve(job.shape, job.kind, rng)
    if curve is None:
        return None
    study = draw_study(curve, job, rng)
    settings = SETTINGS.model_copy(update={"seed": job.number})
    with tempfile.TemporaryDirectory() as folder:
        return outcome(curve, study, run_study(study, rng, Path(folder), settings), rng)


def recover(work: Sequence[Job], tell: Callable[[], None], workers: int = 0) -> list[Outcome]:
    """Run studies on `workers` processes (0: one a core), calling `tell` after each; results in order of `work`."""
    found = []
    with ProcessPoolExecutor(workers or os.cpu_count() or 1) as pool:
        for one in pool.map(run_job, work, chunksize=4):
            found.append(one)
            tell()
    return [one for one in found if one is not None]
