"""Prove the instrument on studies whose truth is known, and on learning curves that others measured.

Reads   the package lcdb==0.1.0; with --seeds a CSV of unique_tokens_billion, seed, validation_loss_nats
Writes  metrics/prove.json, metrics/plan.csv, metrics/prove.svg
Run     python -m stages.saturation.proof            all of it, some ten minutes on 2 cores
        python -m stages.saturation.proof --short    a fixed-seed part that writes nothing; exit 1 out of its band
        python -m stages.saturation.proof --studies 480 --seed 770231    other studies, writing nothing
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from stages.saturation.proof.figure import draw_proof
from stages.saturation.proof.learners import Prediction, fetch_lcdb, predict_hidden, read_lcdb, read_seeds
from stages.saturation.proof.recovery import Job, Outcome, jobs, recover
from stages.saturation.proof.scorecard import (
    Row,
    faults,
    learner_figures,
    overturn_figures,
    plan_rows,
    recovery_figures,
)
from stages.saturation.proof.upheavals import Turned, run_upheavals
from stages.saturation.tables import write_rows
from stages.shared.errors import run
from stages.shared.progress import Progress
from stages.shared.records import write_json

METRICS = Path("metrics")
STUDIES, SHORT, CURVES, SEED = 600, 72, 600, 17
UPHEAVALS, SHORT_UPHEAVALS = 200, 16  # readings without an overturn; half as many have one
PLAN_DRAWS, PLAN_RUNGS, PLAN_STUDIES = (2, 3, 5), (4, 6, 8), 72


def run_studies(count: int, seed: int) -> list[Outcome]:
    """Synthetic studies of every shape and class of truth."""
    with Progress("studies", count, "run") as progress:
        return recover(jobs(count, seed), progress.step)


def run_turns(count: int, seed: int) -> list[Turned]:
    """Synthetic readings without an overturn, and half as many with one."""
    with Progress("overturns", count + count // 2, "reading") as progress:
        return run_upheavals(count, seed, progress.step)


def run_plan() -> list[Row]:
    """What studies of so many draws and rungs decide."""
    work = [
        Job(SEED + 1, job.number, job.shape, job.kind, draws, rungs)
        for draws in PLAN_DRAWS
        for rungs in PLAN_RUNGS
        for job in jobs(PLAN_STUDIES, SEED + 1)
    ]
    with Progress("plan", len(work), "run") as progress:
        return plan_rows(recover(work, progress.step))


def run_learners(count: int) -> list[Prediction]:
    """Hidden thirds of measured learning curves."""
    learners = read_lcdb(fetch_lcdb(), count, SEED)
    found = []
    with Progress("curves", len(learners), "curve") as progress:
        for number, learner in enumerate(learners):
            found += predict_hidden(learner, np.random.default_rng([SEED, number]))
            progress.step()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.saturation.proof", description="Prove the instrument.")
    parser.add_argument("--short", action="store_true", help="a fixed-seed part, for continuous integration")
    parser.add_argument(
        "--seeds", type=Path, help="CSV of a saturation curve with several seeds a point, as read_seeds"
    )
    parser.add_argument("--studies", type=int, help="only so many synthetic studies, writing nothing")
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the synthetic studies")
    asked = parser.parse_args()
    if asked.short or asked.studies:
        row = recovery_figures(run_studies(asked.studies or SHORT, asked.seed))
        row |= overturn_figures(run_turns((asked.studies or 0) // 3 or SHORT_UPHEAVALS, asked.seed))
    else:
        outcomes, plan, learners = run_studies(STUDIES, asked.seed), run_plan(), run_learners(CURVES)
        row = recovery_figures(outcomes) | learner_figures("lcdb", learners)
        row |= overturn_figures(run_turns(UPHEAVALS, SEED))
        if asked.seeds:
            seeds = predict_hidden(read_seeds(asked.seeds), np.random.default_rng(SEED))
            row |= learner_figures("repeats_2b8", seeds)
        write_json(METRICS / "prove.json", row)
        write_rows(METRICS / "plan.csv", plan)
        draw_proof(outcomes, learners, METRICS / "prove.svg")
    for name, value in row.items():
        print(f"{name:32} {value}")
    if wrong := faults(row):
        print(f"prove: out of band: {'; '.join(wrong)}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    run(main)
