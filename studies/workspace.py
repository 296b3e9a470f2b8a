"""Where a study runs: a clone of this repository at its last commit, below .dvc/tmp/studies.

A clone of its own, so that neither dvc.lock, metrics nor the library of the project are touched, and so that what runs
is what was committed. It shares DVC's cache, and with it the keyed store: no adapter is trained and no cell is scored
twice. It stays until it is deleted, and a run that was killed goes on in it.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stages.shared.errors import UserError
from studies.plan import git

ROOT = Path(".dvc/tmp/studies")


@dataclass(frozen=True)
class Workspace:
    """The folder of one study."""

    folder: Path

    def path(self, name: str) -> Path:
        """A file of it."""
        return self.folder / name

    def run(self, *command: str) -> None:
        """Run a command there, its output shown as it comes; raises UserError where it fails."""
        if subprocess.run(command, cwd=self.folder, env=environment(), check=False).returncode:
            raise UserError(f"`{' '.join(command)}` ended with an error; what was finished is kept, run it again")

    def write_params(self, params: Mapping[str, Any]) -> None:
        """Write its params.yaml."""
        self.path("params.yaml").write_text(yaml.safe_dump(dict(params), sort_keys=False, allow_unicode=True), "utf-8")

    def outs_in_git(self) -> list[Path]:
        """The files that the pipeline writes and git holds: metrics, plots, reports, the bookmap."""
        pipeline = yaml.safe_load(self.path("dvc.yaml").read_text(encoding="utf-8"))
        outs = [out for stage in pipeline["stages"].values() for out in stage["outs"]]
        return [self.path(next(iter(out))) for out in outs if isinstance(out, dict)]


def environment() -> dict[str, str]:
    """This environment's programs, first among all."""
    return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def open_workspace(name: str) -> Workspace:
    """The workspace of a study at the last commit, made or brought up to it."""
    folder, head = ROOT / name, git("rev-parse", "HEAD")
    if not (folder / ".git").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        git("clone", "--quiet", "--no-checkout", str(Path().absolute()), str(folder))
    git("fetch", "--quiet", "origin", "HEAD", folder=folder)
    found = Workspace(folder)
    bring_up(found, head)
    (folder / "data/library").mkdir(exist_ok=True)
    for name, value in {"cache.dir": str(cache()), "core.autostage": "false"}.items():
        subprocess.run(["dvc", "config", "--local", name, value], cwd=folder, env=environment(), check=True)
    return found


def bring_up(workspace: Workspace, head: str) -> None:
    """Check a commit out; what the workspace has run, its lock and the outs that git holds, is not undone by it."""
    made = [workspace.path("dvc.lock"), *(workspace.outs_in_git() if workspace.path("dvc.yaml").exists() else [])]
    kept = {path: path.read_bytes() for path in made if path.exists()}
    git("checkout", "--quiet", "--force", "--detach", head, folder=workspace.folder)
    for path, content in kept.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def cache() -> Path:
    """DVC's cache of this project."""
    answer = subprocess.run(["dvc", "cache", "dir"], env=environment(), capture_output=True, text=True, check=False)
    if answer.returncode:
        raise UserError(f"`dvc cache dir` failed: {' '.join(answer.stderr.split())}")
    return Path(answer.stdout.strip()).absolute()
