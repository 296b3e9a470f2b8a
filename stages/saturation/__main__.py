"""Curves, intervals and the verdict in books, from the items table.

Reads   data/evaluate/, data/base/, data/tiers/, data/probe/books.csv, data/shelf.csv, data/extract/accounts.csv,
        data/scenes/accounts.csv, data/validate/accounts.csv, metrics/bookmap.json,
        metrics/flashes.csv, metrics/flashes.json, metrics/reflect.json,
        params.yaml (saturation, probe.language)
Writes  metrics/saturation.json, metrics/curve.csv, metrics/scores.csv, metrics/coverage.csv,
        metrics/phases.csv, metrics/poll.csv, metrics/overturns.csv,
        metrics/curve.svg, metrics/divergence.svg, metrics/coverage.svg, metrics/poll.svg, metrics/overturns.svg,
        metrics/ltm_layers_of_saturation.md, and in Russian metrics/ltm_layers_of_saturation.ru.md
Run     python -m stages.saturation
        python -m stages.saturation --show          print the last result again, from metrics/ alone
        python -m stages.saturation --plan          what a study of so many draws and rungs decides
"""

import argparse
from pathlib import Path

import pandas as pd

from stages.saturation.analysis import Analysis, analyse
from stages.saturation.breakdown import break_down
from stages.saturation.corpus import read_books
from stages.saturation.findings import Findings, find
from stages.saturation.overturns import overturns, read_trunks
from stages.saturation.phrases import Speaker
from stages.saturation.plots import draw_all
from stages.saturation.poll import poll
from stages.saturation.report import report
from stages.saturation.report_flashes import read_flashes
from stages.saturation.report_reflect import read_reflection
from stages.saturation.settings import Saturation
from stages.saturation.shelves import read_shelves, titles_of
from stages.saturation.show import REPORTS, plan, show
from stages.saturation.states import comparer, stepper
from stages.saturation.tables import (
    corpus_rows,
    curve_rows,
    overturn_rows,
    phase_rows,
    poll_rows,
    read_rows,
    score_rows,
    summary,
    write_rows,
)
from stages.saturation.trained import trained_at
from stages.shared.accounts import read_fates
from stages.shared.commands import command_line
from stages.shared.errors import UserError, run
from stages.shared.params import load_params, read_params
from stages.shared.records import write_json

ITEMS, STATES, BASE = Path("data/evaluate/items.parquet"), Path("data/evaluate/states"), Path("data/base")
CELLS, TRUNKS = Path("data/evaluate/cells.csv"), Path("data/evaluate/trajectories")
TIERS, METRICS = Path("data/tiers"), Path("metrics")


def headline_language() -> str:
    """The language of the headline numbers, `probe.language`."""
    probe = read_params().get("probe")
    if not isinstance(probe, dict) or not isinstance(probe.get("language"), str):
        raise UserError("params.yaml has no probe.language; name the language of the headline numbers there")
    return str(probe["language"])


def read_items(path: Path) -> pd.DataFrame:
    """Read the items table."""
    if not path.exists():
        raise UserError(f"{path} is missing; run `dvc repro evaluate`")
    return pd.read_parquet(path)


def work_out() -> tuple[Analysis, Findings]:
    """Everything the items table, the orders and the training texts say."""
    settings, language = load_params(Saturation, "saturation"), headline_language()
    items, shelves = read_items(ITEMS), read_shelves(TIERS / "orders")
    analysis = analyse(items, settings, language, shelves)
    points = poll(items, shelves, settings, language, comparer(STATES, BASE))
    followed, trunks = read_trunks(TRUNKS, stepper(BASE), shown=True)
    turned = overturns(followed, trunks, titles_of(TIERS, followed))
    trained = trained_at(read_rows(CELLS)).get((settings.order, settings.arm), {})
    breakdown = break_down(items, analysis, shelves)
    return analysis, find(analysis, points, read_books(TIERS), shelves, breakdown, turned, trained)


def ask() -> argparse.Namespace:
    """The command line."""
    parser = command_line("saturation", __doc__)
    parser.add_argument("--show", action="store_true", help="print the last result, from metrics/ alone")
    parser.add_argument("--plan", action="store_true", help="what a study of so many draws and rungs decides")
    return parser.parse_args()


def main() -> None:
    asked = ask()
    if asked.show or asked.plan:
        print(show(METRICS) if asked.show else plan(METRICS))
        return
    analysis, findings = work_out()
    fates = read_fates()
    METRICS.mkdir(exist_ok=True)
    write_json(METRICS / "saturation.json", summary(analysis, fates, findings.overturns))
    write_rows(METRICS / "curve.csv", curve_rows(analysis, findings))
    write_rows(METRICS / "scores.csv", score_rows(findings.breakdown))
    write_rows(METRICS / "coverage.csv", corpus_rows(findings))
    write_rows(METRICS / "phases.csv", phase_rows(findings.phases))
    write_rows(METRICS / "poll.csv", poll_rows(findings.poll))
    write_rows(METRICS / "overturns.csv", overturn_rows(findings.overturns))
    flashes, reflection = read_flashes(METRICS), read_reflection(METRICS / "reflect.json")
    for language, name in REPORTS.items():
        told = report(analysis, fates, findings, Speaker(language), flashes, reflection)
        (METRICS / name).write_text(told, encoding="utf-8")
    draw_all(analysis, findings, METRICS)
    print(show(METRICS))


if __name__ == "__main__":
    run(main)
