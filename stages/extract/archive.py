"""The files inside a ZIP archive, read in memory within limits; nothing is ever unpacked to disk."""

import io
import unicodedata
import zipfile
import zlib
from urllib.parse import unquote

from stages.extract.blocks import Rejected

MEGABYTE = 1 << 20
BLOCK = 1 << 18


class Archive:
    """A ZIP archive in memory that gives at most `limit_mb` megabytes of unpacked bytes, all reads together."""

    def __init__(self, content: bytes, limit_mb: int) -> None:
        self.limit_mb, self.left = limit_mb, limit_mb * MEGABYTE
        try:
            self.zip = zipfile.ZipFile(io.BytesIO(content))
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
            raise Rejected(f"not a whole ZIP archive ({' '.join(str(error).split())})") from None
        if sum(info.file_size for info in self.zip.infolist()) > self.left:
            raise Rejected(self.too_large())
        self.names: dict[str, str] = {}
        for name in self.zip.namelist():
            self.names.setdefault(fold(name), name)

    def find(self, name: str) -> str | None:
        """The entry meant by `name`: as it stands, else unquoted and without regard to case and Unicode form."""
        if name in self.zip.NameToInfo:
            return name
        return self.names.get(fold(name)) or self.names.get(fold(unquote(name)))

    def read(self, name: str) -> bytes | None:
        """The bytes of an entry; None where it is missing or damaged.

        Raises Rejected for an encrypted entry and when the limit on unpacked bytes is passed.
        """
        found = self.find(name)
        if found is None:
            return None
        if self.zip.getinfo(found).flag_bits & 1:
            raise Rejected("encrypted; remove the password and add it again")
        try:
            return self.read_within_limit(found)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, ValueError):
            return None

    def read_within_limit(self, name: str) -> bytes:
        """Unpack an entry block by block, counting."""
        parts = []
        with self.zip.open(name) as stream:
            while part := stream.read(BLOCK):
                self.left -= len(part)
                if self.left < 0:
                    raise Rejected(self.too_large())
                parts.append(part)
        return b"".join(parts)

    def too_large(self) -> str:
        """The reason for a rejection by size."""
        return f"unpacks to more than {self.limit_mb} MB (extract.max_unpacked_mb)"


def fold(name: str) -> str:
    """A name as archives confuse it: slashes, case and Unicode form made equal.

    Example: "OPS\\\\Chapter1.xhtml" -> "ops/chapter1.xhtml"
    """
    return unicodedata.normalize("NFC", name.replace("\\", "/")).casefold()
