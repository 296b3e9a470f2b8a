"""Own thinking past saturation: next books, replay and self-written scenes, at equal tokens and at equal compute.

Reads   data/base/, data/train/ (the saturated adapter), data/tiers/ (what was read, and what comes next),
        data/probe/ (to score, never to write or filter), params.yaml (reflect, probe.language)
Writes  data/reflect/written.jsonl (all that was written, with its fate), data/reflect/written.md (the best and worst),
        data/reflect/cells.csv (every round of every arm),
        metrics/reflect.json, metrics/reflect.csv, metrics/reflect.svg
Run     python -m stages.reflect
        dvc exp run -S reflect.reading=tiered-real-d0-i0    (it is off by default: reading is null)
"""

import shutil
from pathlib import Path
from typing import Any

from stages.reflect import plot
from stages.reflect.settings import ReflectParams
from stages.reflect.tables import write_curve, write_lines
from stages.shared.commands import command_line
from stages.shared.errors import UserError, run
from stages.shared.params import load_params, read_params
from stages.shared.records import write_json

BASE, OUT, METRICS = Path("data/base"), Path("data/reflect"), Path("metrics")
OFF = "not run: reflect.reading is null; name a reading, dvc exp run -S reflect.reading=tiered-real-d0-i0"


def headline_language() -> str:
    """The language of the headline numbers, `probe.language`."""
    probe = read_params().get("probe")
    if not isinstance(probe, dict) or not isinstance(probe.get("language"), str):
        raise UserError("params.yaml has no probe.language; name the language of the headline numbers there")
    return str(probe["language"])


def write_off() -> None:
    """Leave outputs that say that nothing was run."""
    write_lines(OUT / "written.jsonl", [])
    write_outs([], {"run": False, "reason": OFF})
    print(f"reflect: {OFF}")


def write_outs(curve: list[dict[str, float]], summary: dict[str, Any]) -> None:
    """Write what lies in metrics/."""
    write_curve(METRICS / "reflect.csv", curve)
    write_json(METRICS / "reflect.json", summary)
    plot.draw(METRICS / "reflect.svg", curve, summary)


def main() -> None:
    params = load_params(ReflectParams, "reflect")
    shutil.rmtree(OUT, ignore_errors=True)
    if params.reading is None:
        write_off()
        return
    from stages.reflect import study

    found = study.reflect(params, headline_language(), BASE)
    study.write_data(found, OUT)
    write_outs(found.curve, found.summary)
    print("\n".join(study.lines(found)))


if __name__ == "__main__":
    command_line("reflect", __doc__).parse_args()
    run(main)
