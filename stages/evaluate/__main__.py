"""Score every cell on the probe: prediction, explanation, order, chain of thought, divergence, forgetting.

Reads   data/base/, data/probe/, data/validate/scenes.jsonl, data/train/, params.yaml (evaluate)
Writes  data/evaluate/items.parquet, data/evaluate/cells.csv (what each adapter was trained on),
        data/evaluate/states/<cell>.npz, data/evaluate/chains.json;
        data/evaluate/trajectories/ where train.trajectory follows a trunk
Run     python -m stages.evaluate
        python -m stages.evaluate --adapter FOLDER [--items FILE]   score any PEFT adapter of this base on the probe
        python -m stages.evaluate --compare CELL CELL               how far two cells' predictions lie apart
"""

import argparse
import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from stages.evaluate import cell, conditions, outside, trajectory
from stages.shared import adapters, linear, models, prefixes, scoring
from stages.shared.chance import shuffled
from stages.shared.commands import command_line
from stages.shared.errors import UserError, run
from stages.shared.keyed import Keyed, assemble, code_digest, key_of
from stages.shared.params import Section, load_params
from stages.shared.progress import Progress
from stages.shared.records import write_json
from stages.shared.scenefile import accepted_scenes

BASE, PROBE, SCENES = Path("data/base"), Path("data/probe"), Path("data/validate/scenes.jsonl")
TRAINED, OUT = Path("data/train"), Path("data/evaluate")
CELL = ("reading", "order", "arm", "draw", "init", "rung", "top")  # what tells a cell from all others
LIBRARIES = ["torch", "transformers", "peft", "numpy"]


class EvaluateParams(Section):
    """Section `evaluate` of params.yaml."""

    halves: list[str] = Field(min_length=1)
    explained_per_book: int = Field(ge=0)
    explained: int | None = Field(ge=0)
    chained: int = Field(ge=0)
    chain_tokens: int = Field(ge=1)
    states_per_book: int = Field(ge=1)
    scenes_per_book: int = Field(ge=0)
    batch_tokens: int = Field(ge=64)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read_probe(books: Mapping[str, Mapping[str, str]], params: EvaluateParams) -> cell.Probe:
    """The probe of the halves asked for; which items get the dearer scores is chosen by hash."""
    items = [row for row in read_lines(PROBE / "items.jsonl") if books[row["book_id"]]["half"] in params.halves]
    explained = some_of_each(
        [row for row in items if row["wrong"]], params.explained_per_book, "explained", params.explained
    )
    ordered = some_of_each(
        [row for row in items if row["middle"]], params.explained_per_book, "ordered", params.explained
    )
    stated = some_of_each(items, params.states_per_book, "states")
    chained = frozenset(shuffled(explained, "chained")[: params.chained])
    scenes = picked_scenes([book for book in books if books[book]["half"] in params.halves], params.scenes_per_book)
    return cell.Probe(items, scenes, read_lines(PROBE / "control.jsonl"), explained, ordered, chained, stated)


def picked_scenes(books: Sequence[str], count: int) -> list[dict[str, str]]:
    """The first `count` accepted scenes of each book, as items."""
    accepted = accepted_scenes(SCENES) if count else {}
    return [
        {"item": scene.scene_id, "book_id": book, "text": scene.text}
        for book in books
        for scene in accepted.get(book, [])[:count]
    ]


def some_of_each(items: Sequence[Mapping[str, Any]], count: int, name: str, most: int | None = None) -> frozenset[str]:
    """The ids of `count` items of each book, `most` in all, chosen by hash."""
    books: dict[str, list[str]] = {}
    for row in items:
        books.setdefault(row["book_id"], []).append(row["item"])
    chosen = [item for group in books.values() for item in shuffled(group, name)[:count]]
    return frozenset(shuffled(chosen, name, "all")[:most])


def read_books() -> dict[str, dict[str, str]]:
    """The probe's books by id."""
    with (PROBE / "books.csv").open(encoding="utf-8", newline="") as stream:
        return {row["book_id"]: row for row in csv.DictReader(stream)}


def write_cell(found: cell.Cell, folder: Path) -> None:
    """Write one cell as an entry of the store."""
    pd.DataFrame(found.rows).to_parquet(folder / "items.parquet", index=False)
    np.savez(folder / "states.npz", states=found.states)
    write_json(folder / "chains.json", found.chains)


def read_cell(folder: Path) -> cell.Cell:
    """Read one cell of the store."""
    rows = pd.read_parquet(folder / "items.parquet").to_dict("records")
    chains = json.loads((folder / "chains.json").read_text(encoding="utf-8"))
    return cell.Cell(rows, np.load(folder / "states.npz")["states"], chains)  # type: ignore[arg-type]


class Scorer:
    """Scores cells by key; the base model is loaded when the first cell is not in the store."""

    def __init__(self, probe: cell.Probe, params: EvaluateParams) -> None:
        self.probe, self.params, self.store = probe, params, Keyed("cells")
        code = code_digest([cell, conditions, adapters, scoring, prefixes, models, linear], LIBRARIES)
        contents = [list(map(dict, probe.items)), list(map(dict, probe.scenes)), list(map(dict, probe.controls))]
        facts = models.read_facts(BASE)["fingerprint"]
        chosen = [sorted(names) for names in (probe.explained, probe.ordered, probe.chained, probe.stated)]
        self.shared = [facts, contents, chosen, params.chain_tokens, params.batch_tokens, code]
        self.base: models.Base | None = None

    def entry(self, label: str, folder: Path | None, reference: Path | None) -> Path:
        """The store's entry of a cell: of the base where `folder` is None, else of that adapter."""
        key = key_of(self.shared, adapters.digests(folder) if folder else ["base", ""])
        return self.store.get_or_put(key, lambda out: self.score(label, folder, reference, out))

    def open_base(self) -> models.Base:
        """The base model, loaded when it is first asked for."""
        self.base = self.base or models.load_base(BASE)
        return self.base

    def score(self, label: str, folder: Path | None, reference: Path | None, out: Path) -> None:
        """Score a cell into `out`."""
        base = self.open_base()
        model = adapters.load(base, folder) if folder else base.model
        encode = encoder(base)
        found = cell.score_cell(
            model,
            base,
            self.probe,
            encode,
            read_cell(reference) if reference else None,
            self.params.chain_tokens,
            self.params.batch_tokens,
            lambda total: Progress(f"evaluate {label}", total, "token"),
        )
        write_cell(found, out)


def encoder(base: models.Base) -> conditions.Encode:
    """Encode a text to token ids without special tokens."""
    return lambda text: base.tokenizer.encode(text, add_special_tokens=False)


def table(entries: Mapping[str, tuple[dict[str, Any], Path]], books: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """The items table of all cells: identity of the cell, facts of the book, then the scored rows."""
    frames = []
    for facts, entry in entries.values():
        rows = pd.read_parquet(entry / "items.parquet")
        for position, (name, value) in enumerate(facts.items()):
            rows.insert(position, name, value)
        frames.append(rows)
    whole = pd.concat(frames, ignore_index=True)
    control = {"half": "", "author": "", "tier": "", "category": "", "language": "en"}
    for name in control:
        known = {book: row[name] for book, row in books.items()}
        whole[name] = [known.get(book, control[name]) for book in whole["book_id"]]
    return whole


def cells() -> list[tuple[dict[str, Any], Path]]:
    """What is known of every trained cell, and its folder, sorted by reading and rung."""
    found = []
    for path in sorted(TRAINED.glob("*/*/reading.json")):
        found.append((json.loads(path.read_text(encoding="utf-8")), path.parent))
    if not found:
        raise UserError(f"{TRAINED} has no adapter; run `dvc repro train`")
    return found


def write_out(entries: Mapping[str, tuple[dict[str, Any], Path]], books: Mapping[str, Mapping[str, str]]) -> int:
    """Assemble data/evaluate from the entries of all cells; returns the rows of the items table."""
    assemble(OUT, {f"states/{name}.npz": entry / "states.npz" for name, (_, entry) in entries.items()})
    rows = table(entries, books)
    rows.to_parquet(OUT / "items.parquet", index=False)
    chains = {name: json.loads((entry / "chains.json").read_text("utf-8")) for name, (_, entry) in entries.items()}
    write_json(OUT / "chains.json", chains)
    return len(rows)


def write_cells(facts: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write what each adapter was trained on: books, optimiser steps and text tokens."""
    names = [*CELL, "books", "steps", "tokens"]
    pd.DataFrame([{name: one[name] for name in names} for one in facts]).to_csv(path, index=False, lineterminator="\n")


def names_of(found: Sequence[tuple[dict[str, Any], Path]]) -> list[str]:
    """A file name for each cell."""
    return [f"{facts['reading']}-{facts['rung']:05d}" for facts, _ in found]


NOTHING = {"reading": "base", "order": "", "arm": "base", "draw": 0, "init": 0, "rung": 0, "top": False}


def score_all(scorer: Scorer, books: Mapping[str, Mapping[str, str]]) -> None:
    """Score the base and every trained cell, and write data/evaluate."""
    reference = scorer.entry("base", None, None)
    entries: dict[str, tuple[dict[str, Any], Path]] = {"base": (NOTHING, reference)}
    found = cells()
    for name, (facts, folder) in zip(names_of(found), found, strict=True):
        entries[name] = ({key: facts[key] for key in CELL}, scorer.entry(name, folder, reference))
    rows = write_out(entries, books)
    write_cells([facts for facts, _ in found], OUT / "cells.csv")
    code = code_digest([trajectory, adapters, scoring, prefixes, models, linear], LIBRARIES)
    points = trajectory.Points([scorer.shared[0], code], scorer.params.batch_tokens, scorer.open_base)
    trunks = trajectory.write_trajectories(points, scorer.probe, TRAINED, OUT)
    scorer.store.trim()
    followed = f"; {trunks} trunks at all their points" if trunks else ""
    print(f"evaluate: {rows} rows of {len(entries)} cells on {len(scorer.probe.items)} passages{followed}")


def score_one(scorer: Scorer, books: Mapping[str, Mapping[str, str]], folder: Path, items: Path | None) -> None:
    """Score an adapter that no reading of this project need have trained, and print what it gained."""
    adapters.check(folder)
    reference = scorer.entry("base", None, None)
    entry = scorer.entry(folder.name, folder, reference)
    facts = NOTHING | {"reading": str(folder), "arm": "outside"}
    rows = table({"base": (NOTHING, reference), "adapter": (facts, entry)}, books)
    if items:
        rows.to_parquet(items, index=False)
    print("\n".join(outside.lines(rows)))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = command_line("evaluate", __doc__)
    parser.add_argument("--adapter", type=Path, metavar="FOLDER", help="score this PEFT adapter and print its gains")
    parser.add_argument("--items", type=Path, metavar="FILE", help="with --adapter: write its items table (Parquet)")
    parser.add_argument("--compare", nargs=2, metavar="CELL", help="divergence of two cells of data/evaluate/states")
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    if asked.compare:
        print(outside.comparison(BASE, OUT / "states", *asked.compare))
        return
    params = load_params(EvaluateParams, "evaluate")
    books = read_books()
    scorer = Scorer(read_probe(books, params), params)
    if asked.adapter:
        score_one(scorer, books, asked.adapter, asked.items)
    else:
        score_all(scorer, books)


if __name__ == "__main__":
    run(main)
