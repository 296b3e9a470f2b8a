"""A content-addressed store for work that goes item by item: nothing is computed twice.

An entry is a small folder of files under the hash of everything it depends on (its key). Entries are written
to a temporary folder, synced and renamed, so a killed run leaves whole entries or none; each carries the
checksums of its files, and a damaged entry is dropped and computed again. The store lies beside DVC's cache,
so every experiment, temporary ones included, shares it; of two that miss an entry at once one makes it (`fill`).
A cap keeps its size: what was unused for longest goes first, and nothing that a run of now has used.
"""

import ast
import atexit
import contextlib
import fcntl
import functools
import hashlib
import importlib.metadata
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType

from pydantic import Field

from stages.shared.chance import digest
from stages.shared.errors import UserError
from stages.shared.locks import Task, in_turn
from stages.shared.params import Section, load_params, read_params

SUMS = ".sums.json"
PAID = ("writer",)  # steps whose entries were paid for: never evicted
DRAFT = "draft"  # folder of a step in which entries are written, and through which they go
RUNS = "runs"  # folder of the store with a file for each process that uses it
GIGABYTE = 10**9


class Store(Section):
    """Section `store` of params.yaml: what the store may hold. It changes no key, and no stage depends on it."""

    max_gb: float = Field(default=0, ge=0)  # of all steps together; 0 = no cap


class Keyed:
    """The entries of one step, for example `Keyed("extract")`."""

    def __init__(self, step: str, root: Path | None = None) -> None:
        self.root = root or store_root()
        self.folder = self.root / step
        join_runs(self.root)

    def path(self, key: str) -> Path:
        """Where the entry of `key` lies or would lie."""
        return self.folder / key[:2] / key

    def get(self, key: str) -> Path | None:
        """The folder of the entry, or None where it is absent or damaged (then it is dropped)."""
        entry = self.path(key)
        try:
            os.utime(entry)  # before the check: an entry that is touched is not evicted any more
        except FileNotFoundError:
            return None
        if not is_whole(entry):
            shutil.rmtree(entry, ignore_errors=True)
            return None
        return entry

    def put(self, key: str, write: Callable[[Path], None]) -> Path:
        """Let `write` fill an empty folder, then commit it atomically as the entry of `key`."""
        entry = self.path(key)
        draft = aside(entry)
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
                os.utime(entry)
        except OSError as error:
            raise UserError(f"cannot write {draft}: {error.strerror}; free some space and run again") from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return entry

    def drop(self, key: str) -> None:
        """Take an entry away, if it is there."""
        shutil.rmtree(self.path(key), ignore_errors=True)

    def get_or_put(self, key: str, write: Callable[[Path], None], work: str = "") -> Path:
        """The entry of `key`, made by `write` where it is not there yet; `work` is what another run is told of it."""
        return self.fill([Task(key, work or f"makes entry {key[:16]} of {self.folder.name}", write)])[0]

    def fill(self, wanted: Sequence[Task[Callable[[Path], None]]]) -> list[Path]:
        """The entry of each task, made by its item where it is not there yet: last what another run makes now."""
        for task in in_turn(self.root, [task for task in wanted if self.get(task.key) is None]):
            if self.get(task.key) is None:
                self.put(task.key, task.item)
        return [self.path(task.key) for task in wanted]

    def trim(self) -> None:
        """Evict what was unused for longest, in all steps, until the store keeps `store.max_gb`; say so in a line.

        What any run used that still goes on stays, and so does what this one used.
        """
        settings = load_params(Store, "store") if "store" in read_params() else Store()
        if not settings.max_gb:
            return
        entries, floor = sorted(entries_of(self.root)), oldest_run(self.root)
        left, gone = sum(size for _, size, _ in entries), list[float]()
        for used, size, entry in entries:
            if left > settings.max_gb * GIGABYTE and used < floor and evict(entry, floor):
                left -= size
                gone.append(used)
        if gone or left > settings.max_gb * GIGABYTE:
            print(describe_trim(gone, len(entries), left, settings.max_gb))


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


def join_runs(root: Path) -> None:
    """Say, by a locked file, that this process uses the store from now on until it ends, however it ends."""
    try:
        hold_run(root)
    except OSError as error:
        raise UserError(f"cannot write into {root}: {error.strerror}; mend that, or set LTM_KEYED") from error


@functools.cache
def hold_run(root: Path) -> int:
    """The locked file of this process, made once; it gets its name when it is locked, so that nobody takes it away."""
    path = root / RUNS / uuid.uuid4().hex
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    fcntl.flock(file, fcntl.LOCK_SH)
    path = path.rename(path.with_suffix(".run"))
    atexit.register(path.unlink, missing_ok=True)
    return file


def oldest_run(root: Path) -> float:
    """When the oldest of the processes that use the store began to; files of dead ones, and their drafts, go away."""
    floor = time.time()
    for path in (root / RUNS).glob("*.run"):
        with contextlib.suppress(FileNotFoundError), path.open("rb") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
            except BlockingIOError:
                floor = min(floor, path.stat().st_mtime)
    for draft in root.glob(f"*/{DRAFT}/*"):
        with contextlib.suppress(FileNotFoundError):
            if draft.stat().st_mtime < floor:
                shutil.rmtree(draft, ignore_errors=True)
    return floor


def entries_of(root: Path) -> Iterator[tuple[float, int, Path]]:
    """Every entry that may be evicted: when it was used last, its bytes, its folder."""
    for entry in root.glob("*/??/*"):
        if entry.parts[-3] in PAID:
            continue
        with contextlib.suppress(FileNotFoundError):  # another run has just evicted it
            yield entry.stat().st_mtime, bytes_of(entry), entry


def bytes_of(folder: Path | str) -> int:
    """Bytes of all files below a folder."""
    with os.scandir(folder) as found:
        return sum(bytes_of(one.path) if one.is_dir() else one.stat().st_size for one in found)


def evict(entry: Path, floor: float) -> bool:
    """Take an entry away unless it was used since `floor`; whole and at once, so that nobody meets half of it."""
    away = aside(entry)
    try:
        away.parent.mkdir(exist_ok=True)
        entry.rename(away)
        if away.stat().st_mtime >= floor:  # used between the look and the move
            away.rename(entry)
            return False
    except OSError:  # another run has evicted it, or made it again
        return False
    shutil.rmtree(away, ignore_errors=True)
    return True


def aside(entry: Path) -> Path:
    """A folder of its own beside the entries of a step, for one that comes or goes."""
    return entry.parents[1] / DRAFT / f"{entry.name[:16]}-{uuid.uuid4().hex[:8]}"


def describe_trim(gone: list[float], total: int, left: int, cap: float) -> str:
    """The line that says how many entries of all were evicted, when they were used last, and what bytes are left."""
    day = time.strftime("%Y-%m-%d", time.localtime(max(gone))) if gone else ""
    told = f"{len(gone)} of {total} entries evicted, none of them used after {day}; " if gone else ""
    rest = "; the rest is in use" if left > cap * GIGABYTE else ""
    return f"store: {told}{left / GIGABYTE:.3g} GB left, store.max_gb is {cap:g}{rest}"


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
