"""The index of a data folder: one SQLite file, one process.

Files come first, the row that names them second: what the index knows is complete, whatever moment the
process is killed at, and what it does not know is swept away at the next start.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asgnet.errors import OutputError
from asgnet.files import named

INDEX = "asgnet.sqlite3"
SCHEMA = 1
_TABLES = """
CREATE TABLE concept (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, classes TEXT NOT NULL, counts TEXT NOT NULL,
    network TEXT NOT NULL, adapt TEXT NOT NULL, version INTEGER NOT NULL,
    created REAL NOT NULL, updated REAL NOT NULL, notes TEXT NOT NULL, doctor TEXT);
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

    Raises:
        OutputError: it cannot be written, is used by another server, or holds a damaged or newer index.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._lock = threading.RLock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            os.chmod(folder, 0o700)
            self._claim = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise OutputError(
                f"{named(folder)} cannot be written ({error.strerror}); give another --data-dir."
            ) from error
        try:
            fcntl.flock(self._claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._claim)
            raise OutputError(
                f"{named(folder)} is in use by another asgnet serve; stop it, or give another --data-dir."
            ) from error
        try:
            self._connection = self._opened()
        except sqlite3.DatabaseError as error:
            os.close(self._claim)
            raise OutputError(
                f"{named(folder / INDEX)} cannot be used ({error}); move it away, or give another --data-dir."
            ) from error

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.folder / INDEX, check_same_thread=False, isolation_level=None)
        connection.row_factory = sqlite3.Row
        for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {setting}")
        known = connection.execute("PRAGMA user_version").fetchone()[0]
        if known > SCHEMA:
            raise sqlite3.DatabaseError("it was made by a newer asgnet")
        if not known:
            connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version={SCHEMA}; COMMIT;")
        return connection

    def rows(self, question: str, *values: Any) -> list[sqlite3.Row]:
        """What a query finds."""
        with self._lock:
            return self._connection.execute(question, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing; on the disk when the block ends."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise

    def value(self, key: str) -> str | None:
        """A note; None if there is none."""
        rows = self.rows("SELECT value FROM note WHERE key = ?", key)
        return rows[0]["value"] if rows else None

    def put(self, key: str, value: str) -> None:
        """Keep a note."""
        with self.transaction() as index:
            index.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (key, value))

    def close(self) -> None:
        """Let another process have the folder."""
        with self._lock:
            self._connection.close()
            os.close(self._claim)


def new_id() -> str:
    """A name for a folder or a file that no client can guess or choose."""
    return secrets.token_hex(8)


def sweep(folder: Path, known: set[str]) -> None:
    """Remove what is in a folder and not known: left by a process that was killed."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in known:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
