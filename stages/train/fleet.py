"""Readings side by side: each worker process trains one at a time, on a GPU of its own where there are several."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from stages.shared import models, plan, trunk
from stages.shared.errors import UserError
from stages.shared.locks import held
from stages.shared.workers import Failure, Limits, Workers, map_items, seat
from stages.train import reading


@dataclass(frozen=True)
class Job:
    """What a worker needs to train the missing adapters of one reading into the store."""

    base: Path
    reading: reading.Reading
    missing: Mapping[str, plan.Rung]
    root: Path  # of the store
    shared: Sequence[object]
    seconds: float
    recipe: trunk.Recipe
    made: Mapping[str, Any]


def sized(workers: Workers, asked: int) -> Workers:
    """As many workers as readings are trained at once: `asked`, or for 0 one per GPU, and one where there is none.

    A cluster counts its GPUs itself, and has a worker on each node where there is none.
    """
    here = max(1, torch.cuda.device_count()) if workers.backend == "local" else 0
    return workers.model_copy(update={"count": asked or here})


def train_all(jobs: Sequence[Job], workers: Workers, shared: Sequence[Path]) -> int:
    """Train every job on workers that see the `shared` folders; returns the number of adapters made.

    What was finished is kept where one of them fails.
    """
    failed, made = [], 0
    for job, outcome in map_items(train, jobs, Limits(), workers, "train", ["torch", "transformers", "peft"], shared):
        if isinstance(outcome, Failure):
            failed.append(f"{job.reading.name}: {outcome.reason}")
        else:
            made += outcome
    if failed:
        raise UserError(f"{len(failed)} of {len(jobs)} readings were not trained ({'; '.join(failed)}); run it again")
    return made


def train(job: Job) -> int:
    """Train one job, unless another run does; returns the number of adapters made."""
    if torch.cuda.is_available():
        torch.cuda.set_device(seat().number % torch.cuda.device_count())
    base = load_once(job.base)
    torch.set_num_threads(seat().cores)
    store = reading.Store(job.shared, job.seconds, job.root)
    with held(store.root, store.lock(job.reading), f"trains {job.reading.name}"):
        rungs = {key: job.missing[key] for key in store.lacking(job.missing)}
        if rungs:
            reading.train_reading(job.reading, rungs, store, base, job.recipe, job.made, lambda tokens, note: None)
    return len(rungs)


@functools.lru_cache(maxsize=1)
def load_once(folder: Path) -> models.Base:
    """The base, loaded once in the life of a worker."""
    return models.load_base(folder)
