"""The end of a run in a few lines, read from metrics/ alone."""

import json
from pathlib import Path

from stages.saturation.tables import SUMMARY, read_rows
from stages.shared.errors import UserError
from stages.shared.measures import MEASURES

REPORTS = {"en": "ltm_layers_of_saturation.md", "ru": "ltm_layers_of_saturation.ru.md"}


def show(folder: Path) -> str:
    """Books, scores at each rung with their intervals, the verdict, and where to read on."""
    try:
        row = json.loads((folder / "saturation.json").read_text(encoding="utf-8"))
        curve = read_rows(folder / "curve.csv")
        report = (folder / REPORTS["en"]).read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{error.filename} is missing; run `dvc repro saturation` first") from None
    verdict = next(line[2:] for line in report.splitlines() if line.startswith("> "))
    books = (
        f"books    {row['books_used']} used, {row['books_missing']} missing, {row['books_rejected']} rejected; "
        f"{row['books_read']} read at the top rung; probe: {row['probe_books']} books of {row['probe_authors']} authors"
    )
    lines = ["", books, *(score_line(name, curve) for name in SUMMARY if f"{name}_low" in curve[0])]
    controls = [name.removeprefix("beats_") for name in row if name.startswith("beats_")]
    if controls:
        told = ", ".join(f"{name} {'beaten' if row[f'beats_{name}'] else 'NOT beaten'}" for name in controls)
        lines.append(f"controls {told} (score {row['score']}, top rung)")
    lines += [f"verdict  {verdict}", f"report   {folder / REPORTS['en']}"]
    return "\n".join([*lines, f"plots    {', '.join(str(path) for path in sorted(folder.glob('*.svg')))}"])


def plan(folder: Path) -> str:
    """What a study of so many draws and rungs decides, as `make prove` measured it on synthetic studies."""
    path = folder / "plan.csv"
    if not path.exists():
        raise UserError(f"{path} is missing; run `make prove` once")
    rows = read_rows(path)
    head = [name.replace("_", " ") for name in rows[0]]
    cells = [list(row.values()) for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in (head, *cells)]
    return "\n".join(lines)


def score_line(name: str, curve: list[dict[str, str]]) -> str:
    """One score at every rung.

    Example: "prediction gain, bits per byte: 10 books 0.0203 [0.0170, 0.0235] · 20 books ..."
    """
    cells = []
    for row in curve:
        if row[name]:
            value, low, high = (float(row[key]) for key in (name, f"{name}_low", f"{name}_high"))
            cells.append(f"{row['books']} books {value:.4f} [{low:.4f}, {high:.4f}]")
    return f"{MEASURES[name].label}, {MEASURES[name].unit}: " + " · ".join(cells)
