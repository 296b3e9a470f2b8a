"""Who computes an item of the store holds its lock; who comes second waits, and then finds the item there.

A lock is an advisory one (flock) on a file below `locks` in the store's folder, so that it holds between all runs that
share a store, and a killed run has freed it by its end. A run that waits holds no lock but the one of a larger piece of
work, and no run ever takes that one while it holds a smaller: so no two wait for each other.
"""

import contextlib
import fcntl
import os
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from stages.shared.errors import UserError

FOLDER = "locks"  # of the store: a file for each lock that is held
PAUSE = 0.1  # seconds between two looks at locks that others hold

Item = TypeVar("Item")


@dataclass(frozen=True)
class Task(Generic[Item]):
    """What one run at a time may compute; `work` goes on after "another run that": "trains tiered-real-d0-i0"."""

    key: str
    work: str
    item: Item


@contextlib.contextmanager
def held(root: Path, key: str, work: str) -> Iterator[None]:
    """Hold the lock of `key` in the store at `root`; wait for it first where another run has it."""
    lock = first_free(root, [Task(key, work, None)])[1]
    try:
        yield
    finally:
        lock.free()


def in_turn(root: Path, tasks: Sequence[Task[Item]]) -> Iterator[Task[Item]]:
    """Yield each task while this run holds its lock, in their order; what others hold now comes last.

    What came last was computed by another run in the meantime: look for it before computing.
    """
    waiting = list(tasks)
    while waiting:
        task, lock = first_free(root, waiting)
        waiting.remove(task)
        try:
            yield task
        finally:
            lock.free()


class Lock:
    """A lock that this process holds: its file, which says what is done under it."""

    def __init__(self, path: Path, file: int, work: str) -> None:
        self.path, self.file = path, file
        os.ftruncate(file, 0)
        os.write(file, f"{work} (process {os.getpid()} on {socket.gethostname()})".encode())

    def free(self) -> None:
        """Give it up; the file goes first, as long as nobody else can hold it."""
        self.path.unlink(missing_ok=True)
        os.close(self.file)


def first_free(root: Path, tasks: Sequence[Task[Item]]) -> tuple[Task[Item], Lock]:
    """The first task whose lock is free, with the lock; where all are held, say so in a line and wait for any."""
    told = False
    while True:
        for task in tasks:
            if lock := take(root / FOLDER / task.key, task.work):
                return task, lock
        if not told:
            tell(root / FOLDER / tasks[0].key, tasks[0].work)
            told = True
        time.sleep(PAUSE)


def take(path: Path, work: str) -> Lock | None:
    """The lock with this file, or None where another run holds it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if names(path, file):
                return Lock(path, file, work)
        except BlockingIOError:
            os.close(file)
            return None
    except OSError as error:
        raise UserError(f"cannot lock {path}: {error.strerror}; mend that, or set LTM_KEYED") from error
    os.close(file)
    return take(path, work)


def names(path: Path, file: int) -> bool:
    """Whether a path still leads to an open file: who held it before may have taken it away since it was opened."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


def tell(path: Path, work: str) -> None:
    """Say what is waited for, in the words of the run that does it."""
    with contextlib.suppress(OSError):  # it has just ended
        work = path.read_text(encoding="utf-8") or work
    print(f"waiting for another run that {work}", file=sys.stderr, flush=True)
