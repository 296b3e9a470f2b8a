"""The benchmark table of README, made from benchmarks/results.json.

Run  python -m benchmarks.table [--write]
"""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks import rows
from stages.shared.errors import UserError, run

BEGIN, END = "<!-- bench -->", "<!-- /bench -->"
README = Path("README.md")


def render(found: Sequence[rows.Row]) -> str:
    """Rows as a Markdown table, with the machines and commits they come from below it."""
    lines = ["| what | of, or against | value | goal |", "|---|---|---|---|", *map(line, found)]
    origins = sorted({f"{row.machine}; commit {row.commit}, {row.date}" for row in found})
    return "\n".join([*lines, "", *(f"Measured on {origin}." for origin in origins)])


def line(row: rows.Row) -> str:
    """One row of the table; a goal that was missed says so."""
    goal = row.goal if not row.goal or met(row) else f"{row.goal}, missed"
    return f"| {row.name} | {row.peer or 'ours'} | {row.value:,g} {row.unit}".rstrip() + f" | {goal} |"


def met(row: rows.Figure) -> bool:
    """Whether a value reaches its goal.

    Example: value 1.6, goal ">= 1.5" -> True
    """
    sign, bound = row.goal.split()
    return row.value >= float(bound) if sign == ">=" else row.value < float(bound)


def put(text: str, shown: str) -> str:
    """A text with `shown` between the markers, in place of what stood there."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise UserError(f"{README} must have the lines {BEGIN} and {END} once each, where the table belongs")
    return re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n{shown}\n{END}", text, flags=re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.table")
    parser.add_argument("--write", action="store_true", help=f"put the table into {README}")
    asked = parser.parse_args()
    found = rows.read()
    if not found:
        raise UserError(f"{rows.RESULTS} has no rows; run `make bench`")
    shown = render(found)
    if asked.write:
        README.write_text(put(README.read_text(encoding="utf-8"), shown), encoding="utf-8")
    else:
        print(f"{BEGIN}\n{shown}\n{END}")


if __name__ == "__main__":
    run(main)
