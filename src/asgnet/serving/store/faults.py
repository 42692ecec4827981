"""What is wrong with the disk, in one sentence, said once however often it happens."""

from __future__ import annotations

import errno
import sqlite3
import threading

from asgnet.errors import OutputError
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
}


class StorageError(OutputError):
    """The data folder cannot be used now; nothing is lost, and it may go on by itself."""


def storage_error(error: BaseException) -> StorageError | None:
    """The same as a sentence, if the disk or the system is at fault; None if it is something else."""
    cause = None
    if isinstance(error, StorageError):
        return error
    if isinstance(error, OutputError):
        cause = str(error).rstrip(".")
    elif isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)
        cause = _SQLITE.get(code & 0xFF, f"the index does not work ({error})") if code else None
    elif isinstance(error, OSError):
        cause = _CAUSES.get(error.errno or 0)
    return (
        None if cause is None else StorageError(f"Nothing can be stored now: {cause}; it goes on by itself.")
    )


class Faults:
    """Says when storing begins to fail, and when it works again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now: str | None = None

    def begin(self, error: BaseException) -> None:
        """Storing failed; said if that is news."""
        sentence = str(error)
        with self._lock:
            news, self._now = sentence != self._now, sentence
        if news:
            say(sentence)

    def end(self) -> None:
        """Storing worked; said if it did not before."""
        with self._lock:
            news, self._now = self._now is not None, None
        if news:
            say("Storing works again.")
