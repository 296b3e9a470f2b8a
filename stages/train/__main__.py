"""Train every reading: one pass over its books (the trunk), and at each rung a cool-down that is its adapter.

Reads   data/base/, data/tiers/, params.yaml (train)
Writes  data/train/<reading>/<rung>/ (PEFT folders with card, books and facts)
Run     python -m stages.train
"""

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from stages.shared import models
from stages.shared.errors import UserError, run
from stages.shared.keyed import Keyed, assemble, code_digest, key_of
from stages.shared.params import Section, load_params
from stages.shared.progress import Progress
from stages.shared.records import ShelfBook, read_csv
from stages.train import card, plan

TIERS, BASE, OUT = Path("data/tiers"), Path("data/base"), Path("data/train")
LIBRARIES = ["torch", "peft", "transformers", "tokenizers"]


class TrainParams(Section):
    """Section `train` of params.yaml."""

    inits: int = Field(ge=1)
    rank: int = Field(ge=1)
    alpha: int = Field(ge=1)
    dropout: float = Field(ge=0, lt=1)
    learning_rate: float = Field(gt=0)
    warmup: int = Field(ge=0)
    clip: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    batch: int = Field(ge=1)
    window: int = Field(ge=1)
    cooldown: float = Field(gt=0, le=0.5)
    precision: Literal["auto", "float32", "bfloat16"]


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


def read_readings(params: TrainParams, tokenizer: Any) -> list[Reading]:
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


def facts_of(reading: Reading, rung: plan.Rung, recipe: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """What the card of a rung's adapter says."""
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
        "base": base["model"],
        "base_fingerprint": base["fingerprint"],
        **recipe,
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


def cost(reading: Reading, wanted: Sequence[plan.Rung], done: int) -> int:
    """Text tokens still to be trained on: the trunk up to the last wanted branch, and the cool-downs."""
    size = [sum(map(len, step.tokens)) for step in reading.plan.steps]
    trunk = sum(size[done : max(rung.branch for rung in wanted)])
    return trunk + sum(sum(size[rung.branch : rung.end]) for rung in wanted)


def train_reading(
    reading: Reading,
    missing: Mapping[str, plan.Rung],
    store: Store,
    base: models.Base,
    recipe: dict[str, Any],
    tell: Any,
) -> None:
    """Train the missing adapters of one reading, from the last checkpoint that the store holds."""
    from stages.train import trunk as training

    trunk = training.Trunk(base, training.Recipe(**recipe), reading.init)
    wanted = sorted(missing.items(), key=lambda item: item[1].books)
    for rung in reversed(reading.plan.rungs):
        kept = store.trunks.get(store.trunk_key(reading, rung.branch)) if rung.branch <= wanted[0][1].branch else None
        if kept:
            trunk.load(kept)
            break
    for key, rung in wanted:
        take_steps(trunk, reading.plan.steps[trunk.done : rung.branch], None, tell)
        checkpoint = store.trunks.get_or_put(store.trunk_key(reading, rung.branch), trunk.save)
        take_steps(trunk, reading.plan.steps[rung.branch : rung.end], rung, tell)
        facts = facts_of(reading, rung, recipe, base.facts)
        books = reading.books[: rung.books]

        def write(folder: Path, facts: Mapping[str, Any] = facts, books: Sequence[ShelfBook] = books) -> None:
            card.write_adapter(trunk.model, folder, facts, books)

        store.adapters.put(key, write)
        trunk.load(checkpoint)
    trunk.release()


def take_steps(trunk: Any, steps: Sequence[plan.Step], rung: plan.Rung | None, tell: Any) -> None:
    """Take steps at the trunk's rate, or those of a rung's cool-down with the rate falling to zero."""
    for index, step in enumerate(steps):
        left = len(steps) - index if rung else None
        loss = trunk.take(step, trunk.rate(trunk.done, left, len(steps)))
        tell(sum(map(len, step.tokens)), f"loss {loss:.3f}")


def main() -> None:
    params = load_params(TrainParams, "train")
    base_facts, tokenizer = models.read_facts(BASE), models.load_tokenizer(BASE)
    readings = read_readings(params, tokenizer)
    if not readings:
        raise UserError("data/tiers/readings.csv has no reading; look at tiers.orders and tiers.ladder")
    from stages.train import trunk as training

    recipe = params.model_dump(exclude={"inits", "batch", "window", "cooldown", "precision"})
    recipe["precision"] = training.precision_of(params.precision, models.device())
    code = code_digest([training, plan, card, models], LIBRARIES)
    store = Store([base_facts["fingerprint"], recipe, code])
    wanted: dict[str, tuple[Reading, plan.Rung]] = {}
    for reading in readings:
        for rung in reading.plan.rungs:
            facts = facts_of(reading, rung, recipe, base_facts)
            wanted[store.adapter_key(reading, rung, facts)] = (reading, rung)
    missing = {key: pair for key, pair in wanted.items() if store.adapters.get(key) is None}
    base = models.load_base(BASE) if missing else None
    for reading in readings:
        rungs = {key: rung for key, (owner, rung) in missing.items() if owner is reading}
        if rungs and base:
            with Progress(f"train {reading.name}", cost(reading, list(rungs.values()), 0), "token") as progress:
                train_reading(reading, rungs, store, base, recipe, progress.step)
    assemble(OUT, {f"{r.name}/{rung.books:05d}": store.adapters.path(key) for key, (r, rung) in wanted.items()})
    print(
        f"train: {len(wanted)} adapters of {len(readings)} readings, {len(missing)} of them trained now",
        file=sys.stdout,
    )


if __name__ == "__main__":
    run(main)
