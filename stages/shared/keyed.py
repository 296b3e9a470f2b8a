"""A content-addressed store for work that goes item by item: nothing is computed twice.

An entry is a small folder of files under the hash of everything it depends on (its key). Entries are written
to a temporary folder, synced and renamed, so a killed run leaves whole entries or none; each carries the
checksums of its files, and a damaged entry is dropped and computed again. The store lies beside DVC's cache,
so every experiment, temporary ones included, shares it.
"""

import ast
import hashlib
import importlib.metadata
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType

from stages.shared.chance import digest
from stages.shared.errors import UserError

SUMS = ".sums.json"


class Keyed:
    """The entries of one step, for example `Keyed("extract")`."""

    def __init__(self, step: str, root: Path | None = None) -> None:
        self.folder = (root or store_root()) / step

    def path(self, key: str) -> Path:
        """Where the entry of `key` lies or would lie."""
        return self.folder / key[:2] / key

    def get(self, key: str) -> Path | None:
        """The folder of the entry, or None where it is absent or damaged (then it is dropped)."""
        entry = self.path(key)
        if not entry.is_dir():
            return None
        if not is_whole(entry):
            shutil.rmtree(entry, ignore_errors=True)
            return None
        os.utime(entry)
        return entry

    def put(self, key: str, write: Callable[[Path], None]) -> Path:
        """Let `write` fill an empty folder, then commit it atomically as the entry of `key`."""
        entry = self.path(key)
        draft = self.folder / "draft" / f"{key[:16]}-{uuid.uuid4().hex[:8]}"
        draft.mkdir(parents=True)
        try:
            write(draft)
            seal(draft)
            entry.parent.mkdir(parents=True, exist_ok=True)
            try:
                draft.rename(entry)
            except OSError:  # another run committed the same key first
                if not entry.is_dir():
                    raise
        except OSError as error:
            raise UserError(f"cannot write {draft}: {error.strerror}; free some space and run again") from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return entry

    def drop(self, key: str) -> None:
        """Take an entry away, if it is there."""
        shutil.rmtree(self.path(key), ignore_errors=True)

    def get_or_put(self, key: str, write: Callable[[Path], None]) -> Path:
        """The entry of `key`, made by `write` where it is not there yet."""
        return self.get(key) or self.put(key, write)


def store_root() -> Path:
    """The folder `keyed` beside DVC's cache, as its configuration names it; `LTM_KEYED` names another."""
    if named := os.environ.get("LTM_KEYED"):
        return Path(named)
    from dvc.config import Config, ConfigError

    try:
        config = Config.from_cwd()
    except ConfigError as error:
        raise UserError(f"DVC's configuration cannot be read: {error}") from None
    if config.dvc_dir is None:
        raise UserError("no DVC project in this folder; run from the project's root, or set LTM_KEYED to a folder")
    cache = config["cache"].get("dir") or Path(config.dvc_dir, "cache")
    return Path(cache).resolve().parent / "keyed"


def key_of(*parts: object) -> str:
    """The key of an item: the hash of `parts` (text, numbers, digests, JSON-like values)."""
    return digest(*(json.dumps(part, sort_keys=True, ensure_ascii=True, default=str) for part in parts))


def code_digest(modules: Iterable[ModuleType], libraries: Iterable[str] = ()) -> str:
    """Hash the code of `modules` without docstrings and comments, and the versions of `libraries`.

    A changed comment or docstring keeps the digest; a changed statement or library version changes it.
    """
    sources = [strip_docstrings(Path(str(module.__file__)).read_text(encoding="utf-8")) for module in modules]
    versions = [f"{name}=={importlib.metadata.version(name)}" for name in sorted(libraries)]
    return digest(*sources, *versions)


def strip_docstrings(source: str) -> str:
    """Dump the syntax tree of `source` with all docstrings removed."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(
            node, clean=False
        ):
            node.body = node.body[1:]
    return ast.dump(tree)


def file_digest(path: Path) -> str:
    """sha256 of the bytes of a file, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def seal(folder: Path) -> None:
    """Write the checksums of all files of `folder` and sync everything to disk."""
    sums = {str(path.relative_to(folder)): file_digest(path) for path in files_of(folder)}
    (folder / SUMS).write_text(json.dumps(sums, sort_keys=True), encoding="utf-8")
    for path in [*files_of(folder), folder / SUMS]:
        with path.open("rb") as stream:
            os.fsync(stream.fileno())


def is_whole(folder: Path) -> bool:
    """Whether every file of an entry is there with its checksum."""
    try:
        sums = json.loads((folder / SUMS).read_text(encoding="utf-8"))
        return all(file_digest(folder / name) == value for name, value in sums.items())
    except (OSError, ValueError, AttributeError):
        return False


def files_of(folder: Path) -> list[Path]:
    """All files below `folder` except the checksums, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)


def assemble(out: Path, entries: Mapping[str, Path]) -> None:
    """Make `out` hold exactly the files of `entries`: name -> entry folder, or one file of an entry.

    Files are hard-linked where the file system allows it and copied elsewhere.
    """
    draft = out.with_name(f".{out.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for name, source in sorted(entries.items()):
        for path in [source] if source.is_file() else files_of(source):
            link(path, draft / name / path.relative_to(source) if source.is_dir() else draft / name)
    shutil.rmtree(out, ignore_errors=True)
    draft.rename(out)


def link(source: Path, target: Path) -> None:
    """Hard-link `source` as `target`, or copy it where links are refused."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
