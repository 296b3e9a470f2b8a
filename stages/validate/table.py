"""The table that the rules look at: one row a scene."""

import hashlib
import re
from collections.abc import Iterator, Sequence

import pandas as pd
from pydantic import Field

from stages.shared.near import duplicates, shingles
from stages.shared.params import Section
from stages.shared.scenefile import Scene
from stages.shared.scripts import foreign_script, letters_by_script

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffd\ufffe\uffff]")


class ValidateParams(Section):
    """Section `validate` of params.yaml."""

    min_tokens: int = Field(ge=1)
    max_tokens: int = Field(ge=1)
    min_words: int = Field(ge=1)
    likeness: float = Field(gt=0, le=1)
    script_share: float = Field(ge=0, le=1)
    max_rejected: float = Field(ge=0, le=1)


def frame(scenes: Sequence[Scene], params: ValidateParams) -> pd.DataFrame:
    """One row a scene with the columns that the rules look at; a fault found here is told in words, None is none."""
    alike = twins(scenes, params.likeness)
    rows = [
        {
            "scene_id": scene.scene_id,
            "book_id": scene.book_id,
            "tier": scene.tier,
            "kind": scene.kind,
            "language": scene.language,
            "density": scene.density,
            "tokens": scene.tokens,
            "words": scene.words,
            "first": scene.first,
            "paragraphs": scene.last - scene.first + 1,
            "text": scene.text,
            "edited": edited(scene),
            "control": control(scene),
            "empty_form": empty_form(scene),
            "foreign_script": foreign_script(letters_by_script(scene.text), scene.language, params.script_share)
            or None,
            "duplicate_of": alike.get(scene.scene_id),
        }
        for scene in scenes
    ]
    return pd.DataFrame(rows)


def twins(scenes: Sequence[Scene], likeness: float) -> dict[str, str]:
    """Which scenes repeat an earlier one; those that a person pinned come first."""
    ordered = sorted(scenes, key=lambda scene: scene.curated != "pinned")
    return duplicates({scene.scene_id: shingles(scene.text) for scene in ordered}, likeness)


def edited(scene: Scene) -> str | None:
    """What is wrong with the digest of a scene."""
    digest = hashlib.sha256(scene.text.encode("utf-8")).hexdigest()
    return None if digest == scene.sha256 else f"{scene.sha256[:8]}, the text has {digest[:8]}"


def control(scene: Scene) -> str | None:
    """The first control character among all texts of a scene, and where it stands."""
    for name, text in texts(scene):
        if match := CONTROL.search(text):
            return f"U+{ord(match.group()):04X} in {name}"
    return None


def texts(scene: Scene) -> Iterator[tuple[str, str]]:
    """All texts of a scene with the names of their fields."""
    for name in ("title", "author", "category", "chapter", "reason"):
        yield name, getattr(scene, name)
    for name, form in scene.forms.items():
        for text in form.values() if isinstance(form, dict) else [form]:
            yield name, text


def empty_form(scene: Scene) -> str | None:
    """The first form of a scene that has no text."""
    for name, form in scene.forms.items():
        if not "".join(form.values() if isinstance(form, dict) else form).strip():
            return name
    return None
