"""Calibration: the table of scales out of the passages of a shelf, to be kept in git and used frozen."""

import csv
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from stages.scenes import book, density, halves, pick, scales, shelves
from stages.shared.chance import shuffled
from stages.shared.errors import UserError
from stages.shared.models import read_facts, token_counter
from stages.shared.passages import is_well_formed
from stages.shared.records import read_paragraphs
from stages.shared.workers import Failure, Workers, map_items

PER_BOOK, PER_LANGUAGE = 30, 80  # passages measured, at most: of a book by its text, of a language by the model

Sample = tuple[list[dict[str, float]], list[halves.Pair]]


def sample_book(task: book.Task, tokenizer: Path) -> Sample:
    """Features and pairs of some well-formed passages of a book, chosen by hash; runs in a worker."""
    cut = pick.cut(read_paragraphs(task.text), task.rules, token_counter(tokenizer.parent))
    formed = {one.place: one for one in cut if is_well_formed(one.text)}
    chosen = [formed[place] for place in shuffled(formed, "calibrate", task.book.book_id)[:PER_BOOK]]
    rows = [density.features(one.text, task.book.language) for one in chosen]
    return rows, [pick.pair_of(one, cut) for one in chosen]


def write_table(tasks: Sequence[book.Task], workers: Workers) -> str:
    """Measure the shelf and write the table: a row per language, base and feature; returns what was done in words."""
    samples: dict[str, list[Sample]] = {}
    sample = partial(sample_book, tokenizer=shelves.TOKENIZER)
    found = map_items(sample, tasks, workers.limits, workers, "calibrate", ["stages.scenes.book"])
    for task, some in found:
        if not isinstance(some, Failure) and some[0]:
            samples.setdefault(task.book.language, []).append(some)
    kept = {language: some for language, some in sorted(samples.items()) if enough(some)}
    if not kept:
        least = f"{scales.LEAST_BOOKS} books and {scales.LEAST_PASSAGES} passages"
        raise UserError(f"no language of the shelf has {least}; add books of one and run it again")
    rows = [row for language, some in kept.items() for row in rows_of(language, some)]
    with scales.TABLE.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["language", "base", "feature", "books", "passages", "values"])
        table.writerows(rows)
    return f"scenes: {scales.TABLE} has {len(rows)} rows of {len(kept)} languages: {', '.join(kept)}"


def enough(some: Sequence[Sample]) -> bool:
    """Whether a language has enough books and passages for rows of its own."""
    return len(some) >= scales.LEAST_BOOKS and sum(len(rows) for rows, _ in some) >= scales.LEAST_PASSAGES


def rows_of(language: str, some: Sequence[Sample]) -> list[list[object]]:
    """The rows of one language: features of the text, then what the base says of at most PER_LANGUAGE passages."""
    texts = [row for rows, _ in some for row in rows]
    pairs = {f"{number}-{index}": pair for number, (_, held) in enumerate(some) for index, pair in enumerate(held)}
    chosen = [pairs[name] for name in shuffled(pairs, "calibrate", language)[:PER_LANGUAGE]]
    said = shelves.Model(shelves.BASE).ask({language: chosen})[language]
    fingerprint = read_facts(shelves.BASE)["fingerprint"][:12]
    return [*lines(language, "", len(some), texts), *lines(language, fingerprint, len(some), said)]


def lines(language: str, base: str, books: int, rows: Sequence[Mapping[str, float]]) -> list[list[object]]:
    """A line of the table for each feature."""
    found = []
    for name in sorted({name for row in rows for name in row}):
        values = [row[name] for row in rows if name in row]
        shown = " ".join(f"{value:g}" for value in scales.quantiles(values))
        found.append([language, base, name, books, len(values), shown])
    return found
