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
    """A rung in steps: the trunk is left after `branch` steps, and `cooling` are those of the cool-down.

    `books` are read at it: as many as the rung says, fewer in an arm that reads more of each.
    """

    rung: int
    books: int
    branch: int
    cooling: tuple[Step, ...]

    @property
    def end(self) -> int:
        """Steps that the rung's adapter has taken."""
        return self.branch + len(self.cooling)


@dataclass(frozen=True)
class Plan:
    """The steps of a reading's trunk, and its rungs."""

    steps: tuple[Step, ...]
    rungs: tuple[Rung, ...]

    def taken(self, rung: Rung) -> tuple[Step, ...]:
        """All steps that a rung's adapter has taken."""
        return self.steps[: rung.branch] + rung.cooling


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

    Texts are shuffled by hash inside windows of `window` books and batched by length inside a window. The trunk takes
    whole windows and knows nothing of the rungs, so what is read at one rung does not depend on which others are
    read. The cool-down of a rung is the last `cooldown` share of its steps, and at least the books of its last,
    incomplete window; it reads what the trunk reads there, so no text is read twice by any adapter. A window depends
    on its own books alone: a book added later in the order changes no earlier step.
    """
    counts = sorted(zip(rungs, read or rungs, strict=True))
    steps: list[Step] = []
    ends = [0]  # of the whole windows, in steps
    for first in range(0, counts[-1][1] // window * window, window):
        steps += window_steps(books[first : first + window], texts, batch)
        ends.append(len(steps))
    marks = []
    for rung, count in counts:
        whole, rest = divmod(count, window)
        last = window_steps(books[count - rest : count], texts, batch) if rest else []
        total = ends[whole] + len(last)
        branch = min(ends[whole], total - max(1, round(cooldown * total)))
        marks.append(Rung(rung, count, branch, (*steps[branch : ends[whole]], *last)))
    return Plan(tuple(steps), tuple(marks))


def window_steps(names: Sequence[str], texts: Mapping[str, Sequence[tuple[str, Tokens]]], batch: int) -> list[Step]:
    """The steps of one window: its texts shuffled, cut into batches of similar length."""
    tokens = {name: ids for book in names for name, ids in texts[book]}
    order = shuffled(tokens, *names)
    by_length = sorted(order, key=lambda name: len(tokens[name]))
    groups = [by_length[i : i + batch] for i in range(0, len(by_length), batch)]
    groups.sort(key=lambda group: order.index(group[0]))
    return [Step(tuple(group), tuple(tokens[name] for name in group)) for group in groups]
