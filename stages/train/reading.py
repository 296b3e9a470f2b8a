"""One reading: what it reads, what its adapters depend on, and its training."""

import csv
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

from stages.shared import card, models, plan, trunk
from stages.shared.errors import UserError
from stages.shared.keyed import Keyed, key_of, store_root
from stages.shared.ranks import Ranks
from stages.shared.records import ShelfBook, read_csv
from stages.train.curves import Curves

TIERS, CURVES = Path("data/tiers"), Path("dvclive")
TEXT_TIERS = ("core", "orbit", "fractal")
Tell = Callable[[int, str], None]
Texts = dict[str, list[tuple[str, list[int]]]]


@dataclass(frozen=True)
class Reading:
    """One training trajectory with its init and its plan."""

    name: str
    order: str
    arm: str
    draw: int
    init: int
    top: bool
    books: list[ShelfBook]
    plan: plan.Plan


def text_files(row: Mapping[str, str]) -> tuple[str, ...]:
    """Where the texts of a row of readings.csv lie: an arm that reads fewer books has a file for each reading."""
    if row["arm"] == "real":
        return TEXT_TIERS
    own = f"controls/{row['reading']}"
    return (own if (TIERS / f"{own}.jsonl").exists() else f"controls/{row['arm']}",)


def read_texts(files: Sequence[str], tokenizer: Any) -> Texts:
    """The texts of some files of data/tiers: book -> [(text id, tokens)]."""
    found: Texts = {}
    for name in files:
        for line in (TIERS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            ids = tokenizer.encode(row["text"], add_special_tokens=False).ids
            found.setdefault(row["book_id"], []).append((row["text_id"], ids))
    return found


def read_readings(params: Any, tokenizer: Any) -> list[Reading]:
    """All readings of data/tiers, each for every init, with their plans."""
    texts: dict[tuple[str, ...], Texts] = {}
    found = []
    with (TIERS / "readings.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    check_init_readings(params.init_readings, [row["reading"] for row in rows])
    for row in rows:
        rungs, counts = ([int(number) for number in row[name].split(";")] for name in ("rungs", "books"))
        files = text_files(row)
        if files not in texts:
            texts[files] = read_texts(files, tokenizer)
        books = read_csv(TIERS / "orders" / f"{row['order']}-d{row['draw']}.csv", ShelfBook)[: max(counts)]
        ids = [book.book_id for book in books]
        steps = plan.plan_reading(ids, texts[files], rungs, params.window, params.batch, params.cooldown, counts)
        several = not params.init_readings or row["reading"] in params.init_readings
        for init in range(params.inits if several else 1):
            name = f"{row['reading']}-i{init}"
            found.append(
                Reading(name, row["order"], row["arm"], int(row["draw"]), init, row["top"] == "1", books, steps)
            )
    return found


def check_init_readings(named: Sequence[str], there: Sequence[str]) -> None:
    """Refuse a name that is no reading's."""
    if unknown := [name for name in named if name not in there]:
        raise UserError(f"train.init_readings names {unknown[0]!r}; the readings are {', '.join(there)}")


def facts_of(reading: Reading, rung: plan.Rung, made: Mapping[str, Any]) -> dict[str, Any]:
    """What the card of a rung's adapter says; `made` holds what all readings share: base, code, params."""
    return {
        "reading": reading.name,
        "order": reading.order,
        "arm": reading.arm,
        "draw": reading.draw,
        "init": reading.init,
        "rung": rung.rung,
        "books": rung.books,
        "top": reading.top and rung is reading.plan.rungs[-1],
        "steps": rung.end,
        "cooldown_steps": len(rung.cooling),
        "tokens": sum(len(text) for step in reading.plan.taken(rung) for text in step.tokens),
        **made,
    }


class Store:
    """Adapters and checkpoints by key: everything that the bytes of a trained adapter depend on."""

    def __init__(self, shared: Sequence[object], seconds: float = math.inf, root: Path | None = None) -> None:
        self.root, self.shared = root or store_root(), shared
        self.adapters, self.trunks = Keyed("adapters", self.root), Keyed("trunks", self.root)
        self.seconds = seconds  # between the checkpoints that outlive a kill
        self.chains: dict[tuple[str, int], list[str]] = {}

    def trunk_keys(self, reading: Reading) -> list[str]:
        """Keys of the trunk after each number of steps: the same for every reading that has taken the same ones."""
        name = (reading.name, 0)
        if name not in self.chains:
            self.chains[name] = chain(key_of(self.shared, reading.init), reading.plan.steps)
        return self.chains[name]

    def lock(self, reading: Reading) -> str:
        """Key of the lock under which a reading is trained: one for all that may share a step of trunk or cool-down.

        Readings that share one begin with the same book, and with the same seed. Where their plans differ none of the
        keys above need be common: with three books and windows of four there is no trunk, with six there is.
        """
        return key_of(self.trunk_keys(reading)[0], reading.arm, reading.books[0].book_id)

    def lacking(self, keys: Iterable[str]) -> list[str]:
        """The keys that the store holds no adapter of."""
        return [key for key in keys if self.adapters.get(key) is None]

    def cooling_keys(self, reading: Reading, rung: plan.Rung) -> list[str]:
        """Keys of the states after each number of steps in the cool-down of a rung."""
        name = (reading.name, rung.rung)
        if name not in self.chains:
            begin = key_of(self.trunk_keys(reading)[rung.branch], "cooling", len(rung.cooling))
            self.chains[name] = chain(begin, rung.cooling)
        return self.chains[name]

    def adapter_key(self, reading: Reading, rung: plan.Rung, facts: Mapping[str, Any]) -> str:
        """Key of a rung's adapter."""
        hashes = [[book.book_id, book.sha256] for book in reading.books[: rung.books]]
        return key_of(self.cooling_keys(reading, rung)[-1], hashes, dict(facts))

    def furthest(self, reading: Reading, rung: plan.Rung) -> tuple[int, Path | None]:
        """The last checkpoint on the way to a rung, in its cool-down or before it: its steps and its entry."""
        keys = [*self.trunk_keys(reading)[: rung.branch + 1], *self.cooling_keys(reading, rung)[1:]]
        for steps in reversed(range(len(keys))):
            if kept := self.trunks.get(keys[steps]):
                return steps, kept
        return 0, None


def chain(key: str, steps: Sequence[plan.Step]) -> list[str]:
    """A key for each number of steps taken, from none on: each depends on the one before and on its step."""
    return list(accumulate(steps, lambda before, step: key_of(before, step.texts, step.tokens), initial=key))


def cost(reading: Reading, wanted: Sequence[plan.Rung], store: Store) -> int:
    """Text tokens still to be trained on: the trunk up to the last wanted branch, and the cool-downs."""
    total, done = 0, 0
    for rung in sorted(wanted, key=lambda rung: rung.branch):
        begin = max(done, store.furthest(reading, rung)[0])
        total += sum(len(text) for step in reading.plan.taken(rung)[begin:] for text in step.tokens)
        done = rung.branch
    return total


def train_reading(
    reading: Reading,
    missing: Mapping[str, plan.Rung],
    store: Store,
    base: models.Base,
    recipe: trunk.Recipe,
    made: Mapping[str, Any],
    tell: Tell,
    ranks: Ranks | None = None,
) -> None:
    """Train the missing adapters of one reading, each from the last checkpoint that the store holds."""
    ranks = ranks or Ranks()
    trained = trunk.Trunk(base, recipe, reading.init, ranks)
    with Walk(trained, reading, store, tell) as walk:
        for key, rung in sorted(missing.items(), key=lambda item: item[1].branch):
            ranks.wait()  # what the first rank wrote last is there for all
            kept = store.furthest(reading, rung)[1]
            if kept:
                walk.load(kept)
            elif trained.done:
                raise UserError(f"the checkpoints of {reading.name} were taken away while it was trained; run it again")
            walk.along(rung.branch)
            walk.cool(rung)
            if ranks.first:
                facts, books = facts_of(reading, rung, made), reading.books[: rung.books]
                store.adapters.put(key, partial(card.write_adapter, trained.model, facts, books, trained.log))
                walk.forget()
    trained.release()


class Walk:
    """The steps of a reading, with checkpoints on the way and, if watched, the curves of loss and learning rate."""

    def __init__(self, trained: trunk.Trunk, reading: Reading, store: Store, tell: Tell, watched: bool = True) -> None:
        self.trained, self.reading, self.store, self.tell = trained, reading, store, tell
        self.curves = Curves(CURVES / reading.name) if watched and trained.ranks.first else None
        self.passing: str | None = None  # key of the last checkpoint that only a kill would need
        self.saved = time.monotonic()

    def __enter__(self) -> "Walk":
        return self

    def __exit__(self, *error: object) -> None:
        if self.curves:
            self.curves.close()

    def load(self, kept: Path) -> None:
        """Continue from a checkpoint; one that a killed run left between rungs is replaced by the next."""
        self.trained.load(kept)
        keys = self.store.trunk_keys(self.reading)
        branches = {keys[rung.branch] for rung in self.reading.plan.rungs}
        self.passing = None if kept.name in branches else kept.name
        if self.curves:
            self.curves.show(self.trained.log)

    def along(self, end: int, mark: bool = True) -> None:
        """Walk the trunk up to a step at its own rate; leave a checkpoint there, or only those that a kill needs."""
        keys, done = self.store.trunk_keys(self.reading), self.trained.done
        for index in range(done, end):
            self.take(self.reading.plan.steps[index], self.trained.rate(index), keys[index + 1])
        if mark and done <= end:
            self.keep(keys[end], passing=False)

    def cool(self, rung: plan.Rung) -> None:
        """Walk through what is left of the cool-down of a rung."""
        keys, length = self.store.cooling_keys(self.reading, rung), len(rung.cooling)
        for index in range(self.trained.done - rung.branch, length):
            rate = self.trained.rate(rung.branch + index, length - index, length)
            self.take(rung.cooling[index], rate, keys[index + 1])

    def take(self, step: plan.Step, rate: float, key: str) -> None:
        """Take a step, show it, and where it is time leave a checkpoint under the key of the state behind it."""
        loss = self.trained.take(step, rate)
        self.tell(sum(map(len, step.tokens)), f"loss {loss:.3f}")
        if self.curves:
            self.curves.show(self.trained.log)
        if time.monotonic() - self.saved >= self.store.seconds:
            self.keep(key, passing=True)

    def keep(self, key: str, passing: bool) -> None:
        """Write a checkpoint in place of the last passing one."""
        if not self.trained.ranks.first:
            return
        self.store.trunks.get_or_put(key, self.trained.save)
        if self.passing != key:
            self.forget()
        self.passing, self.saved = key if passing else None, time.monotonic()

    def forget(self) -> None:
        """Drop the last passing checkpoint: something later is in the store."""
        if self.passing:
            self.store.trunks.drop(self.passing)
        self.passing = None
