"""What a study leaves behind in studies/<name>/: metrics, plots, reports, params as they were run, and its log."""

import datetime
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from stages.shared.records import write_json
from studies.workspace import Workspace

RUN = "run.json"


@dataclass
class Log:
    """studies/<name>/run.json: the plan's commit as of the first run, and every run with its seconds."""

    path: Path
    plan_commit: str = ""
    runs: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> "Log":
        """Read it; empty where the study was never run."""
        return cls(path, **json.loads(path.read_text(encoding="utf-8"))) if path.exists() else cls(path)

    def register(self, commit: str) -> str:
        """The commit of the plan that counts: that of the first run."""
        if not self.plan_commit:
            self.plan_commit = commit
            self.write()
        return self.plan_commit

    def add(self, variant: str, commit: str, seconds: float, machine: str) -> None:
        """Add a run of the study or of a variant."""
        day = datetime.datetime.now(datetime.UTC).date().isoformat()
        self.runs.append(
            {"variant": variant, "commit": commit, "date": day, "seconds": round(seconds), "machine": machine}
        )
        self.write()

    def write(self) -> None:
        """Write it."""
        write_json(self.path, {"plan_commit": self.plan_commit, "runs": self.runs})


def collect(workspace: Workspace, params: dict[str, Any], out: Path) -> None:
    """Copy metrics, plots and reports, the readings, params and dvc.lock of a workspace into a folder of the study."""
    shutil.rmtree(out / "metrics", ignore_errors=True)
    (out / "metrics").mkdir(parents=True)
    for path in workspace.outs_in_git():
        if path.parent.name == "metrics":
            shutil.copyfile(path, out / "metrics" / path.name)
    shutil.copyfile(workspace.path("data/tiers/readings.csv"), out / "readings.csv")
    shutil.copyfile(workspace.path("dvc.lock"), out / "lock.yaml")
    text = yaml.safe_dump(params, sort_keys=False, allow_unicode=True)
    (out / "params.yaml").write_text(f"# As they were run; written by `make study`.\n{text}", encoding="utf-8")
