"""The rounds of each arm: what it reads in each, what came of it, and where the guard stops own thinking."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from stages.reflect import budget, cells, guard
from stages.reflect.material import Material, Text
from stages.reflect.prompts import Pair, Prompt, prompts_of
from stages.reflect.settings import ReflectParams
from stages.reflect.sieve import Judged, Sieve
from stages.reflect.tables import COMPUTE, TOKENS
from stages.reflect.writing import Writer, Written, stream
from stages.shared.continuation import Continuation, Course, continuation_key, steps_of
from stages.shared.keyed import Keyed, key_of
from stages.shared.models import Base


@dataclass(frozen=True)
class Round:
    """One round of one arm: `tokens` it trained on, of them `own` written; `ran` forward for writing and filter."""

    arm: str  # own, next, replay
    equal: str  # tokens, compute
    replicate: int
    round: int
    tokens: int
    own: int
    ran: int
    passes: float  # how often its real texts were read by then
    cell: cells.Cell


@dataclass(frozen=True)
class Thought:
    """Own thinking of one replicate: its rounds, all that was written in each, and why it was stopped, if it was."""

    rounds: tuple[Round, ...]
    judged: tuple[tuple[int, Judged], ...]  # round, text
    stopped: guard.Stop | None


class Reader:
    """Lets adapters read on, by key; the base it trains on is loaded when it is first needed."""

    def __init__(self, shared: Sequence[object], facts: Mapping[str, object], course: Course, batch: int,
                 open_base: Callable[[], Base]) -> None:  # fmt: skip
        self.shared, self.facts, self.course, self.batch, self.open_base = shared, facts, course, batch, open_base
        self.store = Keyed("continued")
        self.continuation: Continuation | None = None

    def read(self, folder: Path, pieces: Sequence[budget.Piece], *seed: object) -> Path:
        """The adapter that comes of `folder` by reading `pieces` in an order by hash of `seed`."""
        steps = steps_of(dict(pieces), self.batch, *seed)
        number = stream(*seed) % 2**31
        key = key_of(self.shared, continuation_key(self.facts, folder, steps, self.course, number))

        def write(out: Path) -> None:
            self.continuation = self.continuation or Continuation(self.open_base(), self.course)
            self.continuation.write(folder, steps, number, out)

        return self.store.get_or_put(key, write)


@dataclass(frozen=True)
class Reflection:
    """Everything that the rounds of all arms and replicates need; `start` is the cell of the saturated adapter."""

    params: ReflectParams
    material: Material
    replayed: tuple[Text, ...]  # read texts that pass the filter
    pairs: tuple[Pair, ...]
    sieve: Sieve
    writer: Writer
    reader: Reader
    examiner: cells.Examiner
    start: cells.Cell
    encode: Callable[[str], tuple[int, ...]]
    prepared: int  # tokens run forward to link scenes and to find the floor, once for each replicate

    def think(self, replicate: int, tell: Callable[[str], None]) -> Thought:
        """Own thinking: each round writes with the adapter of the last, filters, and reads half of it, half real."""
        real, pool = self.replay(replicate, "own"), budget.Pool.empty()
        folder, done, written = self.material.folder, list[Round](), list[tuple[int, Judged]]()
        watch, stopped = None, None
        for number in range(self.params.rounds):
            judged = self.write(folder, replicate, number, [one for _, one in written])
            written += [(number, one) for one in judged]
            texts = [one.written.text for one in judged]
            watch = watch or guard.Guard(self.params.guard, tuple(texts))
            passed = [one for one in judged if not one.reason]
            if stopped := watch.of_writing(texts, len(passed)):
                break
            for one in passed:
                pool.add(one.name, self.encode(one.written.text))
            pieces, own = budget.mixed(pool, real, self.params.tokens, self.params.seed, replicate, number)
            folder = self.reader.read(folder, pieces, self.params.seed, "own", replicate, number)
            ran = sum(one.written.ran + one.ran for one in judged) + (0 if number else self.prepared)
            made = partial(Round, "own", TOKENS, replicate, number, budget.tokens_in(pieces), own, ran, real.passes)
            done.append(made(self.examiner.cell(folder)))
            tell(f"own, replicate {replicate}, round {number}: {len(passed)} of {len(judged)} written texts passed")
            if stopped := watch.of_model(*self.watched(done[-1].cell)):
                break
        return Thought(tuple(done), tuple(written), stopped)

    def watched(self, cell: cells.Cell) -> tuple[float, float]:
        """What the guard watches of a model: its gains over the saturated adapter on control text and on probe A."""
        control = cells.mean(cells.gains(cell, self.start, "", "control"))
        half_a = cells.mean(cells.gains(cell, self.start, "A", "prediction"))
        return control, half_a

    def write(self, folder: Path, replicate: int, number: int, before: Sequence[Judged]) -> list[Judged]:
        """Write batch after batch until half of a round's tokens have passed, or the pool of prompts is at its end."""
        params, found = self.params, list[Judged]()
        asked = prompts_of(self.pairs, params.filter.pool, params.seed, replicate, number)
        kept = {one.name: one.written.text for one in before if not one.reason}
        for begin in range(0, len(asked), params.sampling.batch):
            if sum(one.written.tokens for one in found if not one.reason) >= params.tokens // 2:
                break
            prompts: list[Prompt] = asked[begin : begin + params.sampling.batch]
            answers: list[Written] = self.writer.write(folder, prompts, params.seed, replicate, number)
            names = [f"r{replicate}-{number}-{begin + place:04d}" for place in range(len(answers))]
            judged = self.sieve.judge(dict(zip(names, answers, strict=True)), kept)
            kept |= {one.name: one.written.text for one in judged if not one.reason}
            found += judged
        return found

    def replay(self, replicate: int, arm: str) -> budget.Reel:
        """The read texts that pass the filter, in an order of this replicate's own."""
        return budget.at_random(self.replayed, self.params.seed, "replay", arm, replicate)

    def read_on(self, arm: str, equal: str, replicate: int, thought: Thought) -> list[Round]:
        """As many rounds of reading as own thinking had, of its tokens, or of the tokens that its compute trains on."""
        ahead = budget.in_turn(self.material.ahead, replicate, self.params.replicates)
        reel = ahead if arm == "next" else self.replay(replicate, arm)
        folder, done = self.material.folder, list[Round]()
        for one in thought.rounds:
            tokens = one.tokens + (budget.trained_for(one.ran) if equal == COMPUTE else 0)
            folder = self.reader.read(folder, reel.take(tokens), self.params.seed, arm, equal, replicate, one.round)
            found = Round(arm, equal, replicate, one.round, tokens, 0, 0, reel.passes, self.examiner.cell(folder))
            done.append(found)
        return done


def facts_of(one: Round) -> dict[str, object]:
    """The facts of a round without its cell."""
    return {field.name: getattr(one, field.name) for field in dataclasses.fields(one) if field.name != "cell"}
