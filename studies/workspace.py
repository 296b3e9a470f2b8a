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
KEPT = "dvc.lock"  # what a workspace has run; a newer commit does not undo it


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


def environment() -> dict[str, str]:
    """This environment's programs, first among all."""
    return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def open_workspace(name: str) -> Workspace:
    """The workspace of a study at the last commit, made or brought up to it."""
    folder, head = ROOT / name, git("rev-parse", "HEAD")
    if not (folder / ".git").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        git("clone", "--quiet", "--no-checkout", str(Path().absolute()), str(folder))
    lock = (folder / KEPT).read_bytes() if (folder / KEPT).exists() else None
    git("fetch", "--quiet", "origin", "HEAD", folder=folder)
    git("checkout", "--quiet", "--force", "--detach", head, folder=folder)
    if lock is not None:
        (folder / KEPT).write_bytes(lock)
    (folder / "data/library").mkdir(exist_ok=True)
    found = Workspace(folder)
    command = ["dvc", "config", "--local", "cache.dir", str(cache())]
    subprocess.run(command, cwd=folder, env=environment(), check=True)
    return found


def cache() -> Path:
    """DVC's cache of this project."""
    answer = subprocess.run(["dvc", "cache", "dir"], env=environment(), capture_output=True, text=True, check=False)
    if answer.returncode:
        raise UserError(f"`dvc cache dir` failed: {' '.join(answer.stderr.split())}")
    return Path(answer.stdout.strip()).absolute()
