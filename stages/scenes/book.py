"""The scenes of one book: its finalists, which a worker finds, and the YAML document of those that are picked."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stages.scenes import density, forms, pick
from stages.scenes.halves import Pair
from stages.scenes.scales import Scale
from stages.shared.models import token_counter
from stages.shared.passages import Passage
from stages.shared.records import Paragraph, ShelfBook, read_paragraphs
from stages.shared.scenefile import SCHEMA

DRAFT = "finalists.json"


@dataclass(frozen=True)
class Draft:
    """What the text alone says of a book: how many passages qualify, and the finalists with their pairs."""

    candidates: int
    finalists: tuple[pick.Candidate, ...]
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class Task:
    """What a worker needs to find the finalists of one book."""

    book: ShelfBook
    text: Path  # its paragraphs
    rules: pick.Rules
    scale: Scale


def draft_book(task: Task, tokenizer: Path) -> Draft:
    """The finalists of one book; runs in a worker, which loads the tokenizer (its file) once."""
    measure = token_counter(tokenizer.parent)
    return draft(read_paragraphs(task.text), task.book.language, task.rules, task.scale, measure)


def draft(
    paragraphs: Sequence[Paragraph], language: str, rules: pick.Rules, scale: Scale, measure: pick.Measure
) -> Draft:
    """The finalists of a book's paragraphs."""
    cut = pick.cut(paragraphs, rules, measure)
    found = pick.candidates(cut, language, rules, scale)
    some = pick.finalists(found, rules, measure)
    return Draft(len(found), tuple(some), tuple(pick.pair_of(one.passage, cut) for one in some))


def write_draft(folder: Path, made: Draft) -> None:
    """Write a draft into an entry of the store."""
    (folder / DRAFT).write_text(json.dumps(dataclasses.asdict(made), ensure_ascii=False), encoding="utf-8")


def read_draft(folder: Path) -> Draft:
    """Read a draft of the store."""
    content = json.loads((folder / DRAFT).read_text(encoding="utf-8"))
    some = [pick.Candidate(**{**row, "passage": Passage(**row["passage"])}) for row in content["finalists"]]
    return Draft(content["candidates"], tuple(some), tuple(Pair(**row) for row in content["pairs"]))


def facts_of(book: ShelfBook) -> dict[str, str]:
    """The facts of the book that its file of scenes carries."""
    facts = ("book_id", "title", "author", "language", "tier", "category", "sha256")
    return {name: getattr(book, name) for name in facts}


def scenes_of(
    book: ShelfBook,
    made: Draft,
    bits: Sequence[Mapping[str, float]],
    rules: pick.Rules,
    scale: Scale,
    measure: Callable[[Sequence[str]], list[int]],
) -> dict[str, Any]:
    """The YAML document of a book: facts, scenes best first, the finalists that lost and why."""
    ranked = pick.judged(made.finalists, bits, rules, scale)
    taken, lost = pick.pick(ranked, rules)
    tokens = measure([one.candidate.passage.text for one in taken])
    return {
        "schema": SCHEMA,
        "book": facts_of(book),
        "candidates": made.candidates,
        "lost": [lost_record(ranked[rank], reason) for rank, reason in lost.items()],
        "scenes": [scene_record(book, one, count, scale) for one, count in zip(taken, tokens, strict=True)],
    }


def lost_record(one: pick.Scored, reason: str) -> dict[str, Any]:
    """A finalist that is no scene."""
    return {"place": one.candidate.passage.place, "quality": one.quality, "reason": reason}


def scene_record(book: ShelfBook, one: pick.Scored, tokens: int, scale: Scale) -> dict[str, Any]:
    """The YAML record of one scene."""
    passage = one.candidate.passage
    return {
        "id": f"{book.book_id}-{passage.place}",
        "kind": density.kind_of(one.scores),
        "reason": reason(one, scale),
        "place": {
            "chapter": passage.chapter,
            "paragraphs": [passage.first, passage.last],
            "page": passage.page,
            "position": one.candidate.position,
        },
        "quality": one.quality,
        "density": one.density,
        "scores": dict(one.scores),
        "features": {name: round(value, 4) for name, value in one.features.items()},
        "tokens": tokens,
        "words": len(density.WORD.findall(passage.text)),
        "bytes": len(passage.text.encode("utf-8")),
        "sha256": hashlib.sha256(passage.text.encode("utf-8")).hexdigest(),
        "forms": forms.forms(passage.text, book.language),
    }


def reason(one: pick.Scored, scale: Scale) -> str:
    """Why a passage is a scene, for a person: what the model says of it, and its strongest other feature.

    Example: "its first half saves 0.214 bits a byte of its second, more than in 88 % of passages of its language;
    2.118 bits a byte, more than 64 %; contrast above 97 %"
    """
    said, scores = one.features, one.scores
    among = "of passages of its language" if "surprisal" in scale else "of its book's finalists"
    parts = []
    if "linkage" in said:
        share = f"more than in {scores['linkage']:.0%} {among}"
        parts.append(f"its first half saves {said['linkage']:.3f} bits a byte of its second, {share}")
    parts.append(f"{said['surprisal']:.3f} bits a byte, more than {scores['surprisal']:.0%}")
    rest = {name: value for name, value in scores.items() if name not in density.BITS}
    name = max(rest, key=lambda name: (rest[name], name))
    return "; ".join([*parts, f"{name.replace('_', ' ')} above {rest[name]:.0%}"])


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
