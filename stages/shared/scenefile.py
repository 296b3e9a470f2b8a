"""The YAML file of a book's scenes, as the stages after `scenes` read it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stages.shared.errors import UserError

FORMS = ("passage", "instruction", "qa", "tension")


@dataclass(frozen=True)
class Scene:
    """One scene with the facts of its book."""

    scene_id: str
    book_id: str
    title: str
    author: str
    language: str
    tier: str
    category: str
    rank: int  # 0 for the densest scene of the book
    kind: str
    density: float
    tokens: int
    words: int
    bytes: int
    sha256: str
    chapter: str
    first: int  # index of its first paragraph
    last: int  # index of its last paragraph
    page: int | None
    forms: dict[str, Any]

    @property
    def text(self) -> str:
        """The passage itself."""
        return str(self.forms["passage"])


def read_scenes(path: Path) -> list[Scene]:
    """Read the scenes of one book, densest first."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
        return [scene_of(document["book"], row, rank) for rank, row in enumerate(document["scenes"])]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise UserError(f"{path} is no file of scenes ({error}); remove it and run `dvc repro scenes`") from None


def scene_of(book: dict[str, Any], row: dict[str, Any], rank: int) -> Scene:
    """Make the record of one scene of the document."""
    place = row["place"]
    copied = ("kind", "density", "tokens", "words", "bytes", "sha256", "forms")
    facts = ("book_id", "title", "author", "language", "tier", "category")
    return Scene(
        scene_id=row["id"],
        rank=rank,
        chapter=place["chapter"],
        first=place["paragraphs"][0],
        last=place["paragraphs"][1],
        page=place["page"],
        **{name: row[name] for name in copied},
        **{name: book[name] for name in facts},
    )


def all_scenes(folder: Path) -> Iterator[Scene]:
    """The scenes of every book of a folder, books sorted by id."""
    for path in sorted(folder.glob("*.yaml")):
        yield from read_scenes(path)


def training_text(scene: Scene, form: str) -> str:
    """A scene in one form as the text a model reads; the labels of `tension` stay in front of its parts."""
    if form not in scene.forms:
        raise UserError(f"unknown form {form!r}; the forms are {', '.join(FORMS)}")
    content = scene.forms[form]
    if isinstance(content, str):
        return content
    if form == "qa":
        return f"{content['question']}\n\n{content['answer']}"
    return "\n\n".join(f"**{name}.** {text}" for name, text in content.items() if text)
