"""The data folder: recognised by a marker, private, used by one process; only the program's own files are removed.

What the program may remove it knows by two things at once: the folder has the marker, and the file's name is one
that only the program gives. Everything else is moved into ``lost+found``, which the program never empties.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import secrets
import sqlite3
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path

from asgnet.errors import OutputError
from asgnet.files import UNFINISHED, named, save_bytes

INDEX = "asgnet.sqlite3"
MARKER = "asgnet-serve.json"
LOST = "lost+found"
FORMAT = "asgnet-serve-data-1"
_LOCK = "lock"
ID = re.compile(r"[0-9a-f]{16}")
"""Names of the folders of concepts and jobs."""


def claim(folder: Path) -> int:
    """Make or recognise a data folder, and lock it; closing the returned handle lets others have it.

    Raises:
        OutputError: it is no data folder and not empty, cannot be written, or another server uses it.
    """
    try:
        _recognise(folder)
        handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise OutputError(
            f"{named(folder)} cannot be written ({error.strerror}); give another --data-dir."
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise OutputError(
            f"{named(folder)} is in use by another asgnet serve; stop it, or give another --data-dir."
        ) from error
    return handle


def _recognise(folder: Path) -> None:
    """Accept a marked, an empty or a new folder, or one of an older asgnet; make it private and marked."""
    there = _names(folder)
    if MARKER in there:
        _check_marker(folder)
    elif there - {_LOCK} and not _made_by_us(folder):
        raise OutputError(
            f"{named(folder)} is not empty, and asgnet serve did not make it; "
            "give a new or an empty folder as --data-dir."
        )
    folder.mkdir(0o700, parents=True, exist_ok=True)
    if stat.S_IMODE(folder.stat().st_mode) != 0o700:
        os.chmod(folder, 0o700)
    if MARKER not in there:
        said = {
            "format": FORMAT,
            "about": "This folder belongs to asgnet serve. Keep this file: without it the folder is refused.",
        }
        save_bytes(folder / MARKER, json.dumps(said, indent=1).encode() + b"\n")


def _names(folder: Path) -> set[str]:
    """What is in a folder, but for files that a killed start left unfinished; nothing if there is none."""
    try:
        return {name for name in os.listdir(folder) if not UNFINISHED.fullmatch(name)}
    except FileNotFoundError:
        return set()


def _check_marker(folder: Path) -> None:
    """Raises OutputError if the marker is another program's, or a newer asgnet's."""
    path = folder / MARKER
    try:
        said = json.loads(path.read_bytes()) if stat.S_ISREG(os.lstat(path).st_mode) else None
    except ValueError:
        said = None
    kind = said.get("format") if isinstance(said, dict) else None
    if kind != FORMAT:
        newer = isinstance(kind, str) and kind.startswith("asgnet-serve-data-")
        why = (
            "was made by a newer asgnet; update asgnet"
            if newer
            else f"has a damaged {MARKER}; mend that file"
        )
        raise OutputError(f"{named(folder)} {why}, or give another --data-dir.")


def _made_by_us(folder: Path) -> bool:
    """Has it the index of an asgnet that made no markers?"""
    path = folder / INDEX
    if not path.is_file() or path.is_symlink():
        return False
    try:
        connection = sqlite3.connect(f"file:{path.absolute()}?mode=ro".replace("#", "%23"), uri=True)
        try:
            tables = {
                row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            }
        finally:
            connection.close()
    except sqlite3.Error:
        return False
    return {"concept", "support", "job", "picture", "note"} <= tables


def say(text: str) -> None:
    """Tell whoever runs the server."""
    print(f"asgnet: {text}", file=sys.stderr, flush=True)


class LostAndFound:
    """Where things are put that nobody knows; made when the first one comes.

    Args:
        folder: the data folder.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._place = (
            folder / LOST / f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
        )

    def take(self, path: Path) -> Path | None:
        """Move a file or folder of the data folder here, and say so; None if it has to stay where it is."""
        target = self._place / path.relative_to(self._folder)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.rename(path, target)
        except OSError as error:
            say(f"{named(path)} is not known to the index; it stays where it is ({error.strerror}).")
            return None
        say(f"{named(path)} is not known to the index; it was moved to {named(target)}.")
        return target


def remove_unfinished(folder: Path) -> None:
    """Remove the files that a killed process had not finished writing; links and folders stay."""
    for where, _, files in os.walk(folder):
        for name in files:
            path = Path(where, name)
            if UNFINISHED.fullmatch(name) and stat.S_ISREG(os.lstat(path).st_mode):
                path.unlink(missing_ok=True)


def put_aside(room: Path, known: set[str], lost: LostAndFound) -> None:
    """Move what is in a room and not known into lost+found; an empty folder that a kill left just goes."""
    for path in sorted(room.iterdir()) if room.is_dir() else ():
        if path.name not in known and not (ID.fullmatch(path.name) and _removed_if_empty(path)):
            lost.take(path)


def _removed_if_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:  # not empty, or no folder
        return False
    return True


def remove_own(folder: Path, own: re.Pattern[str], lost: LostAndFound) -> None:
    """Remove a folder's files whose whole names match, then the folder; whatever else is in it is put aside."""
    if folder.is_symlink():
        lost.take(folder)
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in sorted(names):
        path = folder / name
        with suppress(FileNotFoundError):
            if own.fullmatch(name) and not stat.S_ISDIR(os.lstat(path).st_mode):
                path.unlink()
            elif not UNFINISHED.fullmatch(name):  # being written in this moment: its writer removes it
                lost.take(path)
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
            raise
