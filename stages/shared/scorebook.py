"""Numbers by key in one SQLite file of the keyed store: for items too small for a folder each.

A row carries the digest of its key and values, so a damaged one is no row, and its item is computed again.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

from stages.shared.chance import digest
from stages.shared.errors import UserError
from stages.shared.keyed import store_root

SECONDS = 60.0  # that another run may hold the file


class Scorebook:
    """The numbers of one step, for example `Scorebook("linkage")`."""

    def __init__(self, step: str, root: Path | None = None) -> None:
        self.path = (root or store_root()) / f"{step}.sqlite"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.create()
        except sqlite3.DatabaseError:  # no database, or torn: what it held is computed again
            self.path.unlink(missing_ok=True)
            self.create()

    def create(self) -> None:
        """Make the table where it is not there."""
        with closing(self.connect()) as connection, connection:
            connection.execute("create table if not exists numbers (key text primary key, content text, sum text)")

    def connect(self) -> sqlite3.Connection:
        """A connection that waits for another run's."""
        return sqlite3.connect(self.path, timeout=SECONDS)

    def get(self, keys: Iterable[str]) -> dict[str, dict[str, float]]:
        """The numbers of those keys that are there and whole."""
        found = {}
        with closing(self.connect()) as connection:
            for key in keys:
                row = connection.execute("select content, sum from numbers where key = ?", (key,)).fetchone()
                if row and digest(key, row[0]) == row[1]:
                    found[key] = json.loads(row[0])
        return found

    def put(self, rows: Mapping[str, Mapping[str, float]]) -> None:
        """Keep numbers, all of `rows` or none."""
        content = {key: json.dumps(dict(values), sort_keys=True) for key, values in rows.items()}
        kept = [(key, text, digest(key, text)) for key, text in content.items()]
        try:
            with closing(self.connect()) as connection, connection:
                connection.executemany("insert or replace into numbers values (?, ?, ?)", kept)
        except sqlite3.OperationalError as error:
            raise UserError(f"cannot write {self.path}: {error}; free some space and run again") from error
