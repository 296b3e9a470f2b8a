"""The gate: validate over 50,000 scenes of some 17,000 books, made for the purpose in a temporary folder.

Writes  benchmarks/results.json (rows "gate: ...")
Run     python -m benchmarks.gate [--short] [--scenes N]
"""

import argparse
import contextlib
import hashlib
import itertools
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from benchmarks import parts
from benchmarks.parts import Answer, Part
from benchmarks.rows import Figure
from stages.shared.errors import run
from stages.shared.records import TIERS
from stages.shared.scenefile import SCHEMA, load_scenes
from stages.validate import __main__ as validate

ME = "benchmarks.gate"
PER_BOOK = 3
SHORT = 200  # scenes at least
WORDS = 20_000  # words of the language the scenes are written in
SYLLABLES = "ka lo min ter sa ve rin do pel ur sha tem no bri gan el fos ti mar cu".split()


def vocabulary(chance: random.Random) -> list[str]:
    """Words of two to four syllables, the common ones first."""
    return ["".join(chance.choices(SYLLABLES, k=chance.randint(2, 4))) for _ in range(WORDS)]


def passage(chance: random.Random, words: list[str], weights: list[float]) -> str:
    """A text of seven sentences of fourteen words, as long as a scene of the demo."""
    drawn = chance.choices(words, cum_weights=weights, k=98)
    sentences = [" ".join(drawn[start : start + 14]).capitalize() + ", “so it is.”" for start in range(0, 98, 14)]
    return " ".join(sentences)


def scene(book_id: str, place: int, text: str) -> dict[str, Any]:
    """The record of one scene in all forms."""
    half = len(text) // 2
    return {
        "id": f"{book_id}-p{place}",
        "kind": "dense",
        "reason": "2.118 bits a byte, more than 64%; contrast above 97%",
        "place": {"chapter": "One", "paragraphs": [place, place], "page": None, "position": 0.5},
        "quality": 0.705,
        "density": 0.605,
        "scores": {"information": 0.485, "richness": 0.397, "questions": 0.0, "contrast": 0.97, "surprisal": 0.64},
        "tokens": 180,
        "words": 120,
        "bytes": len(text.encode()),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "forms": {
            "passage": text,
            "instruction": f"### Continue this thought.\n\n{text[:half]}\n\n---\n\n{text[half:]}",
            "qa": {"question": f"What does the author hold here?\n\n«{text[:90]}»", "answer": text[90:]},
            "tension": {"Thesis": text[:half], "Counter-move": text[half:-90], "Becomes": text[-90:]},
        },
    }


def document(number: int, chance: random.Random, words: list[str], weights: list[float]) -> dict[str, Any]:
    """The file of one book."""
    book_id, tier = f"made-{number:05d}", TIERS[min(2, number // 100)]
    facts = {"book_id": book_id, "title": f"Book {number}", "author": "Made", "language": "en", "tier": tier}
    scenes = [scene(book_id, 10 * index, passage(chance, words, weights)) for index in range(PER_BOOK)]
    return {"schema": SCHEMA, "book": {**facts, "category": "made", "sha256": "0" * 64}, "scenes": scenes}


def make(folder: Path, scenes: int) -> None:
    """Fill a project folder with scenes, the params of this project and an empty list of decisions."""
    chance = random.Random(7)
    words = vocabulary(chance)
    weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(WORDS)))
    (folder / "data/scenes").mkdir(parents=True)
    for number in range(-(-scenes // PER_BOOK)):
        text = yaml.dump(document(number, chance, words, weights), Dumper=yaml.CSafeDumper, sort_keys=False, width=110)
        (folder / f"data/scenes/made-{number:05d}.yaml").write_text(text, encoding="utf-8")
    for name in ("params.yaml", "data/curation.yaml"):
        shutil.copy(name, folder / name)


def gate(folder: str) -> Answer:
    """Run the stage."""
    with contextlib.chdir(folder):
        validate.main()
    return {"seconds": time.process_time()}


def ours(folder: str) -> Answer:
    """Read every file as the gate does: nothing is expanded, every field is held against the schema."""
    return timed(load_scenes, folder)


def theirs(folder: str) -> Answer:
    """Read every file with PyYAML's fastest safe loader, which knows no schema and expands aliases."""
    return timed(lambda path: yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader), folder)


def timed(read: Callable[[Path], object], folder: str) -> Answer:
    """Seconds of the processor that reading all files takes."""
    paths = sorted(Path(folder, "data/scenes").iterdir())
    began = time.process_time()
    for path in paths:
        read(path)
    return {"seconds": time.process_time() - began}


PARTS: dict[str, Part] = {"gate": gate, "ours": ours, "theirs": theirs}


def measure(asked: argparse.Namespace) -> list[Figure]:
    """Measure the gate over many scenes, and the reading of their files."""
    scenes = max(asked.scenes, SHORT)
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), scenes)
        whole = parts.run(ME, "gate", folder=folder)
        found = parts.rounds(
            asked.rounds, {name: partial(parts.run, ME, name, folder=folder) for name in ("ours", "theirs")}
        )
    return figures(whole, found["ours"], found["theirs"], scenes)


def figures(whole: Answer, ours: list[Answer], theirs: list[Answer], scenes: int) -> list[Figure]:
    """Seconds and memory of the gate, and its reading of files beside PyYAML's."""
    peer = f"pyyaml {yaml.__version__}, CSafeLoader"
    speed = parts.median_ratio(theirs, ours, "seconds")
    return [
        Figure(f"gate: {scenes:,} scenes", whole["whole"], "s", "< 180"),
        Figure(f"gate: {scenes:,} scenes, time of the processor", whole["seconds"], "s"),
        Figure("gate: peak memory", whole["peak"], "MB", "< 3000"),
        Figure("gate: reading the files, time of the processor", parts.median(ours, "seconds"), "s"),
        Figure("gate: reading the files, time of the processor", parts.median(theirs, "seconds"), "s", peer=peer),
        Figure("gate: reading the files, ours over theirs", speed, "times", ">= 1", peer),
    ]


if __name__ == "__main__":
    run(lambda: parts.script(PARTS, measure, scenes=50_000, rounds=3))
