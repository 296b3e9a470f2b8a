"""The rules by which a catalogue becomes orbit, fractal and reserve, read from two YAML files."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, ConfigDict, Field, ValidationError

from stages.shared.errors import UserError
from stages.shared.params import Section, explain

FIELDS = Literal["type", "title", "language", "authors", "subjects", "classes", "shelves"]


def compiled(value: object) -> re.Pattern[str]:
    """The pattern that a text means; raises ValueError where it is none."""
    try:
        return re.compile(str(value))
    except re.error as error:
        raise ValueError(f"no regular expression ({error})") from None


Regex = Annotated[re.Pattern[str], BeforeValidator(compiled)]
Share = Annotated[float, Field(gt=0, le=1)]


class Rule(Section):
    """A section of the rules; whole numbers may stand for fractions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Drop(Rule):
    """Rows that go for `reason`: those whose field holds `found`, or does not hold `lacks`."""

    reason: str
    field: FIELDS
    found: Regex | None = None
    lacks: Regex | None = None


class Sizes(Rule):
    """How many books."""

    orbit: int = Field(ge=0)
    fractal: int = Field(ge=0)
    reserve: int = Field(ge=0)


class TitleRules(Rule):
    """What two editions, volumes and languages of a work share in their titles."""

    volume: tuple[str, ...]  # patterns with a group n; NUMBERS stands for the words of `numbers`
    numbers: dict[int, tuple[str, ...]]
    edition: tuple[Regex, ...]
    subtitle: Regex
    articles: frozenset[str]
    generic: frozenset[str]
    volumes_at_most: int = Field(ge=1)
    subjects_in_common: int = Field(ge=1)


class OrbitRules(Rule):
    """Points and caps of the orbit."""

    class_match: float
    subject_hit: float
    subject_hits_at_most: int = Field(ge=1)
    named_author: float
    canon_mark: float
    edition: float
    editions_at_most: int = Field(ge=0)
    juvenile: float
    juvenile_pattern: Regex
    per_author: int = Field(ge=1)
    shares: dict[str, Share]
    other_share: Share


class FractalRules(Rule):
    """Strata and caps of the fractal."""

    per_author: int = Field(ge=1)
    unknown_weight: float = Field(gt=0)
    split_classes: str
    century_after_birth: int = Field(ge=0)


class Rules(Rule):
    """data/catalogue/selection_rules.yaml."""

    seed: int
    sizes: Sizes
    drops: tuple[Drop, ...]
    titles: TitleRules
    nobody: Regex
    canon: tuple[Regex, ...]
    orbit: OrbitRules
    fractal: FractalRules
    class_names: dict[str, str]


class Theme(Rule):
    """What pulls a book into the orbit of a category."""

    classes: frozenset[str] = Field(alias="class")
    subjects: tuple[Regex, ...]
    authors: tuple[Regex, ...]


class Themes(Rule):
    """data/catalogue/orbit_rules.yaml."""

    themes: dict[str, Theme] = Field(min_length=1)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a mapping; raises UserError where the file holds none."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; `git checkout {path}` brings it back") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} must be a mapping, it is {type(content).__name__}; `git checkout {path}`")
    return content


def read_rules(path: Path) -> Rules:
    """Read the rules; raises UserError naming the key that is wrong."""
    try:
        return Rules.model_validate(read_yaml(path))
    except ValidationError as error:
        raise UserError(f"{path}: {explain(error, 'rules', Rules)}") from None


def read_themes(path: Path) -> dict[str, Theme]:
    """Read the themes of the orbit, in their order; raises UserError naming the key that is wrong."""
    try:
        return Themes.model_validate({"themes": read_yaml(path)}).themes
    except ValidationError as error:
        raise UserError(f"{path}: {explain(error, 'rules', Themes)}") from None
