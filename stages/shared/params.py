"""Sections of params.yaml as frozen, strictly checked records."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from stages.shared.errors import UserError

PARAMS = Path("params.yaml")


class Section(BaseModel):
    """Base of every params section: immutable, no unknown keys, no silent conversion."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


S = TypeVar("S", bound=Section)


def load_params(section: type[S], name: str, path: Path = PARAMS) -> S:
    """Load section `name` of params.yaml as `section`.

    Raises UserError naming the key, its value and what is valid, for a missing section,
    a missing or unknown key, and a value of the wrong type or out of range.
    """
    everything = read_params(path)
    if name not in everything:
        raise UserError(f"{path} has no section '{name}'; its sections are {', '.join(everything)}")
    try:
        return section.model_validate(everything[name])
    except ValidationError as error:
        raise UserError(f"{path}: {explain(error, name, section)}") from None


def read_params(path: Path = PARAMS) -> dict[str, Any]:
    """Read the whole of params.yaml as a mapping of sections."""
    if not path.exists():
        raise UserError(f"{path} is not in this folder; run from the project's root")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UserError(f"{path} is no valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} must be a mapping of sections, it is {type(content).__name__}")
    return content


def explain(error: ValidationError, name: str, section: type[Section]) -> str:
    """Say the first fault of `error` in a sentence: the key, the value, what is valid."""
    fault = error.errors()[0]
    key = ".".join([name, *(str(part) for part in fault["loc"])])
    count = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if fault["type"] == "extra_forbidden":
        return f"unknown key {key}; valid keys of {name} are {', '.join(section.model_fields)}{count}"
    if fault["type"] == "missing":
        return f"key {key} is missing{count}"
    return f"{key} is {fault['input']!r}: {fault['msg']}{count}"
