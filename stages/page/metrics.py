"""What the page takes from metrics/: the verdict and its report, the tables, the summaries."""

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

from stages.shared.errors import UserError

REPORT = "ltm_layers_of_saturation.md"
Row = dict[str, Any]


@dataclass(frozen=True)
class Metrics:
    """The folder metrics/; a table that is not there, or has no row, is empty."""

    folder: Path
    summary: Mapping[str, Any]
    report: str
    curve: list[Row]

    def table(self, name: str) -> list[Row]:
        """The rows of `name`.csv, numbers as numbers, empty fields as None."""
        path = self.folder / f"{name}.csv"
        return read_table(path) if path.exists() else []

    @cached_property
    def opening(self) -> str:
        """The report's first part as HTML: the verdict in a sentence, and what would decide it."""
        return html_of(self.report.partition("\n## ")[0].partition("\n")[2])

    @cached_property
    def whole(self) -> str:
        """The whole report as HTML, without its pictures."""
        return html_of("\n".join(line for line in self.report.split("\n") if not line.startswith("![](")))

    @cached_property
    def summaries(self) -> dict[str, list[tuple[str, str]]]:
        """Every metrics/*.json as flat names and values."""
        return {path.name: flat(json.loads(path.read_text("utf-8"))) for path in sorted(self.folder.glob("*.json"))}


def read_metrics(folder: Path) -> Metrics:
    """Read what `saturation` wrote; raises UserError where it has not run."""
    try:
        summary = json.loads((folder / "saturation.json").read_text(encoding="utf-8"))
        report = (folder / REPORT).read_text(encoding="utf-8")
        return Metrics(folder, summary, report, read_table(folder / "curve.csv"))
    except OSError as error:
        raise UserError(f"{error.filename} is missing; run `dvc repro`, or `dvc pull` it") from None


def read_table(path: Path) -> list[Row]:
    """The rows of a CSV, each field as number, truth value, text or None."""
    with path.open(encoding="utf-8", newline="") as stream:
        return [{name: typed(value) for name, value in row.items()} for row in csv.DictReader(stream)]


def typed(text: str | None) -> Any:
    """A field of a CSV as what it stands for.

    Example: "0.5" -> 0.5; "10" -> 10; "True" -> True; "" -> None; "core" -> "core"
    """
    if not text:
        return None
    if text in ("True", "False"):
        return text == "True"
    try:
        number = float(text)
    except ValueError:
        return text
    return None if not math.isfinite(number) else int(number) if text.lstrip("-").isdigit() else number


def html_of(markdown: str) -> str:
    """Markdown with tables as HTML; markup and links inside it, which titles of books may hold, stay text."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["link", "image", "autolink"])
    return str(reader.render(markdown))


def flat(content: Any, name: str = "") -> list[tuple[str, str]]:
    """Nested JSON as pairs of a dotted name and a value.

    Example: {"a": {"b": 1}} -> [("a.b", "1")]
    """
    if isinstance(content, dict):
        return [pair for key, value in content.items() for pair in flat(value, f"{name}.{key}".strip("."))]
    return [(name, "-" if content is None else str(content))]
