"""What a study costs, counted from the orders and texts of its workspace before anything is trained."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.shared.records import TIERS

RATE = 300  # text tokens trained a second, on two threads with bfloat16 (`make bench`)
CELL = 30  # seconds for the scores of a cell on 12,000 probe tokens, on the same machine
POINT = 3  # seconds for a point of a trajectory


@dataclass(frozen=True)
class Cost:
    """Readings, cells, trunks of trajectories with their points, and text tokens, those of the trunks included."""

    books: int
    readings: int
    cells: int
    trunks: int
    points: int
    training_tokens: int

    @property
    def minutes(self) -> float:
        """Of training and scoring alone, at RATE, CELL and POINT."""
        return (self.training_tokens / RATE + CELL * (self.cells + 1) + POINT * self.points) / 60

    @property
    def told(self) -> str:
        """All of it in a line."""
        read = f"{self.books} books to read, {self.readings} readings, {self.cells} cells"
        work = f"{self.trunks} trunks with {self.points} points, {self.training_tokens:,} tokens to train"
        rates = f"{RATE} tokens a second, {CELL} seconds a cell and {POINT} a point"
        return f"studies: {read}, {work}; {self.minutes:.0f} minutes at {rates}"


def tokens_of(folder: Path) -> dict[str, int]:
    """Tokens that the real arm reads of each book."""
    found: dict[str, int] = {}
    for tier in TIERS:
        for line in (folder / f"{tier}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            found[row["book_id"]] = found.get(row["book_id"], 0) + row["tokens"]
    return found


def count(folder: Path, params: dict[str, Any]) -> Cost:
    """Count the readings of data/tiers: the trunk up to the largest rung, and a cool-down at each."""
    tokens, cells, trained, readings = tokens_of(folder), 0, 0.0, 0
    followed = params["train"]["trajectory"]
    trunks = followed["inits"] + followed["nulls"] if followed["reading"] else 0
    with (folder / "readings.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        with (folder / "orders" / f"{row['order']}-d{row['draw']}.csv").open(encoding="utf-8", newline="") as stream:
            sizes = [tokens[book["book_id"]] for book in csv.DictReader(stream)]
        rungs = [int(rung) for rung in row["rungs"].split(";")]
        several = not params["train"]["init_readings"] or row["reading"] in params["train"]["init_readings"]
        inits = params["train"]["inits"] if several else 1
        cooled = params["train"]["cooldown"] * sum(sum(sizes[:rung]) for rung in rungs)
        readings, cells = readings + inits, cells + inits * len(rungs)
        trained += inits * (sum(sizes[: rungs[-1]]) + cooled)
        if row["reading"] == followed["reading"]:
            trained += trunks * sum(sizes[: followed["books"]])
    points = trunks * (followed["books"] // followed["every"])
    return Cost(len(tokens), readings, cells, trunks, points, round(trained))
