"""The suite of Great Expectations declared in rules.yaml, and what it says about a table of scenes."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

import pandas as pd
import yaml

from stages.shared.errors import UserError
from stages.validate.table import ValidateParams

RULES = Path(__file__).with_name("rules.yaml")


@dataclass(frozen=True)
class Rule:
    """One rule: its name, why it is there, and the expectation that holds it."""

    rule: str
    meaning: str
    expect: dict[str, Any]
    tells: str = ""  # column whose value a rejection adds
    always: bool = False  # whether a pin leaves it in force


@dataclass(frozen=True)
class Outcome:
    """What became of one rule: the expectation in Great Expectations' words, and the rows that fail it."""

    rule: Rule
    expected: str
    failed: list[int] = field(default_factory=list)


def read_rules(path: Path = RULES) -> list[Rule]:
    """The declared rules in their order."""
    return [Rule(**row) for row in yaml.safe_load(path.read_text(encoding="utf-8"))]


def check(table: pd.DataFrame, params: ValidateParams, rules: Sequence[Rule]) -> list[Outcome]:
    """Run the suite over a table of scenes; one outcome a rule, in their order."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    batch = context.data_sources.add_pandas("scenes").add_dataframe_asset("scenes").add_batch_definition("all")
    declared = [configured(index, rule) for index, rule in enumerate(rules)]
    suite = context.suites.add(gx.ExpectationSuite("scenes", expectations=declared))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name="scenes", data=batch, suite=suite))
    result = definition.run(
        batch_parameters={"dataframe": table},
        expectation_parameters=params.model_dump(),
        result_format={"result_format": "COMPLETE"},
    )
    return [outcome(rules[one.expectation_config.meta["rule"]], one) for one in sorted(result.results, key=place)]


def configured(index: int, rule: Rule) -> dict[str, Any]:
    """A rule as Great Expectations' configuration of an expectation."""
    arguments = {name: value for name, value in rule.expect.items() if name != "type"}
    return {"type": rule.expect["type"], "kwargs": arguments, "meta": {"rule": index}}


def place(result: Any) -> int:
    """Which rule a result is about."""
    return int(result.expectation_config.meta["rule"])


def outcome(rule: Rule, result: Any) -> Outcome:
    """The outcome of a rule out of Great Expectations' result."""
    if result.exception_info and result.exception_info.get("raised_exception"):
        raise UserError(f"rule {rule.rule!r} cannot be checked: {result.exception_info}")
    return Outcome(rule, phrase(result), list(result.result.get("unexpected_index_list") or []))


def phrase(result: Any) -> str:
    """An expectation in Great Expectations' own words.

    Example: "tokens values must be greater than or equal to 32.0 and less than or equal to 512.0."
    """
    from great_expectations.render.renderer.inline_renderer import InlineRenderer

    for content in InlineRenderer(render_object=result).get_rendered_content():
        if content.name == "atomic.prescriptive.summary":
            shown = content.value.to_json_dict()
            return Template(shown["template"]).safe_substitute({k: v["value"] for k, v in shown["params"].items()})
    return str(result.expectation_config.type)


def reasons(outcomes: Sequence[Outcome], table: pd.DataFrame, pinned: frozenset[str]) -> dict[int, list[str]]:
    """Row -> every rule that it fails, with the value that fails; a pinned scene fails only rules without a waiver."""
    found: dict[int, list[str]] = {}
    for one in outcomes:
        for row in one.failed:
            if one.rule.always or table.at[row, "scene_id"] not in pinned:
                found.setdefault(row, []).append(reason(one.rule, table, row))
    return dict(sorted(found.items()))


def reason(rule: Rule, table: pd.DataFrame, row: int) -> str:
    """A failed rule as a rejection gives it.

    Example: "length in tokens (501)"
    """
    return f"{rule.rule} ({table[rule.tells].iloc[row]})" if rule.tells else rule.rule
