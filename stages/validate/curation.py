"""What a person decided about scenes in data/curation.yaml, applied to what was picked.

A decision holds for one text: where the scene is gone or its sha256 is another, it is stale, told and not applied.
"""

import dataclasses
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stages.shared.errors import UserError
from stages.shared.plainyaml import Refusal, read_yaml
from stages.shared.scenefile import QaPart, Scene, told
from stages.validate import pins

SCHEMA = 1
MOST_BYTES, MOST_VALUES = 64 << 20, 1_000_000
WORD = re.compile(r"\w+")
Measure = Callable[[Sequence[str]], list[int]]


class OtherForms(BaseModel):
    """The other forms of a replaced scene, where the person gives them."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    instruction: str | None = None
    qa: QaPart | None = None
    tension: dict[str, str] | None = None


class Decision(BaseModel):
    """One entry of data/curation.yaml."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    scene: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    do: Literal["pin", "drop", "replace"]
    why: str = Field(min_length=1)
    text: str | None = Field(None, min_length=1)
    forms: OtherForms = OtherForms()

    @model_validator(mode="after")
    def check_text(self) -> "Decision":
        """A replacement has a text, nothing else has one."""
        if self.do == "replace" and self.text is None:
            raise ValueError("replace needs `text`, the passage that takes the scene's place")
        if self.do != "replace" and (self.text is not None or self.forms != OtherForms()):
            raise ValueError(f"{self.do} takes no text and no forms; to change a scene use replace")
        return self


@dataclass(frozen=True)
class Applied:
    """What became of one decision; `stale` says why it was not applied."""

    decision: Decision
    stale: str = ""


@dataclass(frozen=True)
class Curated:
    """The scenes as people left them, and what became of every decision."""

    scenes: list[Scene]  # books in their order; of a book the pinned ones first, then the others, best first
    dropped: dict[str, Scene]  # by scene id
    decisions: list[Applied]

    @property
    def pinned(self) -> frozenset[str]:
        """The ids of the pinned scenes."""
        return frozenset(scene.scene_id for scene in self.scenes if scene.curated == "pinned")


def read_decisions(path: Path) -> list[Decision]:
    """Read data/curation.yaml; raises UserError with the line or the number of the entry."""
    try:
        content = read_yaml(path, MOST_BYTES, MOST_VALUES)
    except Refusal as error:
        raise UserError(f"{path}: {error}; mend it, or take the last one with `git checkout {path}`") from None
    if not isinstance(content, dict) or content.keys() != {"schema", "scenes"}:
        raise UserError(f"{path} must have `schema: {SCHEMA}` and the list `scenes`, and nothing beside them")
    if content["schema"] != SCHEMA:
        raise UserError(f"{path}: its schema is {content['schema']!r:.40}, this version of the pipeline reads {SCHEMA}")
    if not isinstance(content["scenes"], list):
        raise UserError(f"{path}: `scenes` is {content['scenes']!r:.40}, it must be a list; [] is the empty one")
    decisions = [decision_of(path, number, row) for number, row in enumerate(content["scenes"], 1)]
    check_once(path, decisions)
    return decisions


def decision_of(path: Path, number: int, row: Any) -> Decision:
    """One entry of the file."""
    try:
        return Decision.model_validate(row)
    except ValidationError as error:
        name = f" ({row['scene']!r:.60})" if isinstance(row, dict) and "scene" in row else ""
        raise UserError(f"{path}, entry {number}{name}: {told(error)}") from None


def check_once(path: Path, decisions: Sequence[Decision]) -> None:
    """Refuse two decisions about one scene."""
    first: dict[str, int] = {}
    for number, one in enumerate(decisions, 1):
        if (earlier := first.setdefault(one.scene, number)) != number:
            raise UserError(f"{path}, entry {number}: entry {earlier} decides about {one.scene} too; keep one of them")


def apply(scenes: Sequence[Scene], decisions: Sequence[Decision], texts: Path, measure: Measure) -> Curated:
    """Apply every decision that is not stale; `texts` has the books' paragraphs, `measure` counts tokens of texts."""
    books = {scene.book_id: scene for scene in scenes}
    by_id = {scene.scene_id: scene for scene in scenes}
    missing = [one for one in decisions if one.do == "pin" and one.scene not in by_id]
    brought = [scene for one in missing if (scene := brought_back(one, books, texts, measure))]
    by_id |= {scene.scene_id: scene for scene in brought}
    applied = [Applied(one, stale(one, by_id)) for one in decisions]
    live = {one.decision.scene: one.decision for one in applied if not one.stale}
    dropped = {name: by_id[name] for name, one in live.items() if one.do == "drop"}
    left = [scene for scene in [*scenes, *brought] if scene.scene_id not in dropped]
    kept = [changed(scene, live.get(scene.scene_id), measure) for scene in left]
    kept.sort(key=lambda scene: (scene.book_id, scene.curated != "pinned"))
    return Curated(kept, dropped, applied)


def brought_back(pin: Decision, books: Mapping[str, Scene], texts: Path, measure: Measure) -> Scene | None:
    """A pinned scene that is not picked any more, from its book's paragraphs; `books` has a scene of each book."""
    book = books.get(pins.book_of(pin.scene))
    found = pins.find(pin.scene, pin.sha256, texts) if book else None
    if not book or not found:
        return None
    text, run = found
    scene = dataclasses.replace(
        book,
        scene_id=pin.scene,
        kind="dense",
        reason="not picked now",
        density=0.0,
        chapter=run[0].chapter,
        page=run[0].page,
        first=run[0].index,
        last=run[-1].index,
    )
    return with_text(scene, text, {}, measure)


def stale(decision: Decision, scenes: Mapping[str, Scene]) -> str:
    """Why a decision cannot be applied, empty where it can."""
    scene = scenes.get(decision.scene)
    if scene is None:
        return "no such scene is picked now" + (", and its book has no such text there" if decision.do == "pin" else "")
    digest = digest_of(scene.text)
    if digest == decision.sha256:
        return ""
    return f"the scene's text changed: its sha256 is now {digest}"


def changed(scene: Scene, decision: Decision | None, measure: Measure) -> Scene:
    """A scene as a person left it."""
    if decision is None:
        return scene
    if decision.text is None:
        return dataclasses.replace(scene, curated="pinned")
    replaced = dataclasses.replace(scene, curated="replaced")
    return with_text(replaced, decision.text.strip("\n"), decision.forms.model_dump(exclude_none=True), measure)


def with_text(scene: Scene, text: str, forms: Mapping[str, Any], measure: Measure) -> Scene:
    """A scene with another passage, measured anew, in no other forms than these."""
    return dataclasses.replace(
        scene,
        tokens=measure([text])[0],
        words=len(WORD.findall(text)),
        bytes=len(text.encode("utf-8")),
        sha256=digest_of(text),
        forms={"passage": text, **forms},
    )


def digest_of(text: str) -> str:
    """The sha256 of a passage."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
