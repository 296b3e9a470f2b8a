"""Readings side by side: each in a worker process, on a GPU of its own where there are several."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from stages.shared import models
from stages.shared.errors import UserError
from stages.shared.workers import Failure, Limits, Workers, cores, map_items
from stages.train import plan, reading, trunk


@dataclass(frozen=True)
class Job:
    """What a worker needs to train the missing adapters of one reading into the store."""

    number: int
    base: Path
    reading: reading.Reading
    missing: Mapping[str, plan.Rung]
    shared: Sequence[object]
    seconds: float
    recipe: trunk.Recipe
    made: Mapping[str, Any]
    threads: int


def size(asked: int) -> int:
    """How many readings are trained at once: `asked`, or for 0 one per GPU, and one where there is none."""
    return asked or max(1, torch.cuda.device_count())


def train_all(jobs: Sequence[Job], count: int, backend: str) -> None:
    """Train every job on `count` workers; what was finished is kept where one of them fails."""
    workers = Workers(backend=backend, count=count, seconds=1.0, memory_mb=0)
    failed = []
    for job, outcome in map_items(train, jobs, Limits(), workers, "train", ["torch", "transformers", "peft"]):
        if isinstance(outcome, Failure):
            failed.append(f"{job.reading.name}: {outcome.reason}")
    if failed:
        raise UserError(f"{len(failed)} of {len(jobs)} readings were not trained ({'; '.join(failed)}); run it again")


def train(job: Job) -> int:
    """Train one job; returns the number of its adapters."""
    if torch.cuda.is_available():
        torch.cuda.set_device(job.number % torch.cuda.device_count())
    base = load_once(job.base)
    torch.set_num_threads(job.threads)
    store = reading.Store(job.shared, job.seconds)
    reading.train_reading(job.reading, job.missing, store, base, job.recipe, job.made, lambda tokens, note: None)
    return len(job.missing)


@functools.lru_cache(maxsize=1)
def load_once(folder: Path) -> models.Base:
    """The base, loaded once in the life of a worker."""
    return models.load_base(folder)


def threads(count: int) -> int:
    """Threads of each of `count` workers, so that all of them together use the cores once."""
    return max(1, cores() // count)
