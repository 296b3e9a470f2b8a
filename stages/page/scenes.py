"""Every scene that was picked, with what became of it: an index for the list, and blocks with the texts."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stages.shared.errors import UserError
from stages.shared.plainyaml import Refusal, read_yaml
from stages.shared.progress import Progress
from stages.shared.scenefile import Document, Scene, ScenePart, read_accepted

SCENES, ACCEPTED, REJECTED = Path("data/scenes"), Path("data/validate/scenes.jsonl"), Path("data/validate/rejected.csv")
BLOCK = 256  # scenes from which a block is full; the texts of a block are unpacked together
DETAILS = ("reason", "tokens", "words", "bytes", "sha256", "scores", "features")


@dataclass(frozen=True)
class Shown:
    """One scene as the page shows it: `state` is accepted, pinned, replaced, dropped or rejected; `why` it was lost."""

    book_id: str
    scene_id: str
    kind: str
    quality: float
    density: float
    state: str
    chapter: str
    first: int
    last: int
    page: int | None
    why: str
    forms: Mapping[str, Any]
    detail: Mapping[str, Any]


@dataclass(frozen=True)
class Shelf:
    """The scenes of one book, best first, and the finalists that lost."""

    book: Mapping[str, str]  # book_id, title, author, language, tier, category
    scenes: list[Shown]
    lost: list[Any] = field(default_factory=list)


def read_books(scenes: Path = SCENES, accepted: Path = ACCEPTED, rejected: Path = REJECTED) -> Iterator[Shelf]:
    """The scenes of every book, books sorted by id; a file that the gate refuses is left out, the accounts tell it."""
    for path in (scenes, accepted, rejected):
        if not path.exists():
            raise UserError(f"{path} is missing; run `dvc repro validate`, or `dvc pull {path}`")
    passed: dict[str, dict[str, Scene]] = {}
    for scene in read_accepted(accepted):
        passed.setdefault(scene.book_id, {})[scene.scene_id] = scene
    with rejected.open(encoding="utf-8", newline="") as stream:
        reasons = {row["scene_id"]: row["reason"] for row in csv.DictReader(stream)}
    paths = sorted(scenes.glob("*.yaml"))
    with Progress("page", len(paths)) as progress:
        for path in paths:
            if document := read_document(path):
                yield shelf_of(document, passed.get(path.stem, {}), reasons)
            progress.step()


def read_document(path: Path) -> Document | None:
    """The file of a book's scenes; None where it is none."""
    try:
        return Document.model_validate(read_yaml(path))
    except (Refusal, ValidationError):
        return None


def shelf_of(document: Document, passed: Mapping[str, Scene], reasons: Mapping[str, str]) -> Shelf:
    """The scenes of one book: those that were picked, then those that a person brought back."""
    book = document.book.model_dump()
    picked = [picked_scene(part, book["book_id"], passed.get(part.id), reasons) for part in document.scenes]
    names = {part.id for part in document.scenes}
    back = [brought_back(scene) for name, scene in passed.items() if name not in names]
    lost = [[one.place, one.quality, one.reason] for one in document.lost]
    return Shelf(book, picked + back, lost)


def picked_scene(part: ScenePart, book_id: str, passed: Scene | None, reasons: Mapping[str, str]) -> Shown:
    """A picked scene; one whose text a person replaced is shown with that text and the sha256 of the picked one."""
    why = "" if passed else reasons.get(part.id, "not among the accepted scenes")
    dropped = why.startswith("dropped by a person")
    state = (passed.curated or "accepted") if passed else "dropped" if dropped else "rejected"
    forms = passed.forms if passed else part.forms.model_dump(exclude_none=True)
    first, last = part.place.paragraphs
    detail = {name: getattr(part, name) for name in DETAILS}
    return Shown(
        book_id, part.id, part.kind, part.quality, part.density, state, part.place.chapter, first, last,
        part.place.page, why, forms, detail,
    )  # fmt: skip


def brought_back(scene: Scene) -> Shown:
    """A scene that a person pinned and that is not picked any more."""
    detail = {name: getattr(scene, name, {}) for name in DETAILS}
    return Shown(
        scene.book_id, scene.scene_id, scene.kind, scene.quality, scene.density, scene.curated, scene.chapter,
        scene.first, scene.last, scene.page, "", scene.forms, detail,
    )  # fmt: skip


@dataclass
class Index:
    """What the list, its filters and its order need of all scenes, column by column; `blocks` counts scenes."""

    books: list[list[str]] = field(default_factory=list)
    book: list[int] = field(default_factory=list)
    id: list[str] = field(default_factory=list)
    kind: list[str] = field(default_factory=list)
    quality: list[float] = field(default_factory=list)
    density: list[float] = field(default_factory=list)
    state: list[str] = field(default_factory=list)
    chapter: list[str] = field(default_factory=list)
    first: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)
    page: list[int | None] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)

    def add(self, shelf: Shelf, fate: str) -> None:
        """Append the scenes of a book; `fate` says what became of the book itself."""
        self.books.append([*shelf.book.values(), fate])
        for scene in shelf.scenes:
            self.book.append(len(self.books) - 1)
            self.id.append(scene.scene_id)
            for name in ("kind", "quality", "density", "state", "chapter", "first", "last", "page"):
                getattr(self, name).append(getattr(scene, name))


@dataclass(frozen=True)
class Block:
    """The texts of some books: of each scene its passage, for the search, and then all that is shown when it is opened.

    Passage and forms say the same words, so that they pack well side by side. `lost` is by book id.
    """

    scenes: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    lost: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, shelf: Shelf) -> None:
        """Append the scenes of a book."""
        for scene in shelf.scenes:
            forms = dict(scene.forms)
            self.scenes.append((forms.pop("passage"), {**scene.detail, "why": scene.why, "forms": forms}))
        if shelf.lost:
            self.lost[shelf.book["book_id"]] = shelf.lost


def pack(shelves: Iterable[Shelf], fates: Mapping[str, str]) -> tuple[Index, list[Block]]:
    """The index of all scenes and their texts in blocks, `fates` by book; the scenes of a book are in one block."""
    index, blocks = Index(), [Block()]
    for shelf in shelves:
        index.add(shelf, fates.get(shelf.book["book_id"], ""))
        blocks[-1].add(shelf)
        if len(blocks[-1].scenes) >= BLOCK:
            blocks.append(Block())
    blocks = [block for block in blocks if block.scenes]
    index.blocks = [len(block.scenes) for block in blocks]
    return index, blocks
