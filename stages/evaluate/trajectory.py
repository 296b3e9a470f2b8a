"""Points of trajectories: bits of the first tokens of the probe's passages, and the states that said the last ones.

Few tokens, since a null has hundreds of points; the same ones at every point, so that any two points compare.
"""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stages.evaluate.cell import Probe
from stages.evaluate.conditions import Encode
from stages.shared import adapters, scoring
from stages.shared.keyed import Keyed, key_of
from stages.shared.models import Base
from stages.shared.progress import Progress

FOLDER = "trajectories"
CONTEXT, TOKENS, KEPT = 4, 28, 8  # tokens of a passage: not scored, run, those at the end whose states are kept
COLUMNS = ("trajectory", "reading", "kind", "number")


@dataclass(frozen=True)
class Point:
    """One point: bits (items,) and states (items × KEPT, width)."""

    bits: np.ndarray[Any, np.dtype[np.float64]]
    states: np.ndarray[Any, np.dtype[np.float16]]


def requests_of(probe: Probe, encode: Encode) -> dict[str, scoring.Request]:
    """What is scored at every point: the beginnings of the passages whose states are kept in cells too."""
    found = {}
    for row in probe.items:
        if row["item"] in probe.stated and len(ids := tuple(encode(row["text"])[:TOKENS])) == TOKENS:
            found[row["item"]] = scoring.Request(ids, CONTEXT)
    return found


def score_point(model: Any, base: Base, requests: Sequence[scoring.Request], batch_tokens: int) -> Point:
    """Score a model."""
    found = scoring.score(model, base.prefix, requests, [True] * len(requests), batch_tokens)
    states = [one.hidden[-KEPT:] for one in found if one.hidden is not None]
    return Point(np.array([round(one.total, 4) for one in found]), np.concatenate(states))


def read_points(folder: Path) -> list[tuple[dict[str, Any], Path]]:
    """The facts and the folder of every point below data/train, by trunk and books."""
    paths = sorted((folder / FOLDER).glob("*/*/point.json"))
    return [(json.loads(path.read_text(encoding="utf-8")), path.parent) for path in paths]


class Points:
    """Scores points by key."""

    def __init__(self, shared: Sequence[object], batch_tokens: int, open_base: Callable[[], Base]) -> None:
        self.shared, self.batch_tokens, self.open_base, self.store = shared, batch_tokens, open_base, Keyed("states")

    def entry(self, requests: Mapping[str, scoring.Request], folder: Path | None) -> Path:
        """The entry of a point, of the base where `folder` is None."""
        asked = [[name, one.ids, one.start] for name, one in requests.items()]
        key = key_of(self.shared, asked, adapters.digests(folder) if folder else ["base", ""])
        return self.store.get_or_put(key, lambda out: self.write(requests, folder, out))

    def write(self, requests: Mapping[str, scoring.Request], folder: Path | None, out: Path) -> None:
        """Score a point into `out`."""
        base = self.open_base()
        model = adapters.load(base, folder) if folder else base.model
        found = score_point(model, base, list(requests.values()), self.batch_tokens)
        np.savez(out / "point.npz", bits=found.bits, states=found.states)


def write_trajectories(points: Points, probe: Probe, trained: Path, target: Path) -> int:
    """Score all points below `trained` and write them below `target`.

    Each trunk is one file: books (points,), bits (points, items), states (points, tokens, width), the base first;
    beside them the items and their books. Returns the number of trunks.
    """
    there = read_points(trained)
    if not there:
        return 0
    base = points.open_base()
    requests = requests_of(probe, lambda text: base.tokenizer.encode(text, add_special_tokens=False))
    out = target / FOLDER
    out.mkdir()
    trunks: dict[str, list[tuple[dict[str, Any], Path]]] = {}
    with Progress("evaluate trajectories", len(there), "point") as progress:
        start = points.entry(requests, None)
        for facts, folder in there:
            trunks.setdefault(facts["trajectory"], []).append((facts, points.entry(requests, folder)))
            progress.step(1, facts["trajectory"])
    owner = {row["item"]: row["book_id"] for row in probe.items}
    for name, rows in trunks.items():
        loaded = [np.load(entry / "point.npz") for entry in (start, *(entry for _, entry in rows))]
        np.savez(
            out / f"{name}.npz", books=[0, *(facts["books"] for facts, _ in rows)],
            bits=np.stack([one["bits"] for one in loaded]), states=np.stack([one["states"] for one in loaded]),
            items=list(requests), owners=[owner[item] for item in requests],
        )  # fmt: skip
    with (out / "trunks.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, COLUMNS, lineterminator="\n", extrasaction="ignore")
        table.writeheader()
        table.writerows(rows[0][0] for rows in trunks.values())
    return len(trunks)
