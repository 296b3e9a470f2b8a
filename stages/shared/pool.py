"""Worker processes on this machine: a dead, hung or greedy one loses only its own item.

Each worker has a pipe of its own. With one pipe for all, as process pools have it, a worker that is killed while it
writes leaves a torn message or a held lock, and the others hang.
"""

import contextlib
import fcntl
import math
import multiprocessing
import os
import pickle
import resource
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from stages.shared.errors import UserError

STARTS = 5  # workers in a row that may die before they are ready
START_SECONDS = 120.0  # time a worker may take to be ready
MEGABYTE = 1 << 20


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


@dataclass(frozen=True)
class Seat:
    """What a worker has to itself: a number below the count of the workers, and processor cores."""

    number: int
    cores: int


SEATS: list[Seat] = []  # of this process: empty where it is no worker


def seat() -> Seat:
    """The seat of this worker; in a process that is none, the first one with all cores."""
    return SEATS[0] if SEATS else Seat(0, cores())


def cores() -> int:
    """Number of processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class Worker:
    """A process, its pipe, the item it works on (None: idle) and when that must be done (time.monotonic)."""

    process: Any
    pipe: Connection
    deadline: float
    number: int = 0
    ready: bool = False
    index: int | None = None


class LocalPool:
    """Processes forked from a clean server process (no threads, no state of the caller)."""

    def __init__(
        self, function: Callable[[Any], Any], count: int, limits: Limits, preload: Sequence[str], share: int = 0
    ) -> None:
        self.function, self.count, self.limits = function, count, limits
        self.share = share or max(1, cores() // count)  # cores of each worker
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["stages.shared.pool", *preload])
        self.stillborn = 0  # workers in a row that died before they were ready
        self.workers = [self.start(number) for number in range(count)]

    def start(self, number: int) -> Worker:
        """Start a worker; it says when it is ready."""
        pipe, far_end = self.context.Pipe()
        life = (far_end, self.function, self.limits.memory_mb, Seat(number, self.share))
        process = self.context.Process(target=serve, args=life, daemon=True)
        process.start()
        far_end.close()
        return Worker(process, pipe, time.monotonic() + START_SECONDS, number)

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
            self.workers[worker.number] = self.start(worker.number)

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


def serve(pipe: Connection, function: Callable[[Any], Any], memory_mb: int, seat: Seat) -> None:
    """Work on the items that come through `pipe`, one after another, until it is closed: the life of a worker."""
    SEATS[:] = [seat]
    die_with_main()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's to answer
    limit_memory(memory_mb)
    pipe.send(None)
    while True:
        try:
            item = pipe.recv()
        except (EOFError, OSError):
            return
        pipe.send_bytes(answer(function, item, memory_mb))


def die_with_main() -> None:
    """Let the kernel end this process (SIGIO) when the main process is gone, even where a library hangs in it."""
    main = multiprocessing.parent_process()
    if main is not None:
        fcntl.fcntl(main.sentinel, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(main.sentinel, fcntl.F_SETFL, fcntl.fcntl(main.sentinel, fcntl.F_GETFL) | os.O_ASYNC)


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
