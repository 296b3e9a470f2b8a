"""Train every reading: one pass over its books (the trunk), and at each rung a cool-down that is its adapter.

Reads   data/base/, data/tiers/, params.yaml (train)
Writes  data/train/<reading>/<rung>/ (PEFT folders with card, books and facts)
Run     python -m stages.train
"""

import dataclasses
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from stages.shared import models
from stages.shared.errors import UserError, run
from stages.shared.keyed import assemble, code_digest
from stages.shared.params import Section, load_params
from stages.shared.progress import Progress
from stages.train import card, plan, reading, trunk

BASE, OUT = Path("data/base"), Path("data/train")
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


def train_missing(
    readings: list[reading.Reading],
    wanted: dict[str, tuple[reading.Reading, plan.Rung]],
    store: reading.Store,
    recipe: trunk.Recipe,
    made: dict[str, Any],
) -> int:
    """Train what the store does not hold, reading by reading; returns the number of adapters trained."""
    missing = {key: pair for key, pair in wanted.items() if store.adapters.get(key) is None}
    base = models.load_base(BASE) if missing else None
    for one in readings:
        rungs = {key: rung for key, (owner, rung) in missing.items() if owner is one}
        if rungs and base:
            with Progress(f"train {one.name}", reading.cost(one, list(rungs.values()), store), "token") as progress:
                reading.train_reading(one, rungs, store, base, recipe, made, progress.step)
    return len(missing)


def main() -> None:
    params = load_params(TrainParams, "train")
    facts = models.read_facts(BASE)
    readings = reading.read_readings(params, models.load_tokenizer(BASE))
    if not readings:
        raise UserError("data/tiers/readings.csv has no reading; look at tiers.orders and tiers.ladder")
    settings = params.model_dump(exclude={"inits"}) | {
        "precision": trunk.precision_of(params.precision, models.device())
    }
    recipe = trunk.Recipe(**{field.name: settings[field.name] for field in dataclasses.fields(trunk.Recipe)})
    code = code_digest([trunk, plan, card, models], LIBRARIES)
    store = reading.Store([facts["fingerprint"], dataclasses.asdict(recipe), code])
    made = {"base": facts["model"], "base_fingerprint": facts["fingerprint"], "code": code, **settings}
    wanted = {
        store.adapter_key(one, rung, reading.facts_of(one, rung, made)): (one, rung)
        for one in readings
        for rung in one.plan.rungs
    }
    trained = train_missing(readings, wanted, store, recipe, made)
    assemble(OUT, {f"{one.name}/{rung.books:05d}": store.adapters.path(key) for key, (one, rung) in wanted.items()})
    print(f"train: {len(wanted)} adapters of {len(readings)} readings, {trained} of them trained now")


if __name__ == "__main__":
    run(main)
