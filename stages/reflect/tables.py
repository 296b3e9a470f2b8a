"""The arms by name, and the files they are told in; nothing here needs a model."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

TOKENS, COMPUTE = "tokens", "compute"  # what arms have equal
ARMS = ("own", "next", "replay")
CURVE = (("own", TOKENS), *((arm, equal) for equal in (TOKENS, COMPUTE) for arm in ARMS[1:]))
COLUMNS = ["rounds", *(f"{arm}_{equal}{end}" for arm, equal in CURVE for end in ("", "_low", "_high"))]


def write_curve(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write metrics/reflect.csv, with its header also where nothing was run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows, columns=COLUMNS).to_csv(path, index=False, lineterminator="\n")


def write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a row a line as JSON; NaN becomes null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    clean = [{k: None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()} for row in rows]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in clean), encoding="utf-8")
