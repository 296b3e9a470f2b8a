"""Great Expectations over all scenes: what fails is rejected with its reason, too many rejections stop the pipeline.

Reads   data/scenes/, params.yaml (validate)
Writes  data/validate/rejected.csv, data/validate/docs.html, metrics/validate.json
Run     python -m stages.validate
"""

import csv
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field

from stages.shared.errors import UserError, run
from stages.shared.near import duplicates, shingles
from stages.shared.params import Section, load_params
from stages.shared.records import TIERS, write_json
from stages.shared.scenefile import FORMS, Scene, all_scenes
from stages.shared.scripts import foreign_script, letters_by_script

SCENES, OUT, METRICS = Path("data/scenes"), Path("data/validate"), Path("metrics/validate.json")
BOILERPLATE = (
    r"(?i)project gutenberg|gutenberg\.org|electronic works? in (?:accordance|compliance)|all rights reserved"
    r"|creative commons|isbn[\s:-]*[\d-]{9}|transcriber.s note|this (?:e-?book|etext) is for the use of"
)
CONTROL_CHARACTERS = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]"


class ValidateParams(Section):
    """Section `validate` of params.yaml."""

    min_tokens: int = Field(ge=1)
    max_tokens: int = Field(ge=1)
    min_words: int = Field(ge=1)
    likeness: float = Field(gt=0, le=1)
    script_share: float = Field(ge=0, le=1)
    max_rejected: float = Field(ge=0, le=1)


@dataclass(frozen=True)
class Rejection:
    """A scene that failed, and the rules it failed."""

    scene_id: str
    book_id: str
    reason: str


def frame(scenes: Sequence[Scene], params: ValidateParams) -> pd.DataFrame:
    """One row a scene with the columns that the rules look at."""
    alike = duplicates({scene.scene_id: shingles(scene.text) for scene in scenes}, params.likeness)
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
            "sha256": scene.sha256,
            "text": scene.text,
            "empty_forms": sum(not scene.forms.get(form) for form in FORMS),
            "foreign_script": foreign_script(letters_by_script(scene.text), scene.language, params.script_share)
            or None,
            "duplicate_of": alike.get(scene.scene_id),
        }
        for scene in scenes
    ]
    return pd.DataFrame(rows)


def rules(params: ValidateParams) -> list[tuple[str, Any]]:
    """The declared expectations, each under the name that a rejection gives as its reason."""
    from great_expectations import expectations as gxe

    return [
        ("scene id is not unique", gxe.ExpectColumnValuesToBeUnique(column="scene_id")),
        ("tier is unknown", gxe.ExpectColumnValuesToBeInSet(column="tier", value_set=list(TIERS))),
        ("kind is unknown", gxe.ExpectColumnValuesToBeInSet(column="kind", value_set=["insight", "paradox", "dense"])),
        ("language is no ISO 639 code", gxe.ExpectColumnValuesToMatchRegex(column="language", regex=r"^[a-z]{2,3}\b")),
        ("density is missing", gxe.ExpectColumnValuesToNotBeNull(column="density")),
        ("length in tokens", between("tokens", params.min_tokens, params.max_tokens)),
        ("too few words", between("words", params.min_words, None)),
        ("place in the book", between("first", 0, None)),
        ("place in the book", between("paragraphs", 1, 60)),
        ("sha256 is malformed", gxe.ExpectColumnValuesToMatchRegex(column="sha256", regex=r"^[0-9a-f]{64}$")),
        ("licence boilerplate", gxe.ExpectColumnValuesToNotMatchRegex(column="text", regex=BOILERPLATE)),
        ("control characters", gxe.ExpectColumnValuesToNotMatchRegex(column="text", regex=CONTROL_CHARACTERS)),
        ("a form is empty", between("empty_forms", 0, 0)),
        ("script is not the language's", gxe.ExpectColumnValuesToBeNull(column="foreign_script")),
        ("repeats an earlier scene", gxe.ExpectColumnValuesToBeNull(column="duplicate_of")),
    ]


def between(column: str, low: float | None, high: float | None) -> Any:
    """An expectation that a number lies between two bounds, both allowed."""
    from great_expectations import expectations as gxe

    return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=low, max_value=high)


def validate(scenes: pd.DataFrame, params: ValidateParams) -> tuple[dict[int, list[str]], list[dict[str, Any]], str]:
    """Run the suite: row -> reasons, one summary per rule, and the page of Data Docs."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("scenes").add_dataframe_asset("scenes")
    batch = asset.add_batch_definition_whole_dataframe("all")
    named = rules(params)
    suite = context.suites.add(gx.ExpectationSuite("scenes"))
    for index, (name, expectation) in enumerate(named):
        expectation.meta = {"rule": name, "index": index}
        suite.add_expectation(expectation)
    definition = context.validation_definitions.add(gx.ValidationDefinition(name="scenes", data=batch, suite=suite))
    result = definition.run(batch_parameters={"dataframe": scenes}, result_format={"result_format": "COMPLETE"})
    reasons: dict[int, list[str]] = {}
    summary = []
    for one in sorted(result.results, key=lambda one: one.expectation_config.meta["index"]):
        if one.exception_info and one.exception_info.get("raised_exception"):
            raise UserError(f"rule {one.expectation_config.meta['rule']!r} cannot be checked: {one.exception_info}")
        failing = one.result.get("unexpected_index_list") or []
        for row in failing:
            reasons.setdefault(row, []).append(one.expectation_config.meta["rule"])
        summary.append({"rule": one.expectation_config.meta["rule"], "failed": len(failing)})
    return reasons, summary, docs(result)


def docs(result: Any) -> str:
    """The page of Data Docs, without clocks and random names, so that the same scenes give the same page."""
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    result.meta["run_id"] = RunIdentifier("scenes", datetime(2000, 1, 1, tzinfo=UTC))
    for name in ("validation_time", "validation_id", "batch_markers"):
        result.meta.pop(name, None)
    page = DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(result))
    page = re.sub(r"\d{8}T\d{6}\.\d+Z", "-", page)
    names: dict[str, str] = {}
    unique = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
    return unique.sub(lambda match: names.setdefault(match.group(), f"id-{len(names)}"), page)


def rejections(scenes: pd.DataFrame, reasons: dict[int, list[str]]) -> list[Rejection]:
    """The rejected scenes in order; a repeated scene says which one it repeats."""
    found = []
    for row, names in sorted(reasons.items()):
        scene = scenes.iloc[row]
        twin = f" ({scene['duplicate_of']})" if "repeats an earlier scene" in names else ""
        found.append(Rejection(scene["scene_id"], scene["book_id"], "; ".join(dict.fromkeys(names)) + twin))
    return found


def write_rejected(path: Path, rows: Iterable[Rejection]) -> None:
    """Write the rejections as CSV."""
    path.parent.mkdir(parents=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["scene_id", "book_id", "reason"])
        writer.writerows([row.scene_id, row.book_id, row.reason] for row in rows)


def summarize(scenes: pd.DataFrame, rejected: Sequence[Rejection], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What metrics/validate.json says: counts, the share accepted per tier, what failed each rule."""
    gone = Counter(scenes.set_index("scene_id").loc[[one.scene_id for one in rejected], "tier"])
    tiers = Counter(scenes["tier"])
    failed: Counter[str] = Counter()
    for row in rows:
        failed[row["rule"]] += row["failed"]
    return {
        "scenes": len(scenes),
        "accepted": len(scenes) - len(rejected),
        "rejected": len(rejected),
        "books": int(scenes["book_id"].nunique()),
        "accepted_share": {tier: round(1 - gone[tier] / tiers[tier], 4) for tier in TIERS if tiers[tier]},
        "failed": dict(failed),
    }


def main() -> None:
    params = load_params(ValidateParams, "validate")
    found = list(all_scenes(SCENES))
    if not found:
        raise UserError("data/scenes has no scene; run `dvc repro scenes`")
    scenes = frame(found, params)
    reasons, summary, page = validate(scenes, params)
    rejected = rejections(scenes, reasons)
    shutil.rmtree(OUT, ignore_errors=True)
    write_rejected(OUT / "rejected.csv", rejected)
    (OUT / "docs.html").write_text(page, encoding="utf-8")
    write_json(METRICS, summarize(scenes, rejected, summary))
    share = len(rejected) / len(scenes)
    print(f"validate: {len(scenes)} scenes, {len(rejected)} rejected; the page is {OUT}/docs.html")
    for one in rejected[:5]:
        print(f"  {one.scene_id}: {one.reason}")
    if share > params.max_rejected:
        raise UserError(
            f"{len(rejected)} of {len(scenes)} scenes are rejected, more than the share validate.max_rejected "
            f"{params.max_rejected}; look at {OUT}/rejected.csv, mend the books or raise it"
        )


if __name__ == "__main__":
    run(main)
