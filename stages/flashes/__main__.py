"""Find late books that still change a saturated adapter: a filter over all of them, a proof for the best.

Reads   data/base/, data/train/<reading>/<rung>/, data/tiers/orders/, data/validate/scenes.jsonl, data/probe/,
        data/ltm_10000_bookmap.csv, data/catalogue/own.csv and data/sample/ (dates of books),
        params.yaml (flashes, probe.language, workers)
Writes  data/flashes/filter.csv (every book past the rung), data/flashes/pairs.csv (who stood against whom),
        metrics/flashes.csv (every tested book), metrics/flashes.json, metrics/flashes.svg
Run     python -m stages.flashes
        python -m stages.flashes.proof    planted truths and planted junk: precision and recall of the whole
"""

import shutil
from pathlib import Path

from stages.flashes.records import PASSED
from stages.flashes.settings import Flashes
from stages.flashes.tables import row_of, write_run
from stages.shared.commands import command_line
from stages.shared.errors import run
from stages.shared.params import load_params, read_params
from stages.shared.workers import Workers

OUT, METRICS = Path("data/flashes"), Path("metrics")


def examine(params: Flashes, reading: str) -> str:
    """Filter, prove, write; returns what came of it in a line."""
    from stages.flashes.judgement import judge
    from stages.flashes.run import Run, summary

    one = Run(params, reading, read_params()["probe"]["language"], load_params(Workers, "workers"))
    rows = one.filtered()
    passed = [row for row in rows if row.status == PASSED]
    pairs = one.pairs([row.book_id for row in passed[: params.tested]])
    judged, least = judge(params, one.cells(), pairs)
    scenes = {row.book_id: one.there.scenes[row.book_id][0] for row in passed}
    by_id = {row.book_id: row for row in rows}
    found = [row_of(each, by_id[each.name], scenes[each.name], one.there.probe_titles) for each in judged]
    told = summary(params, one.there, rows, judged, least)
    write_run(OUT, METRICS, rows, pairs, found, told)
    ends = f"{told['flashes']} flashes, {told['faded']} faded" if told["flashes"] + told["faded"] else "no flash found"
    return (
        f"flashes: {len(rows)} books past {told['rung']}, {len(passed)} passed the filter, "
        f"{len(found)} tested in {params.pairs} pairs each: {ends}"
    )


def main() -> None:
    command_line("flashes", __doc__).parse_args()
    params = load_params(Flashes, "flashes")
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    METRICS.mkdir(exist_ok=True)
    if params.reading is None:
        write_run(OUT, METRICS, [], [], [], {"run": False})
        print("flashes: not run; `dvc exp run -S flashes.reading=tiered-real-d0-i0` examines the books past a rung")
        return
    print(examine(params, params.reading))


if __name__ == "__main__":
    run(main)
