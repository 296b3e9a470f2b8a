"""Map a function over items in worker processes, on this machine or on the nodes of a Ray cluster."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import Field

from stages.shared.cluster import RayPool
from stages.shared.errors import UserError
from stages.shared.params import Section
from stages.shared.pool import Failure, Limits, LocalPool, Seat, cores, seat
from stages.shared.progress import Progress

__all__ = ["Failure", "Limits", "Seat", "Workers", "cores", "map_items", "seat"]

AHEAD = 16  # items per worker that may be under way or wait for an earlier one
BACKENDS = ("local", "ray")

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers(Section):
    """Section `workers` of params.yaml: where work over items runs, and what one item may take."""

    backend: str  # local: processes on this machine; ray: processes on the nodes of a Ray cluster
    address: str = ""  # HOST:PORT of the cluster's head
    count: int = Field(ge=0)  # worker processes; 0 = one per core
    seconds: float = Field(gt=0)  # time one item may take
    memory_mb: int = Field(ge=0)  # memory one worker may take; 0 = no limit

    @property
    def limits(self) -> Limits:
        """The limits of one item."""
        return Limits(self.seconds, self.memory_mb)


class Pool(Protocol):
    """Some workers, each with one item at a time."""

    count: int

    def send(self, index: int, item: Any) -> bool:
        """Give an item to an idle worker; False where none is idle."""

    def receive(self) -> list[tuple[int, Any]]:
        """Wait for a worker; return (index, result or Failure) of what is finished."""

    def close(self) -> None:
        """Stop all workers, whatever they do."""


def map_items(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    limits: Limits,
    workers: Workers,
    label: str,
    preload: Sequence[str] = (),
    shared: Sequence[Path] = (),
) -> Iterator[tuple[Item, Result | Failure]]:
    """Run `function(item)` for each item in worker processes; yield (item, result or Failure) in the order of items.

    `function` and the items must pickle. Modules named in `preload` are imported once, before the workers are forked.
    On a cluster a Path of a file, in `function` or an item, is a copy of that file on the node, there to be read.
    `shared` names folders in which items read and write, the first of them writable: every node must see them. Such
    items are large: each has a GPU to itself where the cluster has any, or else its share of the cores.
    Raises UserError for a backend that does not exist, and for a cluster that cannot be used.
    """
    if workers.backend not in BACKENDS:
        raise UserError(f"workers.backend is {workers.backend!r}; valid backends are {', '.join(BACKENDS)}")

    def start() -> Pool:
        if workers.backend == "ray":
            return RayPool(function, len(items), workers.count, limits, preload, workers.address, shared)
        return LocalPool(function, min(workers.count or cores(), len(items)), limits, preload)

    return stream(start, items, label)


def stream(start: Callable[[], Pool], items: Sequence[Item], label: str) -> Iterator[tuple[Item, Result | Failure]]:
    """Give the items to a pool and yield its outcomes in their order; without items no pool is started."""
    outcomes: dict[int, Result | Failure] = {}
    sent = given = 0
    if not items:
        return
    with Progress(label, len(items)) as progress, contextlib.closing(start()) as pool:
        while given < len(items):
            while sent < min(len(items), given + AHEAD * pool.count) and pool.send(sent, items[sent]):
                sent += 1
            for index, outcome in pool.receive():
                outcomes[index] = outcome
                progress.step()
            while given in outcomes:
                yield items[given], outcomes.pop(given)
                given += 1
