"""An object with the files that its paths name, to be sent to a machine that may not see them."""

import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LARGEST = 1 << 30  # bytes of a file that travels; a larger one is left where it is


@dataclass(frozen=True)
class Letter:
    """A pickled object that names its files by their numbers, and the paths of those files here."""

    pickled: bytes
    paths: tuple[Path, ...]

    def read(self) -> Any:
        """The object, with the paths of its files here."""
        return Unpacker(self).load()


@dataclass(frozen=True)
class Parcel:
    """A pickled object that names its files by their numbers, and the names and contents of those files."""

    pickled: bytes
    files: tuple[tuple[str, bytes], ...]

    def unpack(self, folder: Path) -> Letter:
        """Write the files below an empty folder, each under its name."""
        paths = []
        for number, (name, content) in enumerate(self.files):
            path = folder / str(number) / name
            path.parent.mkdir()
            path.write_bytes(content)
            paths.append(path)
        return Letter(self.pickled, tuple(paths))


class Packer(pickle.Pickler):
    """Takes the files out of what it pickles; the path of anything else (a folder, a pipe, nothing) stays a path."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self.files: list[tuple[str, bytes]] = []

    def persistent_id(self, found: Any) -> int | None:
        """The number of a file, or None for what is pickled as usual."""
        if not isinstance(found, Path):
            return None
        try:
            if not found.is_file() or found.stat().st_size > LARGEST:
                return None
            self.files.append((found.name, found.read_bytes()))
        except OSError:  # the reader says what is wrong with it
            return None
        return len(self.files) - 1


class Unpacker(pickle.Unpickler):
    """Puts the paths of the files here in place of their numbers."""

    def __init__(self, letter: Letter) -> None:
        super().__init__(io.BytesIO(letter.pickled))
        self.paths = letter.paths

    def persistent_load(self, number: int) -> Path:
        """The path of a file."""
        return self.paths[number]


def pack(thing: object) -> Parcel:
    """Pickle an object together with the files that its paths name."""
    stream = io.BytesIO()
    packer = Packer(stream)
    packer.dump(thing)
    return Parcel(stream.getvalue(), tuple(packer.files))
