"""The plan of a reading: which texts form which step, where the rungs end and where their cool-downs begin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stages.shared.chance import shuffled

Tokens = Sequence[int]


@dataclass(frozen=True)
class Step:
    """One optimiser step: a batch of texts, and how many books have begun to be read with it."""

    texts: tuple[str, ...]  # text ids
    tokens: tuple[Tokens, ...]


@dataclass(frozen=True)
class Rung:
    """A rung in steps: the trunk is left after `branch` steps, the cool-down reads the others up to `end`.

    `books` are read at it: as many as the rung says, fewer in an arm that reads more of each.
    """

    rung: int
    books: int
    branch: int
    end: int


@dataclass(frozen=True)
class Plan:
    """All steps of a reading and its rungs."""

    steps: tuple[Step, ...]
    rungs: tuple[Rung, ...]


def plan_reading(
    books: Sequence[str],
    texts: Mapping[str, Sequence[tuple[str, Tokens]]],
    rungs: Sequence[int],
    window: int,
    batch: int,
    cooldown: float,
    read: Sequence[int] | None = None,
) -> Plan:
    """Plan one pass over `books`, in their order, up to the largest rung; `read` are the books read at each rung.

    Texts are shuffled by hash inside windows of `window` books and batched by length inside a window; windows and
    batches end at every rung, so a rung has read its books and no other. The cool-down of a rung is the last
    `cooldown` share of its steps: it reads what the trunk reads there, so no text is read twice by any adapter.
    A window depends on its own books alone: a book added later in the order changes no earlier step.
    """
    steps: list[Step] = []
    marks: list[Rung] = []
    start = 0
    for rung, count in sorted(zip(rungs, read or rungs, strict=True)):
        for first in range(start, count, window):
            names = books[first : min(first + window, count)]
            steps += window_steps(names, texts, batch)
        start = count
        branch = len(steps) - max(1, round(cooldown * len(steps)))
        marks.append(Rung(rung, count, branch, len(steps)))
    return Plan(tuple(steps), tuple(marks))


def window_steps(names: Sequence[str], texts: Mapping[str, Sequence[tuple[str, Tokens]]], batch: int) -> list[Step]:
    """The steps of one window: its texts shuffled, cut into batches of similar length."""
    tokens = {name: ids for book in names for name, ids in texts[book]}
    order = shuffled(tokens, *names)
    by_length = sorted(order, key=lambda name: len(tokens[name]))
    groups = [by_length[i : i + batch] for i in range(0, len(by_length), batch)]
    groups.sort(key=lambda group: order.index(group[0]))
    return [Step(tuple(group), tuple(tokens[name] for name in group)) for group in groups]
