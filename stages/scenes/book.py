"""The scenes of one book as a YAML document."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stages.scenes import density, forms, pick
from stages.shared.models import token_counter
from stages.shared.records import Paragraph, ShelfBook, read_paragraphs

SCHEMA = 1


def scene_record(book: ShelfBook, one: pick.Candidate, tokens: int) -> dict[str, Any]:
    """The YAML record of one scene."""
    text = one.passage.text
    return {
        "id": f"{book.book_id}-{one.passage.place}",
        "kind": density.kind_of(one.scores),
        "reason": density.reason(one.scores),
        "place": {
            "chapter": one.passage.chapter,
            "paragraphs": [one.passage.first, one.passage.last],
            "page": one.passage.page,
            "position": one.position,
        },
        "density": one.density,
        "scores": dict(one.scores),
        "tokens": tokens,
        "words": len(density.WORD.findall(text)),
        "bytes": len(text.encode("utf-8")),
        "sha256": hashlib.sha256(text.encode("utf-8")).hexdigest(),
        "forms": forms.forms(text, book.language),
    }


def facts_of(book: ShelfBook) -> dict[str, str]:
    """The facts of the book that its file of scenes carries."""
    facts = ("book_id", "title", "author", "language", "tier", "category", "sha256")
    return {name: getattr(book, name) for name in facts}


def scenes_of(
    book: ShelfBook, paragraphs: Sequence[Paragraph], rules: pick.Rules, measure: Callable[[Sequence[str]], list[int]]
) -> dict[str, Any]:
    """The YAML document of a book: facts, scenes densest first, the runner-up."""
    ranked = pick.candidates(paragraphs, book.language, rules, measure)
    taken, second = pick.pick(ranked, rules, measure)
    tokens = measure([one.passage.text for one in taken])
    return {
        "schema": SCHEMA,
        "book": facts_of(book),
        "candidates": len(ranked),
        "runner_up": {"place": second.passage.place, "density": second.density} if second else None,
        "scenes": [scene_record(book, one, count) for one, count in zip(taken, tokens, strict=True)],
    }


@dataclass(frozen=True)
class Task:
    """What a worker needs to pick the scenes of one book."""

    book: ShelfBook
    text: Path  # its paragraphs
    base: Path  # folder of the base model, whose tokenizer counts
    rules: pick.Rules


def pick_book(task: Task) -> dict[str, Any]:
    """The YAML document of one book; runs in a worker, which loads the tokenizer once."""
    return scenes_of(task.book, read_paragraphs(task.text), task.rules, token_counter(task.base))


class BlockDumper(yaml.CSafeDumper):
    """YAML that a person reads: long texts as literal blocks."""


def represent_text(dumper: yaml.CSafeDumper, text: str) -> yaml.Node:
    """A text with line breaks as a literal block, any other plain."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


BlockDumper.add_representer(str, represent_text)


def write_scenes(folder: Path, document: dict[str, Any]) -> None:
    """Write the scenes of a book as YAML into an entry of the store."""
    with (folder / "scenes.yaml").open("w", encoding="utf-8") as stream:
        yaml.dump(document, stream, BlockDumper, sort_keys=False, allow_unicode=True, width=110)
