"""The index of a data folder: one SQLite file, one process.

Files come first, the row that names them second: what the index knows is complete, whatever moment the process is
killed at. Which files are to go, because they were replaced, deleted, or not finished, it knows as well: it is
written down before the first of them is touched, and done at the next start if the process was killed meanwhile.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from asgnet.errors import OutputError
from asgnet.files import named
from asgnet.serving.store.faults import Faults, storage_error
from asgnet.serving.store.folder import ID, INDEX, LostAndFound, claim, remove_own
from asgnet.serving.store.quota import Quota

SCHEMA = 2
_WAIT = 1.0
"""Seconds to wait where another program holds the index."""
_REMOVE = "remove/"
"""Notes under this key name what is to be removed."""
OWN = {
    "concepts": re.compile(r"[0-9]+\.(concept|json)|[0-9a-f]{16}\.(picture|mask)"),
    "jobs": re.compile(r"[0-9]+\.(picture|mask\.png|corrected\.png|guide\.png|p[0-9]+\.png)"),
}
"""Names of the files that are the program's own, in the folders of concepts and of jobs."""
_SECOND = "ALTER TABLE concept ADD COLUMN unpainted TEXT NOT NULL DEFAULT 'background';"
"""What the second schema has beyond the first."""
_TABLES = """
CREATE TABLE concept (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, classes TEXT NOT NULL, counts TEXT NOT NULL,
    network TEXT NOT NULL, adapt TEXT NOT NULL, version INTEGER NOT NULL,
    created REAL NOT NULL, updated REAL NOT NULL, notes TEXT NOT NULL, doctor TEXT,
    unpainted TEXT NOT NULL DEFAULT 'background');
CREATE TABLE support (
    concept TEXT NOT NULL REFERENCES concept(id) ON DELETE CASCADE, position INTEGER NOT NULL,
    file TEXT NOT NULL, name TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
    PRIMARY KEY (concept, position));
CREATE TABLE job (
    id TEXT PRIMARY KEY, concept TEXT NOT NULL, classes TEXT NOT NULL, threshold REAL, absent TEXT NOT NULL,
    created REAL NOT NULL, touched REAL NOT NULL, seq INTEGER NOT NULL DEFAULT 0);
CREATE TABLE picture (
    job TEXT NOT NULL REFERENCES job(id) ON DELETE CASCADE, position INTEGER NOT NULL, name TEXT NOT NULL,
    status TEXT NOT NULL, seq INTEGER NOT NULL DEFAULT 0, error TEXT, record TEXT, corrected INTEGER NOT NULL
    DEFAULT 0, PRIMARY KEY (job, position));
CREATE TABLE note (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE INDEX picture_status ON picture (job, status);
"""


class Database:
    """A data folder that this process, and no other, works in.

    Args:
        folder: made if missing.
        repair: make a new index where it is missing or damaged; the old one is put aside.
        most_bytes: that may be kept; None: as much as the disk holds.

    Attributes:
        faults: what is wrong with the disk, said once.
        lost: where things are put that the index does not know.
        quota: room for what is uploaded.

    Raises:
        OutputError: it is not a data folder, cannot be written, is used by another server, or its index is
            missing, damaged or of a newer asgnet.
    """

    def __init__(self, folder: Path, repair: bool = False, most_bytes: int | None = None):
        self.folder, self.quota = folder, Quota(folder, most_bytes)
        self.faults, self.lost = Faults(), LostAndFound(folder)
        self._lock = threading.RLock()
        self._claim = claim(folder)
        try:
            self._connection = self._repaired() if repair else self._opened()
            self._finish_removals()
        except BaseException:
            os.close(self._claim)
            raise

    def _repaired(self) -> sqlite3.Connection:
        with suppress(_UnusableError):
            return self._opened()
        for name in (INDEX, f"{INDEX}-wal", f"{INDEX}-shm"):
            if os.path.lexists(self.folder / name) and self.lost.take(self.folder / name) is None:
                raise OutputError(
                    f"{named(self.folder / name)} cannot be moved away; do it, and repair again."
                )
        return self._opened(new=True)

    def _opened(self, new: bool = False) -> sqlite3.Connection:
        """The index; ``new``: an empty one, whatever else is in the folder."""
        path = self.folder / INDEX
        remedy = "asgnet serve --repair makes a new one of the concepts' files"
        kept = not new and any(any(self.folder.glob(f"{room}/*")) for room in OWN)
        if kept and not (path.is_file() and path.stat().st_size):
            raise _UnusableError(f"{named(path)} is missing; put it back, or {remedy}.")
        connection = sqlite3.connect(path, _WAIT, isolation_level=None, check_same_thread=False)
        try:
            connection.row_factory = sqlite3.Row
            for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {setting}")
            known = connection.execute("PRAGMA user_version").fetchone()[0]
            if known > SCHEMA:
                raise OutputError(f"{named(path)} was made by a newer asgnet; update asgnet.")
            if not known:
                connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version={SCHEMA}; COMMIT;")
            elif known == 1:
                connection.executescript(f"BEGIN; {_SECOND} PRAGMA user_version={SCHEMA}; COMMIT;")
            fault = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if fault != "ok":
                raise sqlite3.DatabaseError(fault)
            return connection
        except BaseException as error:
            connection.close()
            if not isinstance(error, sqlite3.Error):
                raise
            if type(error) is sqlite3.OperationalError:  # the disk, or who holds the file; not what is in it
                raise OutputError(f"{named(path)} cannot be used now ({error}); try again.") from error
            raise _UnusableError(f"{named(path)} is damaged ({error}); {remedy}.") from error

    def rows(self, question: str, *values: Any) -> list[sqlite3.Row]:
        """What a query finds.

        Raises:
            StorageError: the disk is at fault.
        """
        with self._lock, self._watched():
            return self._connection.execute(question, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing; on the disk when the block ends.

        Raises:
            StorageError: the disk is at fault; nothing of it is done.
        """
        with self._lock, self._watched():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # a full disk may have ended it already
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            fault = storage_error(error)
            if fault is None:
                raise
            self.faults.begin(fault)
            raise fault from error

    def value(self, key: str) -> str | None:
        """A note; None if there is none."""
        rows = self.rows("SELECT value FROM note WHERE key = ?", key)
        return rows[0]["value"] if rows else None

    def put(self, key: str, value: str) -> None:
        """Keep a note."""
        with self.transaction() as index:
            index.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (key, value))

    def removing(self, index: sqlite3.Connection, paths: Sequence[str]) -> str:
        """Write down, in a transaction, that these are to be removed: ``room/id`` or ``room/id/file``.

        Returns what :meth:`removed` or :meth:`stay` take.
        """
        key = _REMOVE + new_id()
        index.execute("INSERT INTO note VALUES (?, ?)", (key, json.dumps(list(paths))))
        return key

    def stay(self, index: sqlite3.Connection, key: str) -> None:
        """In a transaction: what was written down under this key is not to be removed."""
        index.execute("DELETE FROM note WHERE key = ?", (key,))

    def remove(self, key: str) -> None:
        """Remove what was written down under this key; what cannot be removed now goes at the next start."""
        value = self.value(key)
        try:
            for path in json.loads(value or "[]"):
                self._remove(path)
        except OSError as error:
            self.faults.begin(storage_error(error) or error)
            return
        with self.transaction() as index:
            self.stay(index, key)

    def _remove(self, path: str) -> None:
        """Remove the program's own files in a folder, or one of them; what else is in it is put aside."""
        room, _, rest = path.partition("/")
        identity, _, name = rest.partition("/")
        if room not in OWN or not ID.fullmatch(identity):
            return
        folder = self.folder / room / identity
        if not name:
            remove_own(folder, OWN[room], self.lost)
        elif OWN[room].fullmatch(name) and not folder.is_symlink():
            (folder / name).unlink(missing_ok=True)

    def _finish_removals(self) -> None:
        for row in self.rows("SELECT key FROM note WHERE key LIKE ?", f"{_REMOVE}%"):
            self.remove(row["key"])

    def close(self) -> None:
        """Let another process have the folder."""
        with self._lock:
            self._connection.close()
            os.close(self._claim)


class _UnusableError(OutputError):
    """The index is missing or damaged."""


def new_id() -> str:
    """A name for a folder or a file that no client can guess or choose."""
    return secrets.token_hex(8)
