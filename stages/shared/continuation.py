"""A saturated adapter reads on: further texts with a fresh optimiser, and bits of passages under what came of it."""

import dataclasses
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from stages.shared import adapters, card, scoring
from stages.shared.chance import shuffled
from stages.shared.errors import UserError
from stages.shared.keyed import key_of
from stages.shared.models import Base
from stages.shared.plan import Step, Tokens
from stages.shared.trunk import Recipe, Trunk

FACTS = "reading.json"


@dataclass(frozen=True)
class Course:
    """How an adapter reads on: its recipe (of which `warmup` counts anew), and the share of steps that cool down."""

    recipe: Recipe
    cooldown: float


def read_facts(folder: Path) -> dict[str, Any]:
    """The facts of a rung's adapter: its reading, its recipe, its base."""
    path = folder / FACTS
    if not path.exists():
        raise UserError(f"{path} is missing; name the folder of a rung below data/train, or run `dvc repro train`")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def recipe_of(facts: Mapping[str, Any], **changes: Any) -> Recipe:
    """The recipe that an adapter was trained with, with `changes`: recipe_of(facts, warmup=2)."""
    return Recipe(**{field.name: facts[field.name] for field in dataclasses.fields(Recipe)} | changes)


def steps_of(texts: Mapping[str, Tokens], batch: int, *seed: object) -> tuple[Step, ...]:
    """The steps in which texts, by id, are read: shuffled by hash of `seed`, `batch` texts a step."""
    order = shuffled(texts, *seed)
    groups = [order[at : at + batch] for at in range(0, len(order), batch)]
    return tuple(Step(tuple(group), tuple(texts[name] for name in group)) for group in groups)


def continuation_key(base: Mapping[str, Any], folder: Path, steps: Sequence[Step], course: Course, seed: int) -> str:
    """The key of an adapter that has read on, code apart: everything else that its bytes depend on."""
    read = [[step.texts, [list(text) for text in step.tokens]] for step in steps]
    told = [course.cooldown, dataclasses.asdict(course.recipe), seed if course.recipe.dropout else 0]
    return key_of(base["fingerprint"], adapters.digests(folder), read, told)


class Continuation:
    """Continues adapters of one recipe on one base, one after the other.

    `base` is held in the precision of the recipe from here on (see trunk.hold_weights); what is to be scored is
    scored on another one.
    """

    def __init__(self, base: Base, course: Course) -> None:
        self.course = course
        self.trunk = Trunk(base, course.recipe, 0)

    def start(self, folder: Path, seed: int) -> None:
        """Take up the adapter of `folder` with an optimiser that knows nothing; `seed` is that of dropout."""
        put_weights(self.trunk, folder)
        recipe = self.course.recipe
        self.trunk.log.clear()
        self.trunk.optimizer = torch.optim.AdamW(
            self.trunk.weights.values(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        torch.manual_seed(seed)

    def read(self, folder: Path, steps: Sequence[Step], seed: int) -> Trunk:
        """Let the adapter of `folder` read `steps`: a short warm-up, and a rate that falls to zero at the end."""
        self.start(folder, seed)
        cooling = max(1, round(self.course.cooldown * len(steps)))
        for step in steps:
            left = len(steps) - self.trunk.done
            self.trunk.take(step, self.trunk.rate(self.trunk.done, left if left <= cooling else None, cooling))
        return self.trunk

    def write(self, folder: Path, steps: Sequence[Step], seed: int, out: Path) -> None:
        """Read on and write what came of it as a PEFT folder."""
        card.write_weights(self.read(folder, steps, seed).model, out)

    def bits(
        self, folder: Path, steps: Sequence[Step], seed: int, scorer: Base, passages: Mapping[str, Sequence[int]]
    ) -> dict[str, float]:
        """Read on, and score passages under what came of it: bits of each, by its name."""
        with tempfile.TemporaryDirectory() as name:
            self.write(folder, steps, seed, Path(name))
            return passage_bits(adapters.load(scorer, Path(name)), scorer.prefix, passages)


def put_weights(trunk: Trunk, folder: Path) -> None:
    """Put the weights of a PEFT folder into the adapter of a trunk."""
    there = load_file(folder / adapters.WEIGHTS)
    ours = {name.replace(".default.", "."): weight for name, weight in trunk.weights.items()}
    if {name: tuple(weight.shape) for name, weight in ours.items()} != {
        name: tuple(weight.shape) for name, weight in there.items()
    }:
        raise UserError(f"the adapter {folder} is of another base or rank than its recipe; run `dvc repro train`")
    with torch.no_grad():
        for name, weight in ours.items():
            weight.copy_(there[name])


def passage_bits(
    model: Any, prefix: int, passages: Mapping[str, Sequence[int]], batch_tokens: int = 1024
) -> dict[str, float]:
    """Bits of each passage (its tokens, by name) under a model."""
    found = scoring.score(model, prefix, [scoring.Request(tuple(ids)) for ids in passages.values()], None, batch_tokens)
    return {name: round(one.total, 4) for name, one in zip(passages, found, strict=True)}
