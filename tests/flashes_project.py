"""A small shelf with a saturated adapter, written for the stage flashes: real files, a tiny model, planted flashes."""

import json
import random
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from conftest import ROOT, prose
from study import own_prose

from stages import base
from stages.probe import ProbeBook
from stages.shared import continuation, models
from stages.shared.card import write_adapter
from stages.shared.records import ShelfBook, write_csv
from stages.shared.scenefile import Scene, write_accepted
from stages.shared.trunk import Recipe, Trunk

READ, PAST, HELD = 8, 20, 4  # books before the rung, past it, and of the probe
TONGUE = {"b20": 1, "held1": 2, "held0": 3}  # books in letters of their own; held0 of half A only in part
RECIPE = Recipe(
    rank=4, alpha=8, dropout=0.0, learning_rate=0.005, warmup=2, clip=1.0, weight_decay=0.0, precision="float32"
)
FACTS = {"reading": "tiered-real-d0-i0", "order": "tiered", "arm": "real", "draw": 0, "init": 0}
FLASHES = {
    "reading": "tiered-real-d0-i0",
    "tested": 2,
    "tokens": 160,
    "piece": 160,
    "company": 1,
    "further": 2,
    "alignment": -9.0,
    "surprise": 9.0,
    "learning_rate": 0.02,
    "spreads": 1.5,
}


def book(name: str) -> ShelfBook:
    """A row of the shelf."""
    return ShelfBook(
        name, f"Book {name}", f"Author {name}", "en", "core", "epic", "own", "", "txt", name, 0, "here", ""
    )


def scene(name: str, number: int, text: str) -> Scene:
    """An accepted scene."""
    facts = (f"{name}-p{number}", name, f"Book {name}", f"Author {name}", "en", "core", "epic")
    sizes = (len(text.split()), len(text.split()), len(text.encode()))
    return Scene(*facts, number, "dense", 0.5, *sizes, "", "Of wind", number, number + 1, 7, {"passage": text})


def texts_of(name: str) -> list[str]:
    """Three texts of a book, in prose with names of its own, or in a tongue of its own."""
    if name not in TONGUE:
        return own_prose(int(name.lstrip("bheld")) + 100 * name.startswith("held"))[:3]
    chance = random.Random(TONGUE[name])
    words = [f"{one}{other}" for one in "zxqjkv" for other in "zxqjkv"]
    found = [" ".join(chance.choices(words, k=60)).capitalize() + "." for _ in range(3)]
    return found if name in ("b20", "held1") else [*found[:1], *own_prose(100)[:2]]


def write_probe(folder: Path) -> None:
    """Four held-out books, one of them in half A."""
    folder.mkdir(parents=True)
    rows, items = [], []
    for at in range(HELD):
        name = f"held{at}"
        rows.append(ProbeBook(name, f"Held {at}", f"Holder {at}", "en", "core", "epic", "A" if at == 0 else "B", 3))
        items += [{"item": f"{name}-p{k}", "book_id": name, "text": text} for k, text in enumerate(texts_of(name))]
    write_csv(folder / "books.csv", ProbeBook, rows)
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in items))


def train(folder: Path, out: Path, books: list[ShelfBook]) -> None:
    """The adapter of a rung that has read some books."""
    tokenizer = models.load_tokenizer(folder)
    texts = {
        f"{one.book_id}-{at}": tokenizer.encode(text).ids[:150]
        for one in books
        for at, text in enumerate([*texts_of(one.book_id), *prose(int(one.book_id[1:]), 3)])
    }
    trunk = Trunk(models.load_base(folder), RECIPE, 0)
    for step in continuation.steps_of(texts, 1, "rung"):
        trunk.take(step, trunk.rate(trunk.done))
    facts = FACTS | {"rung": len(books), "books": len(books), "batch": 1} | asdict(RECIPE)
    out.mkdir(parents=True)
    write_adapter(trunk.model, facts, books, trunk.log, out)


def write_project(tiny_base: Path, folder: Path, **changes: Any) -> Path:
    """All that the stage reads, and params that turn it on, in one process."""
    base.write_base(f"path:{tiny_base}", {}, folder / "data/base")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["flashes"] |= FLASHES | changes
    params["workers"]["count"] = 1
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    books = [book(f"b{at:02d}") for at in range(READ + PAST)]
    write_csv(folder / "data/tiers/orders/tiered-d0.csv", ShelfBook, books)
    (folder / "data/validate").mkdir()
    scenes = [partial(scene, one.book_id)(at, text) for one in books for at, text in enumerate(texts_of(one.book_id))]
    write_accepted(folder / "data/validate/scenes.jsonl", scenes)
    write_probe(folder / "data/probe")
    train(folder / "data/base", folder / f"data/train/tiered-real-d0-i0/{READ:05d}", books[:READ])
    return folder
