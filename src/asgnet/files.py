"""Names of files in messages, and files written whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from asgnet.errors import OutputError

PathLike = str | os.PathLike[str]

HALF = ".asgnet-"
"""What the names of files begin with that are not whole yet."""
UNFINISHED = re.compile(re.escape(HALF) + r"[0-9a-f]{12}(\.[^/]{0,7})?")
"""Their whole names, as :func:`atomic_path` makes them: by these what a killed process left is known."""

_REMEDIES = {
    errno.ENOSPC: "the disk is full; free some space or choose another disk, then run again",
    errno.EDQUOT: "your disk quota is used up; free some space or choose another disk, then run again",
    errno.EACCES: "permission denied; choose a folder that you may write to",
    errno.EPERM: "permission denied; choose a folder that you may write to",
    errno.EROFS: "the disk is read-only; choose a folder on another one",
    errno.ENOTDIR: "a part of its path is a file, not a folder; choose another folder",
    errno.EEXIST: "a part of its path is a file, not a folder; choose another folder",
    errno.EISDIR: "a folder or a device has that name; choose another one",
    errno.ENAMETOOLONG: "its name is too long; choose a shorter one",
    errno.EFBIG: "it is larger than a file may be here; raise the limit or choose another disk",
}


def named(source: Any, kind: str = "picture") -> str:
    """What messages begin with for a source: its path in quotes, everything unprintable escaped."""
    path = source if isinstance(source, str | bytes | os.PathLike) else getattr(source, "filename", None)
    path = getattr(source, "name", None) if path is None else path
    return repr(os.fsdecode(path)) if path and not isinstance(path, int) else f"The {kind} given"


def printable(name: str) -> str:
    """A name as it is, but everything unprintable in it escaped: it will stand in tables and messages."""
    return name if name.isprintable() else repr(name)[1:-1]


def remedy_for(error: OSError) -> str:
    """Why the system refused to write, and what to do about it."""
    return _REMEDIES.get(error.errno or 0, f"{error.strerror}; choose another folder")


@contextmanager
def atomic_path(path: PathLike) -> Iterator[Path]:
    """Yield a hidden path beside ``path``; what is written there takes its place on success, as a whole.

    Missing folders are made. On any failure, Ctrl-C included, the hidden file is removed and ``path`` is as
    it was. A link is written through; devices and pipes are refused.

    Raises:
        OutputError: the result cannot be written (disk full, no permission, a name too long ...).
    """
    final = Path(path)
    if not final.name:
        raise OutputError(f"{os.fspath(path)!r} names no file; choose a file name.")
    temporary = final.with_name(f"{HALF}{secrets.token_hex(6)}{final.suffix[:8]}")
    try:
        if final.is_symlink():
            final = final.resolve()
            temporary = final.with_name(temporary.name)
        if final.exists() and not final.is_file():
            raise IsADirectoryError(errno.EISDIR, "not a file", str(final))
        final.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _flush(temporary)
        os.replace(temporary, final)
    except OSError as error:
        ours = {None, str(temporary), str(final), *map(str, final.parents)}
        if error.errno is None or (error.filename and str(error.filename)) not in ours:
            raise
        raise OutputError(f"{named(path)} cannot be written: {remedy_for(error)}.") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def check_writable(folder: PathLike) -> None:
    """Try a folder, or, if it is still to be made, where it will be: before hours of work, not behind them.

    Raises:
        OutputError: no file can be written there.
    """
    whole = Path(folder)
    there = next(place for place in (whole, *whole.parents, Path()) if place.exists())
    if not there.is_dir():
        raise OutputError(f"{named(there)} is a file, not a folder; give another --out.")
    if there != whole:  # nothing is written beside it
        effective = os.access in os.supports_effective_ids
        if not os.access(there, os.W_OK | os.X_OK, effective_ids=effective):
            raise OutputError(f"{named(folder)}: cannot write there (Permission denied); give another --out.")
        return
    probe = there / f"{HALF}{secrets.token_hex(6)}"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(
            f"{named(folder)}: cannot write there ({error.strerror}); give another --out."
        ) from error


def save_bytes(path: PathLike, data: bytes | memoryview) -> None:
    """Write a whole file or nothing.

    Raises:
        OutputError: as :func:`atomic_path`.
    """
    with atomic_path(path) as temporary, open(temporary, "wb") as stream:
        stream.write(data)


def cache_folder(cache_dir: str | Path | None = None) -> Path:
    """``cache_dir``, or asgnet's folder in the user's cache ($XDG_CACHE_HOME, else ~/.cache)."""
    if cache_dir is not None:
        return Path(cache_dir)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "asgnet"
