"""What workers do for flashes: gradients of excerpts under the saturated adapter, and bits after reading on.

A worker opens the models once. One job, or what one GPU or memory for one worker allows, this process does itself.
"""

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import psutil
import torch

from stages.flashes.projection import Vector, project
from stages.shared import models
from stages.shared.continuation import Continuation, Course
from stages.shared.errors import UserError
from stages.shared.plan import Step
from stages.shared.progress import Progress
from stages.shared.trunk import batch_loss
from stages.shared.workers import Failure, Limits, Workers, cores, map_items, seat

COPIES = 6  # of a base's weights in float32 that a worker may hold: one reads on, one scores, and what both compute

Result = TypeVar("Result")


@dataclass(frozen=True)
class Place:
    """Where the models lie, and how the adapter reads on."""

    base: Path
    adapter: Path
    course: Course


@dataclass(frozen=True)
class Gradient:
    """A job: the gradient of one excerpt."""

    place: Place
    pieces: tuple[tuple[int, ...], ...]
    seed: int


@dataclass(frozen=True)
class Cell:
    """A job: read `steps` on, and score passages (their tokens, by item)."""

    place: Place
    steps: tuple[Step, ...]
    seed: int
    passages: Mapping[str, tuple[int, ...]]


@functools.lru_cache(maxsize=1)
def reader(base: Path, course: Course) -> Continuation:
    """The model that reads on, opened once in the life of a worker."""
    return Continuation(opened(base), course)


@functools.lru_cache(maxsize=1)
def scorer(base: Path) -> models.Base:
    """The base in full precision, in which what came of reading on is scored."""
    return opened(base)


def opened(base: Path) -> models.Base:
    """A base on the GPU, or on the cores, of the worker's seat."""
    if torch.cuda.is_available():
        torch.cuda.set_device(seat().number % torch.cuda.device_count())
    found = models.load_base(base)
    torch.set_num_threads(seat().cores)
    return found


def measure(job: Gradient) -> tuple[float, Vector]:
    """Bits of an excerpt under the adapter, and the projection of the gradient of its mean loss on the weights."""
    trunk = reader(job.place.base, job.place.course)
    trunk.start(job.place.adapter, 0)
    model, weights = trunk.trunk.model, trunk.trunk.weights
    model.eval()
    half = job.place.course.recipe.precision == "bfloat16"
    with torch.autocast(trunk.trunk.base.device.type, torch.bfloat16, enabled=half):
        loss = batch_loss(model, job.pieces, trunk.trunk.base.prefix)
    loss.backward()  # type: ignore[no-untyped-call]
    found = {name: weight.grad.float().cpu().numpy() for name, weight in weights.items() if weight.grad is not None}
    trunk.trunk.optimizer.zero_grad(set_to_none=True)
    return float(loss.detach()) * sum(map(len, job.pieces)) / math.log(2), project(found, job.seed)


def score(job: Cell) -> dict[str, float]:
    """Bits of each passage after the adapter has read on."""
    place = job.place
    return reader(place.base, place.course).bits(place.adapter, job.steps, job.seed, scorer(place.base), job.passages)


def sized(workers: Workers, parameters: int) -> Workers:
    """As many workers as do jobs at once on this machine, on a base of so many parameters: one a GPU.

    Without one, one a core as far as free memory holds them: texts are read one a step, which does not keep two cores
    busy, so two workers of one core each read a third more than one of two. The bytes are the same. A cluster counts
    for itself.
    """
    if workers.backend != "local":
        return workers.model_copy(update={"count": 0})
    if torch.cuda.is_available():
        return workers.model_copy(update={"count": torch.cuda.device_count()})
    room = psutil.virtual_memory().available // (COPIES * 4 * parameters)
    return workers.model_copy(update={"count": max(1, min(workers.count or cores(), room))})


def run_jobs(
    function: Callable[[Any], Result], jobs: Mapping[str, Any], workers: Workers, label: str, shared: Sequence[Path]
) -> Iterator[tuple[str, Result]]:
    """Run a function on each job, by its key, here or on workers; what was finished is given before one fails."""
    if workers.backend == "local" and (workers.count == 1 or len(jobs) < 2):
        with Progress(label, len(jobs), "job") as progress:
            for key, job in jobs.items():
                yield key, function(job)
                progress.step()
        return
    failed = []
    outcomes = map_items(
        function, list(jobs.values()), Limits(), workers, label, ["torch", "transformers", "peft"], shared
    )
    for key, (_, outcome) in zip(jobs, outcomes, strict=True):
        if isinstance(outcome, Failure):
            failed.append(outcome.reason)
        else:
            yield key, outcome
    if failed:
        raise UserError(f"{len(failed)} of {len(jobs)} jobs failed ({failed[0]}); run it again")


def write_vector(folder: Path, bits: float, vector: Vector) -> None:
    """Write what `measure` gave as an entry of the store."""
    np.savez(folder / "gradient.npz", bits=bits, vector=vector.astype(np.float16))


def read_vector(folder: Path) -> tuple[float, Vector]:
    """Read it."""
    with np.load(folder / "gradient.npz") as arrays:
        return float(arrays["bits"]), arrays["vector"].astype(np.float32)
