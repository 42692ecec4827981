"""What is wrong with the disk, in one sentence, said once however often it happens."""

from __future__ import annotations

import errno
import sqlite3
import threading
import time

from asgnet.errors import AsgnetError, OutputError
from asgnet.serving.store.folder import say

_CAUSES = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "the data folder may not be written to",
    errno.EPERM: "the data folder may not be written to",
    errno.EMFILE: "the process has no file handles left",
    errno.ENFILE: "the system has no file handles left",
    errno.EIO: "the disk does not work",
    errno.ENOMEM: "the system has no memory left",
}
_SQLITE = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "the data folder may not be written to",
    sqlite3.SQLITE_PERM: "the data folder may not be written to",
    sqlite3.SQLITE_BUSY: "another program holds the index",
    sqlite3.SQLITE_LOCKED: "another program holds the index",
    sqlite3.SQLITE_CANTOPEN: "the index cannot be opened",
    sqlite3.SQLITE_IOERR: "the disk does not work, or is full",
    sqlite3.SQLITE_NOMEM: "the system has no memory left",
    sqlite3.SQLITE_CORRUPT: "the index is damaged",
    sqlite3.SQLITE_NOTADB: "the index is damaged",
}


_FORGOTTEN = 60.0
"""Seconds after which the same fault is said again."""


class StorageError(OutputError):
    """The data folder cannot be used now; nothing is lost, and it may go on by itself."""


def storage_error(error: BaseException) -> StorageError | None:
    """The same as a sentence, if the disk or the system is at fault; None if it is something else."""
    if isinstance(error, StorageError):
        return error
    cause = None
    if isinstance(error, AsgnetError):
        below = None if error.__cause__ is None else storage_error(error.__cause__)
        if below is not None or not isinstance(error, OutputError):
            return below
        cause = "the data folder cannot be written"
    elif isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)
        cause = _SQLITE.get(code & 0xFF) if code else None
    elif isinstance(error, OSError):
        cause = _CAUSES.get(error.errno or 0)
    return (
        None if cause is None else StorageError(f"Nothing can be stored now: {cause}; it goes on by itself.")
    )


class Faults:
    """Says when storing begins to fail, once for as long as it lasts, and when it works again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._met: dict[str, float] = {}

    def begin(self, error: BaseException) -> None:
        """Storing failed; said unless it did so for the same reason a minute ago."""
        sentence, now = str(error), time.monotonic()
        with self._lock:
            news = now - self._met.get(sentence, -_FORGOTTEN) >= _FORGOTTEN
            self._met[sentence] = now
        if news:
            say(sentence)

    def end(self) -> None:
        """Something was stored, files and rows; said if it could not be before."""
        with self._lock:
            news = bool(self._met)
            self._met.clear()
        if news:
            say("Storing works again.")
