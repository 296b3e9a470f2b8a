"""The plan of a study: read from git as it was committed, merged over params.yaml, and held against what was run."""

import copy
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from stages.shared.errors import UserError
from stages.shared.params import Section, explain

Params = dict[str, Any]
FREE = ("saturation.plan", "store", "train.checkpoint_seconds", "train.side_by_side", "workers")  # change no result


class Exclusions(Section):
    """Which files of the library are no books of the study."""

    languages: list[str] = Field(min_length=1)  # that are read; a book in another one is left out
    books: dict[str, str]  # file name -> why it is left out


class Estimate(Section):
    """What the plan costs by count, before it was run."""

    books: int
    readings: int
    cells: int
    training_tokens: int
    minutes: int
    counted: str  # how, and on which machine


class Plan(Section):
    """studies/<name>/plan.yaml."""

    question: str
    books_of: str | None = None  # another study, whose books and pool these are
    held_out: int = Field(ge=8)  # books of the pool from which probe.books are chosen
    exclusions: Exclusions
    estimate: Estimate | None
    params: Params  # over params.yaml
    variants: dict[str, Params]  # further runs on the same books, each over the params of the study


def read_plan(text: str, path: Path) -> Plan:
    """Parse a plan; raises UserError naming the key that is wrong."""
    try:
        return Plan.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise UserError(f"{path} is no valid YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        raise UserError(explain(error, str(path), Plan)) from None


def git(*arguments: str, folder: Path = Path()) -> str:
    """What git prints; raises UserError with what it says where it fails."""
    answer = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise UserError(f"git {arguments[0]} failed: {' '.join(answer.stderr.split())}")
    return answer.stdout.strip()


def commit_of(path: Path) -> str:
    """The commit that holds the file as it stands; raises UserError where it differs from it or has none."""
    if not path.exists():
        raise UserError(f"{path} is missing; write the plan of the study there, studies/english/plan.yaml is one")
    if git("status", "--porcelain", "--", str(path)) or not (found := git("log", "-1", "--format=%H", "--", str(path))):
        raise UserError(f"{path} is not committed; a study runs as it was planned, so commit it before the first cell")
    return found


def at_commit(commit: str, path: str) -> str:
    """A file as a commit has it."""
    return git("show", f"{commit}:{path}")


def merged(params: Mapping[str, Any], over: Mapping[str, Any], place: str = "") -> Params:
    """Params with those of `over` in their place; lists, and mappings of names that are no params, are replaced whole.

    Raises UserError for a key that params do not have.

    Example: merged({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}) -> {"a": {"b": 3, "c": 2}}
    """
    found = copy.deepcopy(dict(params))
    for name, value in over.items():
        if name not in found:
            raise UserError(f"unknown key {place}{name}; valid keys there are {', '.join(found)}")
        old = found[name]
        nested = isinstance(value, dict) and isinstance(old, dict) and (not place or set(value) <= set(old))
        found[name] = merged(old, value, f"{place}{name}.") if nested else copy.deepcopy(value)
    return found


def carried(now: Mapping[str, Any], then: Mapping[str, Any]) -> Params:
    """Params of today with the values that they had then; a key that was not there yet keeps today's value, one that
    is no more is dropped.

    Example: carried({"a": {"b": 1, "c": 2}}, {"a": {"b": 3, "d": 4}}) -> {"a": {"b": 3, "c": 2}}
    """
    found = copy.deepcopy(dict(now))
    for name in now.keys() & then.keys():
        old, value = now[name], then[name]
        both = isinstance(old, dict) and isinstance(value, dict)
        found[name] = carried(old, value) if both else copy.deepcopy(value)
    return found


def with_settings(over: Params, settings: str) -> Params:
    """Overrides with those of the command line, as `train.rank=4 tiers.orders=[tiered]`, over them."""
    found = copy.deepcopy(over)
    for one in settings.split():
        name, equals, value = one.partition("=")
        *sections, key = name.split(".")
        if not equals or not sections:
            raise UserError(f"SET has {one!r}; write SECTION.KEY=VALUE, several of them parted by spaces")
        place = found
        for section in sections:
            place = place.setdefault(section, {})
        place[key] = yaml.safe_load(value)
    return found


def flat(params: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, Any]]:
    """Params as dotted names and values."""
    for name, value in params.items():
        if isinstance(value, dict) and value:
            yield from flat(value, f"{place}{name}.")
        else:
            yield f"{place}{name}", value


def departures(planned: Mapping[str, Any], run: Mapping[str, Any]) -> list[str]:
    """What was run otherwise than planned, one line a key.

    What changes no result is no departure, nor is a key of params.yaml that was not there when the study was planned.

    Example: departures({"tiers": {"draws": 3}}, {"tiers": {"draws": 2}}) -> ["tiers.draws: planned 3, run 2"]
    """
    before, after = dict(flat(planned)), dict(flat(run))
    there = {f"{section}.{key}" for section, keys in planned.items() if isinstance(keys, dict) for key in keys}
    names = {name for name in {*before, *after} if not name.startswith(FREE) and ".".join(name.split(".")[:2]) in there}
    told = [(name, before.get(name, "nothing"), after.get(name, "nothing")) for name in sorted(names)]
    return [f"{name}: planned {old}, run {new}" for name, old, new in told if old != new]
