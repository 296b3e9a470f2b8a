"""The YAML file of a book's scenes (scene.schema.json), and the scenes that passed the gate as JSON lines.

A reader of version 2 ignores fields it does not know, so a field is added to the records below without a new
version; a field that goes or changes its meaning raises SCHEMA.

Run     python -m stages.shared.scenefile > stages/shared/scene.schema.json
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stages.shared.errors import UserError
from stages.shared.plainyaml import Refusal, read_yaml

SCHEMA = 2
FORMS = ("passage", "instruction", "qa", "tension")


class Part(BaseModel):
    """Base of the records of the file: no silent conversion, unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class BookPart(Part):
    """The facts of the book."""

    book_id: str = Field(description="name of this file without .yaml")
    title: str
    author: str
    language: str = Field(description="ISO 639 code")
    tier: str = Field(description="core, orbit, fractal")
    category: str = Field(description="category of the core, theme of the orbit, stratum of the fractal")


class PlacePart(Part):
    """Where in the book a scene stands."""

    chapter: str = Field(description="nearest heading above, empty before the first")
    paragraphs: Annotated[list[int], Field(min_length=2, max_length=2, description="index of the first and the last")]
    page: int | None = Field(description="page of a PDF, counted from 1")


class QaPart(Part):
    """A question and its answer."""

    question: str
    answer: str


class FormsPart(Part):
    """How a scene is written for training."""

    passage: str = Field(description="the scene itself")
    instruction: str | None = Field(None, description="markdown: a task, and what answers it")
    qa: QaPart | None = None
    tension: dict[str, str] | None = Field(None, description="thesis, counter-move, what it becomes, under its labels")


class ScenePart(Part):
    """One scene."""

    id: str = Field(description="book_id, a hyphen and the place, for example own-0001-p12-14")
    kind: str = Field(description="insight, paradox, dense")
    reason: str = Field("", description="why it was picked, in words and numbers")
    place: PlacePart
    quality: float = Field(ge=0, le=1, description="weighted mean of all scores, linkage among them")
    density: float = Field(ge=0, le=1, description="weighted mean of its scores but linkage")
    scores: dict[str, float] = Field({}, description="of each feature: the share of its language's passages below it")
    features: dict[str, float] = Field({}, description="what was measured, before it is set against other passages")
    tokens: int = Field(description="length in tokens of the base")
    words: int
    bytes: int = Field(description="length in UTF-8")
    sha256: str = Field(description="of the passage")
    forms: FormsPart


class LostPart(Part):
    """A finalist that is no scene."""

    place: str = Field(description="its paragraphs, for example p12-14")
    quality: float
    reason: str = Field(description="why it lost")


class Document(Part):
    """The scenes of one book, best first."""

    version: Literal[2] = Field(alias="schema", description="version of this format")
    book: BookPart
    candidates: int = Field(0, description="passages of the book that qualify")
    scenes: list[ScenePart]
    lost: list[LostPart] = Field([], description="finalists that the base model has read and that are no scene")


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
    rank: int  # 0 for the best scene of the book
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
    reason: str = ""
    quality: float = 0.0
    curated: str = ""  # "pinned" or "replaced" where a person decided about it

    @property
    def text(self) -> str:
        """The passage itself."""
        return str(self.forms["passage"])


def read_scenes(path: Path) -> list[Scene]:
    """Read the scenes of one book, best first."""
    try:
        return load_scenes(path)
    except Refusal as error:
        raise UserError(f"{path} is no file of scenes: {error}; remove it and run `dvc repro scenes`") from None


def load_scenes(path: Path) -> list[Scene]:
    """Read the scenes of one book, best first; raises Refusal."""
    content = read_yaml(path)
    if not isinstance(content, dict) or "schema" not in content:
        raise Refusal("it has no `schema`, the version of its format")
    if content["schema"] != SCHEMA:
        raise Refusal(f"its schema is {content['schema']!r:.40}, this version of the pipeline reads {SCHEMA}")
    try:
        document = Document.model_validate(content)
    except ValidationError as error:
        raise Refusal(told(error)) from None
    check_ids(document)
    return [scene_of(document.book, part, rank) for rank, part in enumerate(document.scenes)]


def told(error: ValidationError) -> str:
    """The first fault of a record in a sentence: the field, its value, what is valid.

    Example: "scenes.0.tokens is 'many': Input should be a valid integer (and 2 more)"
    """
    fault = error.errors()[0]
    field = ".".join(map(str, fault["loc"]))
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if fault["type"] == "missing":
        return f"{field} is missing{more}"
    if fault["type"] == "extra_forbidden":
        return f"{field} is no field of it{more}"
    return f"{field} is {fault['input']!r:.60}: {fault['msg']}{more}"


def check_ids(document: Document) -> None:
    """Refuse a scene that speaks for another book."""
    for part in document.scenes:
        if not part.id.startswith(f"{document.book.book_id}-"):
            raise Refusal(f"scene {part.id!r:.60} does not begin with its book, {document.book.book_id!r:.60}")


def scene_of(book: BookPart, part: ScenePart, rank: int) -> Scene:
    """The record of one scene of the document."""
    first, last = part.place.paragraphs
    return Scene(
        scene_id=part.id,
        rank=rank,
        chapter=part.place.chapter,
        first=first,
        last=last,
        page=part.place.page,
        **part.model_dump(exclude={"id", "place", "scores", "features"}, exclude_none=True),
        **book.model_dump(),
    )


def write_accepted(path: Path, scenes: Iterable[Scene]) -> None:
    """Write the scenes that passed the gate, one JSON object a line."""
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(vars(scene), ensure_ascii=False) + "\n" for scene in scenes)


def accepted_scenes(path: Path) -> dict[str, list[Scene]]:
    """The scenes of each book that passed the gate: those that a person pinned, then the others, best first."""
    found: dict[str, list[Scene]] = {}
    for scene in read_accepted(path):
        found.setdefault(scene.book_id, []).append(scene)
    return found


def read_accepted(path: Path) -> Iterator[Scene]:
    """The scenes that passed the gate, books sorted by id."""
    with path.open(encoding="utf-8", newline="\n") as stream:
        yield from (Scene(**json.loads(line)) for line in stream)


def training_text(scene: Scene, form: str) -> str:
    """A scene in one form as the text a model reads; the labels of `tension` stay in front of its parts.

    A scene that was not written in this form (a person replaced its text) is read as the passage it is.
    """
    if form not in FORMS:
        raise UserError(f"unknown form {form!r}; the forms are {', '.join(FORMS)}")
    content = scene.forms.get(form, scene.text)
    if isinstance(content, str):
        return content
    if form == "qa":
        return f"{content['question']}\n\n{content['answer']}"
    return "\n\n".join(f"**{name}.** {text}" for name, text in content.items() if text)


def schema_text() -> str:
    """The JSON Schema of the file of a book's scenes."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Document.model_json_schema()}
    return json.dumps(schema, indent=2) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
