"""Whether the objects of DVC's cache, or of a remote, still hold what their names say: DVC itself trusts them."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from stages.shared.errors import UserError
from stages.shared.progress import Progress

BLOCK = 2**20


def open_store(remote: str | None) -> tuple[str, Any]:
    """The local cache, or a remote ("" is the default one), as DVC opens it: its place in words, its database."""
    from dvc.config import RemoteConfigError
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        repo = Repo()
        found = repo.cache.local if remote is None else repo.cloud.get_remote_odb(remote or None)
    except (DvcException, RemoteConfigError) as error:
        raise UserError(f"{error}; `dvc remote list` shows the remotes") from None
    return found.fs.unstrip_protocol(found.path), found


def damaged(store: Any) -> Iterator[tuple[str, str]]:
    """The objects whose bytes do not have the MD5 of their name: that name and where they lie."""
    names = sorted(store.all())
    with Progress("objects", len(names), "object") as progress:
        for name in names:
            place = store.oid_to_path(name)
            if digest(store, place) != name.removesuffix(".dir"):
                yield name, place
            progress.step()


def digest(store: Any, place: str) -> str:
    """MD5 of an object."""
    found = hashlib.md5(usedforsecurity=False)
    with store.fs.open(place, "rb") as stream:
        while block := stream.read(BLOCK):
            found.update(block)
    return found.hexdigest()


def lists(store: Any) -> dict[str, dict[str, str]]:
    """The folders that the store holds: the name of the list of each, and in it the path of every object."""
    found: dict[str, dict[str, str]] = {}
    for name in store.all():
        if name.endswith(".dir"):
            with store.fs.open(store.oid_to_path(name), "rb") as stream:
                try:
                    found[name] = {row["md5"]: row["relpath"] for row in json.loads(stream.read())}
                except (ValueError, TypeError, KeyError):  # a damaged list, which is told as an object
                    continue
    return found


def check_objects(remote: str | None, mend: bool) -> list[str]:
    """Read every object; a line for each damaged one. `mend` takes those away, so that a push or a pull brings them."""
    place, store = open_store(remote)
    folders, lines = lists(store), []
    for name, path in list(damaged(store)):
        held = [folder for folder, rows in folders.items() if name in rows]
        said = folders[held[0]][name] if held else "a file or a list of files"
        lines.append(f"{name} ({said}) in {place} is damaged")
        if mend:
            store.fs.remove(path)
            if remote is not None:  # a push takes a folder for whole while its list is there
                drop(store, held)
    return lines


def drop(store: Any, names: Iterable[str]) -> None:
    """Take objects away where they are."""
    for place in map(store.oid_to_path, names):
        if store.fs.exists(place):
            store.fs.remove(place)


def advice(remote: str | None, count: int, mend: bool) -> str:
    """What to do about damaged objects: where whole ones come from."""
    again = f"`dvc pull`, or `dvc repro` where no remote has {'it' if count == 1 else 'them'}"
    again = again if remote is None else "`dvc push` from a clone whose own cache is whole"
    if mend:
        return f"{count} damaged, taken away; {again} brings {'it' if count == 1 else 'them'} back"
    return f"{count} damaged; the same with --mend takes {'it' if count == 1 else 'them'} away, then {again}"
