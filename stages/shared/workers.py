"""Map a function over items in worker processes: a dead, hung or greedy worker loses only its own item.

Each worker has a pipe of its own. With one pipe for all, as process pools have it, a worker that is killed while it
writes leaves a torn message or a held lock, and the others hang.
"""

import contextlib
import math
import multiprocessing
import os
import pickle
import resource
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from pydantic import Field

from stages.shared.errors import UserError
from stages.shared.params import Section
from stages.shared.progress import Progress

AHEAD = 16  # items per worker that may be under way or wait for an earlier one
STARTS = 5  # workers in a row that may die before they are ready
START_SECONDS = 120.0  # time a worker may take to be ready
MEGABYTE = 1 << 20

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers(Section):
    """Section `workers` of params.yaml: where work over items runs, and what one item may take."""

    backend: str  # local: processes on this machine
    count: int = Field(ge=0)  # worker processes; 0 = one per core
    seconds: float = Field(gt=0)  # time one item may take
    memory_mb: int = Field(ge=0)  # memory one worker may take; 0 = no limit

    @property
    def limits(self) -> "Limits":
        """The limits of one item."""
        return Limits(self.seconds, self.memory_mb)


@dataclass(frozen=True)
class Limits:
    """What one item may take; `seconds` may be infinite, `memory_mb` 0 means no limit."""

    seconds: float = math.inf
    memory_mb: int = 0


@dataclass(frozen=True)
class Failure:
    """Why an item has no result; `kind` is time, memory, died or error."""

    kind: str
    reason: str


def map_items(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    limits: Limits,
    workers: Workers,
    label: str,
    preload: Sequence[str] = (),
) -> Iterator[tuple[Item, Result | Failure]]:
    """Run `function(item)` for each item in worker processes; yield (item, result or Failure) in the order of items.

    `function` and the items must pickle. Modules named in `preload` are imported once, before the workers are forked.
    Raises UserError for a backend that does not exist.
    """
    if workers.backend not in BACKENDS:
        names = ", ".join(BACKENDS)
        raise UserError(f"workers.backend is {workers.backend!r}; valid backends are {names}")
    return BACKENDS[workers.backend](function, items, limits, workers.count or cores(), label, preload)


def cores() -> int:
    """Number of processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_local(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    limits: Limits,
    count: int,
    label: str,
    preload: Sequence[str],
) -> Iterator[tuple[Item, Result | Failure]]:
    """Run the items on `count` processes of this machine (at most one per item)."""
    outcomes: dict[int, Result | Failure] = {}
    sent = given = 0
    count = min(count, len(items))
    with (
        Progress(label, len(items)) as progress,
        contextlib.closing(LocalPool(function, count, limits, preload)) as pool,
    ):
        while given < len(items):
            while sent < min(len(items), given + AHEAD * count) and pool.send(sent, items[sent]):
                sent += 1
            for index, outcome in pool.receive():
                outcomes[index] = outcome
                progress.step()
            while given in outcomes:
                yield items[given], outcomes.pop(given)
                given += 1


BACKENDS: dict[str, Callable[..., Iterator[tuple[Any, Any]]]] = {"local": map_local}


@dataclass
class Worker:
    """A process, its pipe, the item it works on (None: idle) and when that must be done (time.monotonic)."""

    process: Any
    pipe: Connection
    deadline: float
    ready: bool = False
    index: int | None = None


class LocalPool:
    """Processes forked from a clean server process (no threads, no state of the caller)."""

    def __init__(self, function: Callable[[Any], Any], count: int, limits: Limits, preload: Sequence[str]) -> None:
        self.function, self.limits = function, limits
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["stages.shared.workers", *preload])
        self.stillborn = 0  # workers in a row that died before they were ready
        self.workers = [self.start() for _ in range(count)]

    def start(self) -> Worker:
        """Start a worker; it says when it is ready."""
        pipe, far_end = self.context.Pipe()
        process = self.context.Process(target=serve, args=(far_end, self.function, self.limits.memory_mb), daemon=True)
        process.start()
        far_end.close()
        return Worker(process, pipe, time.monotonic() + START_SECONDS)

    def send(self, index: int, item: Any) -> bool:
        """Give an item to an idle worker; False where none is idle."""
        idle = next((worker for worker in self.workers if worker.ready and worker.index is None), None)
        if idle is None:
            return False
        idle.index, idle.deadline = index, time.monotonic() + self.limits.seconds
        with contextlib.suppress(BrokenPipeError):  # it has just died: receive() will notice
            idle.pipe.send(item)
        return True

    def receive(self) -> list[tuple[int, Any]]:
        """Wait until a worker speaks or is late; return (index, result or Failure) of what is finished."""
        expected = [worker for worker in self.workers if worker.index is not None or not worker.ready]
        patience = min(worker.deadline for worker in expected) - time.monotonic()
        speaking = wait([worker.pipe for worker in expected], None if math.isinf(patience) else max(0.0, patience))
        finished = []
        for worker in expected:
            if worker.pipe in speaking:
                outcome = self.hear(worker)
            elif time.monotonic() > worker.deadline:
                outcome = Failure("time", f"took longer than {self.limits.seconds:g} s (workers.seconds)")
            else:
                continue
            if worker.index is not None:
                finished.append((worker.index, outcome))
            self.settle(worker, outcome)
        return finished

    def hear(self, worker: Worker) -> Any:
        """What a worker sends: that it is ready (None), a result, or a Failure; a Failure too where it has died."""
        try:
            outcome = pickle.loads(worker.pipe.recv_bytes())
        except (EOFError, OSError):
            worker.process.join(START_SECONDS)
            return Failure("died", f"its worker died ({describe_exit(worker.process.exitcode)})")
        except MemoryError:
            return Failure("memory", "its result does not fit into the memory of the main process")
        return outcome

    def settle(self, worker: Worker, outcome: Any) -> None:
        """Make a worker idle, or replace it where it is dead, late or has run out of memory."""
        broken = isinstance(outcome, Failure) and outcome.kind != "error"
        self.stillborn = self.stillborn + 1 if broken and not worker.ready else 0
        if self.stillborn >= STARTS:
            raise UserError(f"no worker process can be started: {outcome.reason}; try a larger workers.memory_mb")
        worker.ready, worker.index, worker.deadline = True, None, math.inf
        if broken:
            stop(worker)
            self.workers[self.workers.index(worker)] = self.start()

    def close(self) -> None:
        """Stop all workers, whatever they do."""
        for worker in self.workers:
            stop(worker)


def stop(worker: Worker) -> None:
    """End a worker at once."""
    worker.process.kill()
    worker.process.join()
    worker.process.close()
    worker.pipe.close()


def serve(pipe: Connection, function: Callable[[Any], Any], memory_mb: int) -> None:
    """Work on the items that come through `pipe`, one after another, until it is closed: the life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's to answer
    limit_memory(memory_mb)
    pipe.send(None)
    while True:
        try:
            item = pipe.recv()
        except (EOFError, OSError):
            return
        pipe.send_bytes(answer(function, item, memory_mb))


def answer(function: Callable[[Any], Any], item: Any, memory_mb: int) -> bytes:
    """The pickled result of `function(item)`, or the Failure that its exception means."""
    try:
        return pickle.dumps(function(item))
    except MemoryError:
        return pickle.dumps(Failure("memory", f"needs more than {memory_mb} MB of memory (workers.memory_mb)"))
    except Exception as error:
        return pickle.dumps(Failure("error", " ".join(f"{type(error).__name__}: {error}".split())))


def describe_exit(code: int | None) -> str:
    """Say the exit code of a process.

    Example: -9 -> "signal 9: killed, often for memory"
    """
    if code in (-9, 137):
        return "signal 9: killed, often for memory"
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def limit_memory(megabytes: int) -> None:
    """Cap the private memory of this process (RLIMIT_DATA) and switch core dumps off."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if megabytes:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = megabytes * MEGABYTE
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
