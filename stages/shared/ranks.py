"""Several processes that train one reading together, as `accelerate launch -m stages.train` starts them.

Each rank runs its share of the texts of every step; gradients are added up, so all of them take the same step. One
process alone is the ordinary case and needs no launcher.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TypeVar

import torch

PATIENCE = timedelta(days=30)  # that ranks wait for the first one, which may wait for a reading that another run trains
Item = TypeVar("Item")


class Ranks:
    """This process among its peers: `rank` of `world`."""

    def __init__(self, rank: int = 0, world: int = 1) -> None:
        self.rank, self.world = rank, world

    @classmethod
    def join(cls) -> "Ranks":
        """Join the processes of the launcher; where there is none, stand alone."""
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return cls()
        from accelerate import PartialState

        state = PartialState(cpu=not torch.cuda.is_available(), timeout=PATIENCE)
        return cls(state.process_index, state.num_processes)

    @property
    def first(self) -> bool:
        """Whether this process writes what all of them have trained."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait until all have come here."""
        if self.world > 1:
            torch.distributed.barrier()

    def share(self, value: Item) -> Item:
        """What the first rank has: what it found in the store, say, where another look might find more."""
        if self.world == 1:
            return value
        box = [value]
        torch.distributed.broadcast_object_list(box)
        return box[0]

    def follow(self, items: Iterable[Item]) -> Iterator[Item]:
        """Each item that the first rank takes from `items`, on every rank; the others take none of theirs."""
        taken = iter(items)
        while (item := self.share(next(taken, None) if self.first else None)) is not None:
            yield item

    def sum_gradients(self, weights: Sequence[torch.Tensor], value: float) -> float:
        """Add up the gradients of all ranks in place, and `value`, which is returned."""
        if self.world == 1:
            return value
        parts = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights]
        flat = torch.cat([part.reshape(-1) for part in parts] + [parts[0].new_tensor([value])])
        torch.distributed.all_reduce(flat)
        sizes = [weight.numel() for weight in weights]
        for weight, part in zip(weights, torch.split(flat[:-1], sizes), strict=True):
            weight.grad = part.view_as(weight).clone()
        return float(flat[-1])
