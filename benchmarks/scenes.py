"""Scenes: the cheap pass over all passages, the base model on finalists beside its plain forward, and 10,000 books.

Reads   data/shelf.csv, data/extract/, data/base/, params.yaml (scenes)
Writes  benchmarks/results.json (rows "scenes: ...")
Run     python -m benchmarks.scenes [--short] [--books N] [--passages N] [--rounds N]
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import parts
from benchmarks.parts import Answer, Part
from benchmarks.rows import Figure
from stages.shared.errors import UserError, run

ME = "benchmarks.scenes"
PLAIN = "a plain forward of the same model"
MANY = 10_000  # books, of which the cost is told


def tasks(books: int) -> list[Any]:
    """What a worker needs of some books of the shelf."""
    from stages.scenes import shelves
    from stages.scenes.__main__ import SHELF, ScenesParams
    from stages.shared.params import load_params
    from stages.shared.records import ShelfBook, read_csv

    if not SHELF.exists():
        raise UserError(f"{SHELF} is missing; run `dvc repro extract`")
    here = [one for one in read_csv(SHELF, ShelfBook) if shelves.text_of(one).exists()]
    return list(shelves.tasks_of(here[:books], load_params(ScenesParams, "scenes").rules()).values())


def cheap(books: int) -> Answer:
    """Cut books into passages, score them by their text and find the finalists, in one process."""
    from stages.scenes import book, pick, shelves
    from stages.shared.models import token_counter
    from stages.shared.records import read_paragraphs

    asked, measure, passages = tasks(books), token_counter(shelves.BASE), 0
    begin = time.perf_counter()
    for task in asked:
        paragraphs = read_paragraphs(task.text)
        book.draft(paragraphs, task.book.language, task.rules, task.scale, measure)
    seconds = time.perf_counter() - begin
    for task in asked:
        passages += len(pick.cut(read_paragraphs(task.text), task.rules, measure))
    return {"seconds": seconds, "books": len(asked), "passages": passages}


def pairs(books: int, count: int) -> list[Any]:
    """Finalists in halves, with their rivals."""
    from stages.scenes import book, shelves

    found = (pair for task in tasks(books) for pair in book.draft_book(task, shelves.TOKENIZER).pairs)
    return [pair for pair, _ in zip(found, range(count), strict=False)]


def ours(books: int, passages: int) -> Answer:
    """Let the base read finalists as the stage does."""
    from stages.scenes import linkage, shelves
    from stages.shared import models
    from stages.shared.scorebook import Scorebook

    asked, base = pairs(books, passages), models.load_base(shelves.BASE)
    tokens = sum(map(len, sequences(asked, base)))
    with tempfile.TemporaryDirectory() as kept:
        begin = time.perf_counter()
        linkage.measure(asked, [str(number) for number in range(len(asked))], base, Scorebook("bench", Path(kept)))
    return {"seconds": time.perf_counter() - begin, "tokens": tokens, "passages": len(asked)}


def plain(books: int, passages: int) -> Answer:
    """Run the base over the same sequences in batches of eight of like length, logits of every token included."""
    import torch

    from stages.scenes import shelves
    from stages.shared import models

    base = models.load_base(shelves.BASE)
    asked = sorted(sequences(pairs(books, passages), base), key=len)
    begin = time.perf_counter()
    with torch.no_grad():
        for low in range(0, len(asked), 8):
            group = asked[low : low + 8]
            longest = max(map(len, group))
            ids = torch.tensor([[*one, *[base.prefix] * (longest - len(one))] for one in group], device=base.device)
            mask = torch.tensor([[1] * len(one) + [0] * (longest - len(one)) for one in group], device=base.device)
            logits = base.model(input_ids=ids, attention_mask=mask).logits[:, :-1].float()
            torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none").sum().item()
    return {"seconds": time.perf_counter() - begin, "tokens": sum(map(len, asked))}


def sequences(asked: list[Any], base: Any) -> Iterator[list[int]]:
    """The token sequences of some pairs, each behind the first token."""
    from stages.scenes import linkage

    for pair in asked:
        for one in linkage.requests(pair, lambda text: base.tokenizer.encode(text, add_special_tokens=False)):
            yield [base.prefix, *one.ids]


PARTS: dict[str, Part] = {"cheap": cheap, "ours": ours, "plain": plain}


def measure(asked: argparse.Namespace) -> list[Figure]:
    """Measure both passes of the choice of scenes."""
    quick = parts.run(ME, "cheap", books=asked.books)
    sides = {
        side: lambda side=side: parts.run(ME, side, books=8, passages=asked.passages) for side in ("ours", "plain")
    }
    found = parts.rounds(asked.rounds, sides)
    model, rate = found["ours"][0], found["ours"][0]["tokens"] / parts.median(found["ours"], "seconds")
    ratio = parts.median_ratio(found["plain"], found["ours"], "seconds")
    finalists = tasks(1)[0].rules.finalists
    each = quick["seconds"] / quick["books"] + finalists * model["tokens"] / model["passages"] / rate
    return [
        Figure("scenes: cheap pass", quick["passages"] / quick["seconds"], "passages/s"),
        Figure("scenes: base model on finalists", rate, "tokens/s"),
        Figure("scenes: base model on finalists, ours over theirs", ratio, "times", ">= 0.85", PLAIN),
        Figure(f"scenes: {MANY:,} books of {finalists} finalists, as {quick['books']} took", MANY * each / 3600, "h"),
        Figure("scenes: peak memory", max(one["peak"] for one in found["ours"]), "MB"),
    ]


if __name__ == "__main__":
    run(lambda: parts.script(PARTS, measure, books=200, passages=40, rounds=3))
