"""One reading: what it reads, what its adapters depend on, and its training."""

import csv
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from stages.shared import models
from stages.shared.errors import UserError
from stages.shared.keyed import Keyed, key_of, store_root
from stages.shared.records import ShelfBook, read_csv
from stages.train import card, plan, trunk
from stages.train.curves import Curves
from stages.train.ranks import Ranks

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
    for row in rows:
        rungs, counts = ([int(number) for number in row[name].split(";")] for name in ("rungs", "books"))
        files = text_files(row)
        if files not in texts:
            texts[files] = read_texts(files, tokenizer)
        books = read_csv(TIERS / "orders" / f"{row['order']}-d{row['draw']}.csv", ShelfBook)[: max(counts)]
        ids = [book.book_id for book in books]
        steps = plan.plan_reading(ids, texts[files], rungs, params.window, params.batch, params.cooldown, counts)
        for init in range(params.inits):
            name = f"{row['reading']}-i{init}"
            found.append(
                Reading(name, row["order"], row["arm"], int(row["draw"]), init, row["top"] == "1", books, steps)
            )
    return found


def facts_of(reading: Reading, rung: plan.Rung, made: Mapping[str, Any]) -> dict[str, Any]:
    """What the card of a rung's adapter says; `made` holds what all readings share: base, code, params."""
    steps = reading.plan.steps[: rung.end]
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
        "cooldown_steps": rung.end - rung.branch,
        "tokens": sum(len(text) for step in steps for text in step.tokens),
        **made,
    }


class Store:
    """Adapters and checkpoints by key: everything that the bytes of a trained adapter depend on."""

    def __init__(self, shared: Sequence[object], seconds: float = math.inf, root: Path | None = None) -> None:
        self.root, self.shared = root or store_root(), shared
        self.adapters, self.trunks = Keyed("adapters", self.root), Keyed("trunks", self.root)
        self.seconds = seconds  # between the checkpoints that outlive a kill
        self.chains: dict[str, list[str]] = {}

    def trunk_key(self, reading: Reading, steps: int) -> str:
        """Key of the trunk after `steps` steps: the same for every reading that has taken the same ones."""
        if reading.name not in self.chains:
            keys = [key_of(self.shared, reading.init)]
            for step in reading.plan.steps:
                keys.append(key_of(keys[-1], step.texts, step.tokens))
            self.chains[reading.name] = keys
        return self.chains[reading.name][steps]

    def cooling_key(self, reading: Reading, rung: plan.Rung, steps: int) -> str:
        """Key of the state after `steps` steps, the last ones of them in the cool-down of a rung."""
        return key_of(self.trunk_key(reading, steps), "cooling", rung.branch, rung.end)

    def adapter_key(self, reading: Reading, rung: plan.Rung, facts: Mapping[str, Any]) -> str:
        """Key of a rung's adapter."""
        hashes = [[book.book_id, book.sha256] for book in reading.books[: rung.books]]
        return key_of(self.trunk_key(reading, rung.end), rung.branch, hashes, dict(facts))

    def furthest(self, reading: Reading, rung: plan.Rung) -> tuple[int, Path | None]:
        """The last checkpoint on the way to a rung, in its cool-down or before it: its steps and its entry."""
        keys = [self.cooling_key(reading, rung, steps) for steps in range(rung.end, rung.branch, -1)]
        keys += [self.trunk_key(reading, steps) for steps in range(rung.branch, -1, -1)]
        for back, key in enumerate(keys):
            if kept := self.trunks.get(key):
                return rung.end - back, kept
        return 0, None


def cost(reading: Reading, wanted: Sequence[plan.Rung], store: Store) -> int:
    """Text tokens still to be trained on: the trunk up to the last wanted branch, and the cool-downs."""
    size = [sum(map(len, step.tokens)) for step in reading.plan.steps]
    total, done = 0, 0
    for rung in sorted(wanted, key=lambda rung: rung.end):
        kept = store.furthest(reading, rung)[0]
        total += sum(size[max(done, kept) : rung.end])
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
        for key, rung in sorted(missing.items(), key=lambda item: item[1].end):
            ranks.wait()  # what the first rank wrote last is there for all
            kept = store.furthest(reading, rung)[1]
            if kept:
                walk.load(kept)
            elif trained.done:
                raise UserError(f"the checkpoints of {reading.name} were taken away while it was trained; run it again")
            walk.to(rung.branch)
            walk.to(rung.end, rung)
            if ranks.first:
                facts, books = facts_of(reading, rung, made), reading.books[: rung.books]
                store.adapters.put(key, partial(card.write_adapter, trained.model, facts, books, trained.log))
                walk.forget()
    trained.release()


class Walk:
    """The steps of a reading, with checkpoints on the way and the curves of loss and learning rate."""

    def __init__(self, trained: trunk.Trunk, reading: Reading, store: Store, tell: Tell) -> None:
        self.trained, self.reading, self.store, self.tell = trained, reading, store, tell
        self.curves = Curves(CURVES / reading.name) if trained.ranks.first else None
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
        branches = {self.store.trunk_key(self.reading, rung.branch) for rung in self.reading.plan.rungs}
        self.passing = None if kept.name in branches else kept.name
        if self.curves:
            self.curves.show(self.trained.log)

    def to(self, end: int, rung: plan.Rung | None = None) -> None:
        """Walk to a step at the trunk's rate, or through the cool-down of a rung; leave a checkpoint of the trunk."""
        length = rung.end - rung.branch if rung else 1
        for index in range(self.trained.done, end):
            step = self.reading.plan.steps[index]
            loss = self.trained.take(step, self.trained.rate(index, end - index if rung else None, length))
            self.tell(sum(map(len, step.tokens)), f"loss {loss:.3f}")
            if self.curves:
                self.curves.show(self.trained.log)
            if time.monotonic() - self.saved >= self.store.seconds:
                self.keep(self.key(rung), passing=True)
        if rung is None and end == self.trained.done:
            self.keep(self.key(None), passing=False)

    def key(self, rung: plan.Rung | None) -> str:
        """The key of where we stand."""
        done = self.trained.done
        return self.store.cooling_key(self.reading, rung, done) if rung else self.store.trunk_key(self.reading, done)

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
