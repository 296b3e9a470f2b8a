"""Trajectories: a trunk at every few books, for overturns, and its null: trunks on the same books in other orders.

The null is trained like the real trunk, from the same seed, so that what only training does, such as steps that grow
smaller, stands in both.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import Field

from stages.shared import card, models, plan, trunk
from stages.shared.chance import shuffled
from stages.shared.errors import UserError
from stages.shared.keyed import Keyed, key_of
from stages.shared.locks import Task, in_turn
from stages.shared.params import Section
from stages.shared.progress import Progress
from stages.shared.ranks import Ranks
from stages.shared.records import ShelfBook, read_csv, write_json
from stages.train import reading

FOLDER = "trajectories"


class TrajectoryParams(Section):
    """Section `train.trajectory`: whose trunk is followed, how far, and beside how many others."""

    reading: str | None
    books: int = Field(ge=2)
    every: int = Field(ge=1)
    inits: int = Field(ge=1)
    nulls: int = Field(ge=0)


@dataclass(frozen=True)
class Trajectory:
    """A trunk and its points: after how many steps how many books were read. `number` is its init, or the null's."""

    walked: reading.Reading
    of: str
    kind: str  # real, shuffled
    number: int
    points: tuple[tuple[int, int], ...]  # books, steps

    def facts(self, books: int) -> dict[str, Any]:
        """What point.json says."""
        facts = {"trajectory": self.walked.name, "reading": self.of, "kind": self.kind, "number": self.number}
        return facts | {"books": books}


def read_trajectories(
    params: TrajectoryParams, window: int, batch: int, cooldown: float, tokenizer: Any
) -> list[Trajectory]:
    """The real trunk of each init and the trunks of the null; none where no reading is named."""
    if params.reading is None:
        return []
    row = find_row(params.reading)
    path = reading.TIERS / "orders" / f"{row['order']}-d{row['draw']}.csv"
    books = read_csv(path, ShelfBook)[: params.books]
    check(params, window, len(books))
    texts = reading.read_texts(reading.text_files(row), tokenizer)
    by_id = {book.book_id: book for book in books}
    orders = [("real", init, list(by_id)) for init in range(params.inits)]
    orders += [("shuffled", one, shuffled(by_id, params.reading, "null", one)) for one in range(params.nulls)]
    found = []
    for kind, number, names in orders:
        planned = plan.plan_reading(
            names, texts, range(params.every, len(names) + 1, params.every), window, batch, cooldown
        )
        points = tuple((rung.books, rung.end) for rung in planned.rungs)
        init, label = (number, f"i{number}") if kind == "real" else (0, f"shuffled-{number:02d}")
        there = reading.Reading(
            f"{params.reading}-trunk-{label}", row["order"], row["arm"], int(row["draw"]), init, False,
            [by_id[name] for name in names], planned,
        )  # fmt: skip
        found.append(Trajectory(there, params.reading, kind, number, points))
    return found


def find_row(name: str) -> dict[str, str]:
    """The row of a reading in readings.csv."""
    with (reading.TIERS / "readings.csv").open(encoding="utf-8", newline="") as stream:
        rows = {row["reading"]: row for row in csv.DictReader(stream)}
    if name not in rows:
        raise UserError(f"train.trajectory.reading is {name!r}; the readings are {', '.join(rows)}")
    return rows[name]


def check(params: TrajectoryParams, window: int, available: int) -> None:
    """Refuse points inside a window, and a trajectory longer than its reading."""
    if params.every % window or params.books % params.every:
        raise UserError(
            f"train.trajectory has {params.books} books, a point every {params.every}; the books must be a multiple "
            f"of that, and that one of train.window, {window}: the books of a window are read together"
        )
    if available < params.books:
        raise UserError(f"train.trajectory.books is {params.books}, its order has {available}; lower it")


class Points:
    """The adapters of all points, by key: the trunk's own key and nothing else."""

    def __init__(self, store: reading.Store) -> None:
        self.store, self.entries = store, Keyed("points", store.root)

    def key(self, one: Trajectory, point: tuple[int, int]) -> str:
        """The key of a point."""
        return key_of(self.store.trunk_keys(one.walked)[point[1]], one.facts(point[0]))

    def missing(self, one: Trajectory) -> list[tuple[int, int]]:
        """The points that the store does not hold."""
        return [point for point in one.points if self.entries.get(self.key(one, point)) is None]

    def paths(self, found: Sequence[Trajectory]) -> dict[str, Path]:
        """Where each point stands below data/train, and its entry."""
        return {
            f"{FOLDER}/{one.walked.name}/{point[0]:05d}": self.entries.path(self.key(one, point))
            for one in found
            for point in one.points
        }

    def start(self, one: Trajectory, point: tuple[int, int]) -> Path | None:
        """The last checkpoint on the way to a point."""
        keys = self.store.trunk_keys(one.walked)[: point[1] + 1]
        return next((kept for key in reversed(keys) if (kept := self.store.trunks.get(key))), None)

    def write(self, one: Trajectory, books: int, model: Any, folder: Path) -> None:
        """The adapter of a point, its weights in float16, and its facts."""
        from safetensors.torch import load_file, save_file

        card.write_weights(model, folder)
        weights = folder / "adapter_model.safetensors"
        save_file({name: value.half() for name, value in load_file(weights).items()}, weights)
        write_json(folder / "point.json", one.facts(books))


def train_trajectories(
    found: Sequence[Trajectory], points: Points, recipe: trunk.Recipe, ranks: Ranks, folder: Path
) -> int:
    """Train what the store lacks, trunk after trunk; returns the number of points made."""
    waiting = [found[place] for place in ranks.share([at for at, one in enumerate(found) if points.missing(one)])]
    if not waiting:
        return 0
    base, made, store = models.load_base(folder), 0, points.store
    tasks = [Task(store.lock(one.walked), f"trains {one.walked.name}", at) for at, one in enumerate(waiting)]
    total = sum(sum(map(len, step.tokens)) for one in waiting for step in one.walked.plan.steps)
    with Progress("train trajectories", total if ranks.first else 0, "token") as progress:
        for number, task in enumerate(ranks.follow(in_turn(store.root, tasks)), 1):
            one = waiting[task.item]
            note = f"{number}/{len(waiting)} {one.walked.name}"
            missing = ranks.share(points.missing(one))
            made += len(missing)

            def tell(tokens: int, loss: str, note: str = note) -> None:
                if ranks.first:
                    progress.step(tokens, f"{note}, {loss}")

            if missing:
                train_trajectory(one, missing, points, base, recipe, tell, ranks)
    return made


def train_trajectory(
    one: Trajectory,
    missing: Sequence[tuple[int, int]],
    points: Points,
    base: models.Base,
    recipe: trunk.Recipe,
    tell: reading.Tell,
    ranks: Ranks,
) -> None:
    """Walk one trunk from its last checkpoint, or its beginning, through all missing points."""
    trained = trunk.Trunk(base, recipe, one.walked.init, ranks)
    with reading.Walk(trained, one.walked, points.store, tell, watched=False) as walk:
        if kept := points.start(one, missing[0]):
            trained.load(kept)
        for point in missing:
            walk.along(point[1], mark=False)
            if ranks.first:
                points.entries.put(points.key(one, point), partial(points.write, one, point[0], trained.model))
        walk.forget()
    trained.release()
