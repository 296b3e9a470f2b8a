"""Train every reading: one pass over its books (the trunk), and at each rung a cool-down that is its adapter.

Reads   data/base/, data/tiers/, params.yaml (train, workers)
Writes  data/train/<reading>/<rung>/ (PEFT folders with card, books and facts)
        data/train/trajectories/<trunk>/<books>/ (adapters of trunks on the way, where train.trajectory names a reading)
        dvclive/<reading>/ (curves of loss and learning rate, to watch; not versioned)
Run     python -m stages.train
        accelerate launch -m stages.train     (several GPUs, or several machines, train each reading together)
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from stages.shared import card, locks, models, plan, trunk
from stages.shared.commands import command_line
from stages.shared.errors import UserError, run
from stages.shared.keyed import assemble, code_digest
from stages.shared.locks import Task
from stages.shared.params import Section, load_params
from stages.shared.progress import Progress
from stages.shared.ranks import Ranks
from stages.shared.workers import Workers
from stages.train import fleet, reading, trajectory

BASE, OUT = Path("data/base"), Path("data/train")
LIBRARIES = ["torch", "peft", "transformers", "tokenizers"]
NO_RECIPE = {"inits", "init_readings", "checkpoint_seconds", "side_by_side", "trajectory"}  # change no adapter


class TrainParams(Section):
    """Section `train` of params.yaml."""

    inits: int = Field(ge=1)
    init_readings: list[str]
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
    checkpoint_seconds: float = Field(gt=0)
    side_by_side: int = Field(ge=0)
    trajectory: trajectory.TrajectoryParams


Missing = list[tuple[reading.Reading, dict[str, plan.Rung]]]


def missing_of(wanted: dict[str, tuple[reading.Reading, plan.Rung]], store: reading.Store, ranks: Ranks) -> Missing:
    """The rungs that the store holds no adapter of, by reading, as the first rank sees it."""
    found: dict[str, tuple[reading.Reading, dict[str, plan.Rung]]] = {}
    for key in ranks.share(store.lacking(wanted)):
        owner, rung = wanted[key]
        found.setdefault(owner.name, (owner, {}))[1][key] = rung
    return list(found.values())


def in_turn(
    missing: Missing, store: reading.Store, ranks: Ranks
) -> Iterator[tuple[reading.Reading, dict[str, plan.Rung]]]:
    """Each reading with what it still lacks, locked by the first rank; those that another run trains come last."""
    tasks = [Task(store.lock(one), f"trains {one.name}", place) for place, (one, _) in enumerate(missing)]
    for task in ranks.follow(locks.in_turn(store.root, tasks)):
        one, rungs = missing[task.item]
        yield one, {key: rungs[key] for key in ranks.share(store.lacking(rungs))}


def train_in_turn(
    missing: Missing, store: reading.Store, recipe: trunk.Recipe, made: dict[str, Any], ranks: Ranks
) -> int:
    """Train reading by reading, in this process and its ranks; returns the number of adapters made."""
    base, trained = models.load_base(BASE), 0
    for one, rungs in in_turn(missing, store, ranks):
        if not rungs:
            continue
        total = reading.cost(one, list(rungs.values()), store) if ranks.first else 0
        with Progress(f"train {one.name}", total, "token") as progress:
            tell = progress.step if ranks.first else (lambda tokens, note: None)
            reading.train_reading(one, rungs, store, base, recipe, made, tell, ranks)
        trained += len(rungs)
    return trained


def train_missing(
    missing: Missing, store: reading.Store, recipe: trunk.Recipe, made: dict[str, Any], ranks: Ranks, workers: Workers
) -> int:
    """Train what the store does not hold, in turn or several readings at once; returns the number of adapters made."""
    alone = workers.backend == "local" and (workers.count == 1 or len(missing) < 2)
    if ranks.world > 1 or alone:
        return train_in_turn(missing, store, recipe, made, ranks)
    base, root = BASE.absolute(), store.root.absolute()
    jobs = [fleet.Job(base, one, rungs, root, store.shared, store.seconds, recipe, made) for one, rungs in missing]
    return fleet.train_all(jobs, workers, (root, base))


def main() -> None:
    params, workers = load_params(TrainParams, "train"), load_params(Workers, "workers")
    ranks, facts = Ranks.join(), models.read_facts(BASE)
    tokenizer = models.load_tokenizer(BASE)
    readings = reading.read_readings(params, tokenizer)
    if not readings:
        raise UserError("data/tiers/readings.csv has no reading; look at tiers.orders and tiers.ladder")
    settings = params.model_dump(exclude=NO_RECIPE) | {
        "precision": trunk.precision_of(params.precision, models.device())
    }
    recipe = trunk.Recipe(**{field.name: settings[field.name] for field in dataclasses.fields(trunk.Recipe)})
    code = code_digest([trunk, plan, card, models], LIBRARIES)
    store = reading.Store([facts["fingerprint"], dataclasses.asdict(recipe), code], params.checkpoint_seconds)
    made = {"base": facts["model"], "base_fingerprint": facts["fingerprint"], "code": code, **settings}
    wanted = {
        store.adapter_key(one, rung, reading.facts_of(one, rung, made)): (one, rung)
        for one in readings
        for rung in one.plan.rungs
    }
    missing = missing_of(wanted, store, ranks)
    sized = fleet.sized(workers, params.side_by_side)
    trained = train_missing(missing, store, recipe, made, ranks, sized) if missing else 0
    followed = trajectory.read_trajectories(params.trajectory, params.window, params.batch, params.cooldown, tokenizer)
    points = trajectory.Points(store)
    trained_points = trajectory.train_trajectories(followed, points, recipe, ranks, BASE)
    ranks.wait()
    if not ranks.first:
        return
    folders = {f"{one.name}/{rung.rung:05d}": store.adapters.path(key) for key, (one, rung) in wanted.items()}
    assemble(OUT, folders | points.paths(followed))
    store.adapters.trim()
    print(f"train: {len(wanted)} adapters of {len(readings)} readings, {trained} of them trained now")
    if followed:
        print(f"train: {len(followed)} trunks followed, {trained_points} of their points made now")


if __name__ == "__main__":
    command_line("train", __doc__).parse_args()
    run(main)
