"""One reading: what it reads, what its adapters depend on, and its training."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.shared import models
from stages.shared.keyed import Keyed, key_of
from stages.shared.records import ShelfBook, read_csv
from stages.train import card, plan, trunk

TIERS = Path("data/tiers")
Tell = Callable[[int, str], None]


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


def read_texts(arm: str) -> dict[str, list[tuple[str, str]]]:
    """The texts of an arm: book -> [(text id, text)]."""
    names = ["core", "orbit", "fractal"] if arm == "real" else [f"controls/{arm}"]
    found: dict[str, list[tuple[str, str]]] = {}
    for name in names:
        for line in (TIERS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            found.setdefault(row["book_id"], []).append((row["text_id"], row["text"]))
    return found


def read_readings(params: Any, tokenizer: Any) -> list[Reading]:
    """All readings of data/tiers, each for every init, with their plans."""
    encoded: dict[str, dict[str, list[tuple[str, list[int]]]]] = {}
    found = []
    with (TIERS / "readings.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        arm, rungs = row["arm"], [int(rung) for rung in row["rungs"].split(";")]
        if arm not in encoded:
            texts = read_texts(arm)
            encoded[arm] = {
                book: [(name, tokenizer.encode(text, add_special_tokens=False).ids) for name, text in group]
                for book, group in texts.items()
            }
        books = read_csv(TIERS / "orders" / f"{row['order']}-d{row['draw']}.csv", ShelfBook)[: max(rungs)]
        ids = [book.book_id for book in books]
        steps = plan.plan_reading(ids, encoded[arm], rungs, params.window, params.batch, params.cooldown)
        for init in range(params.inits):
            name = f"{row['reading']}-i{init}"
            found.append(Reading(name, row["order"], arm, int(row["draw"]), init, row["top"] == "1", books, steps))
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
        "rung": rung.books,
        "top": reading.top and rung is reading.plan.rungs[-1],
        "steps": rung.end,
        "cooldown_steps": rung.end - rung.branch,
        "tokens": sum(len(text) for step in steps for text in step.tokens),
        **made,
    }


class Store:
    """Adapters and trunk checkpoints by key: everything that the bytes of a trained adapter depend on."""

    def __init__(self, shared: Sequence[object]) -> None:
        self.adapters, self.trunks, self.shared = Keyed("adapters"), Keyed("trunks"), shared

    def trunk_key(self, reading: Reading, steps: int) -> str:
        """Key of the trunk after `steps` steps: the same for every reading that has taken the same ones."""
        taken = [[step.texts, step.tokens] for step in reading.plan.steps[:steps]]
        return key_of(self.shared, reading.init, taken)

    def adapter_key(self, reading: Reading, rung: plan.Rung, facts: Mapping[str, Any]) -> str:
        """Key of a rung's adapter."""
        hashes = [[book.book_id, book.sha256] for book in reading.books[: rung.books]]
        return key_of(self.trunk_key(reading, rung.end), rung.branch, hashes, dict(facts))


def resume_at(reading: Reading, first: plan.Rung, store: Store) -> tuple[int, Path | None]:
    """The last checkpoint of the trunk that the store holds before the first wanted rung: its steps and its entry."""
    for rung in reversed(reading.plan.rungs):
        if rung.branch <= first.branch and (kept := store.trunks.get(store.trunk_key(reading, rung.branch))):
            return rung.branch, kept
    return 0, None


def cost(reading: Reading, wanted: Sequence[plan.Rung], store: Store) -> int:
    """Text tokens still to be trained on: the trunk up to the last wanted branch, and the cool-downs."""
    size = [sum(map(len, step.tokens)) for step in reading.plan.steps]
    done = resume_at(reading, min(wanted, key=lambda rung: rung.books), store)[0]
    trunk = sum(size[done : max(rung.branch for rung in wanted)])
    return trunk + sum(sum(size[rung.branch : rung.end]) for rung in wanted)


def train_reading(
    reading: Reading,
    missing: Mapping[str, plan.Rung],
    store: Store,
    base: models.Base,
    recipe: trunk.Recipe,
    made: Mapping[str, Any],
    tell: Tell,
) -> None:
    """Train the missing adapters of one reading, from the last checkpoint that the store holds."""
    trained = trunk.Trunk(base, recipe, reading.init)
    wanted = sorted(missing.items(), key=lambda item: item[1].books)
    kept = resume_at(reading, wanted[0][1], store)[1]
    if kept:
        trained.load(kept)
    for key, rung in wanted:
        take_steps(trained, reading.plan.steps[trained.done : rung.branch], None, tell)
        checkpoint = store.trunks.get_or_put(store.trunk_key(reading, rung.branch), trained.save)
        take_steps(trained, reading.plan.steps[rung.branch : rung.end], rung, tell)
        facts = facts_of(reading, rung, made)
        books = reading.books[: rung.books]

        def write(folder: Path, facts: Mapping[str, Any] = facts, books: Sequence[ShelfBook] = books) -> None:
            card.write_adapter(trained.model, folder, facts, books)

        store.adapters.put(key, write)
        trained.load(checkpoint)
    trained.release()


def take_steps(trained: trunk.Trunk, steps: Sequence[plan.Step], rung: plan.Rung | None, tell: Tell) -> None:
    """Take steps at the trunk's rate, or those of a rung's cool-down with the rate falling to zero."""
    for index, step in enumerate(steps):
        left = len(steps) - index if rung else None
        loss = trained.take(step, trained.rate(trained.done, left, len(steps)))
        tell(sum(map(len, step.tokens)), f"loss {loss:.3f}")
