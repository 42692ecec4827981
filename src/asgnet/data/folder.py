"""A folder for results and a file to read, on this machine or in an object store (``s3://``, ``gs://`` ...).

Whatever fsspec knows can be read and written; ``file://`` and plain paths are this machine's own. Objects are
put as a whole, files are written whole or not at all: in both places nobody sees half of one.
"""

from __future__ import annotations

import errno
import io
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from asgnet.errors import OutputError, PictureError, UsageError
from asgnet.files import PathLike, atomic_path, named, save_bytes

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(::|://)")
_MISSING = "{!r} needs a package that is not installed ({}); install it."


def is_url(path: PathLike) -> bool:
    """``s3://bucket/a.jpg`` and its kind; ``file://`` is no such thing but a path."""
    text = os.fspath(path)
    return bool(_URL.match(text)) and not text.startswith("file://")


def plain_path(path: PathLike) -> str:
    """A path without the ``file://`` that it may begin with."""
    return os.fspath(path).removeprefix("file://")


def store_of(url: str) -> tuple[Any, str]:
    """Fsspec's file system of a URL, and the path in it.

    Raises:
        UsageError: fsspec does not know the protocol, or needs a package for it, or cannot connect.
    """
    import fsspec

    try:
        return fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise UsageError(_MISSING.format(url, str(error).rstrip("."))) from error
    except Exception as error:  # each kind of store raises its own
        raise UsageError(f"{url!r} cannot be reached: {' '.join(str(error).split())[:200]}.") from error


class Remote(io.BytesIO):
    """A file of an object store, read; its ``name`` is for messages."""

    def __init__(self, data: bytes, name: str):
        super().__init__(data)
        self.name = name


def read_source(path: PathLike) -> bytes:
    """The bytes of a file or an object.

    Raises:
        PictureError: there is none, or it cannot be read.
    """
    try:
        if is_url(path):
            store, inside = store_of(os.fspath(path))
            return store.cat_file(inside)
        return Path(plain_path(path)).read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PictureError(f"{named(path)} does not exist; check the path.") from error
    except (PictureError, UsageError):
        raise
    except Exception as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:100]
        raise PictureError(f"{named(path)} cannot be opened: {reason}; check the path.") from error


class Folder(Protocol):
    """Where results go. Names are relative, with ``/`` between folders."""

    def place(self, name: str) -> str:
        """The full path or URL of a name."""

    def name_of(self, place: PathLike) -> str | None:
        """The name of what lies at a path or URL in this folder; None if it lies elsewhere."""

    def save(self, name: str, data: bytes) -> None:
        """Write a whole file or nothing; OutputError if that cannot be."""

    def save_parts(self, name: str, parts: Iterable[bytes]) -> None:
        """The same of what is too large to be in memory at once."""

    def save_with(self, name: str, write: Callable[[Path], None]) -> None:
        """The same of what only a path can be given to."""

    def read(self, name: str) -> bytes | None:
        """Its bytes, None if there is no such file."""

    def exists(self, name: str) -> bool:
        """Is something there, if only a broken link?"""

    def remove(self, name: str) -> None:
        """Remove a file if it is there."""

    def list(self, prefix: str) -> list[str]:
        """The names of the files in a sub-folder, sorted."""


def folder_at(path: PathLike | Folder) -> Folder:
    """A folder on this machine or in an object store; made when something is written."""
    if not isinstance(path, str | os.PathLike):
        return path
    return StoredFolder(os.fspath(path)) if is_url(path) else LocalFolder(Path(plain_path(path)))


class LocalFolder:
    """A :class:`Folder` on this machine."""

    def __init__(self, path: Path):
        self.path = path

    def place(self, name: str) -> str:  # noqa: D102
        return os.fspath(self.path / name)

    def name_of(self, place: PathLike) -> str | None:  # noqa: D102
        if is_url(place):
            return None
        path, folder = os.path.realpath(plain_path(place)), os.path.realpath(self.path)
        inside = path.startswith(os.path.join(folder, ""))
        return Path(os.path.relpath(path, folder)).as_posix() if inside else None

    def save(self, name: str, data: bytes) -> None:  # noqa: D102
        save_bytes(self.path / name, data)

    def save_parts(self, name: str, parts: Iterable[bytes]) -> None:  # noqa: D102
        with atomic_path(self.path / name) as temporary, open(temporary, "wb") as stream:
            stream.writelines(parts)

    def save_with(self, name: str, write: Callable[[Path], None]) -> None:  # noqa: D102
        with atomic_path(self.path / name) as temporary:
            write(temporary)

    def read(self, name: str) -> bytes | None:  # noqa: D102
        path = self.path / name
        return path.read_bytes() if path.is_file() else None

    def exists(self, name: str) -> bool:  # noqa: D102
        return os.path.lexists(self.path / name)

    def remove(self, name: str) -> None:  # noqa: D102
        (self.path / name).unlink(missing_ok=True)

    def list(self, prefix: str) -> list[str]:  # noqa: D102
        found = (self.path / prefix).rglob("*")
        return sorted(p.relative_to(self.path).as_posix() for p in found if p.is_file())


class StoredFolder:
    """A :class:`Folder` in an object store."""

    def __init__(self, url: str):
        self.url = url.rstrip("/")
        self.store, inside = store_of(self.url)
        self.inside = inside.rstrip("/")

    def place(self, name: str) -> str:  # noqa: D102
        return f"{self.url}/{name}"

    def name_of(self, place: PathLike) -> str | None:  # noqa: D102
        protocol, found, _ = self.url.partition("://")
        if not found or not os.fspath(place).startswith(f"{protocol}://"):
            return None
        path, folder = (self.store._strip_protocol(one).rstrip("/") + "/" for one in (place, self.inside))
        return path[len(folder) : -1] if path.startswith(folder) else None

    def save(self, name: str, data: bytes) -> None:  # noqa: D102
        with _written(self.place(name)):
            self.store.pipe_file(self._path(name), bytes(data))

    def save_parts(self, name: str, parts: Iterable[bytes]) -> None:  # noqa: D102
        with tempfile.TemporaryFile() as spool:
            spool.writelines(parts)
            spool.seek(0)
            with _written(self.place(name)), self.store.open(self._path(name), "wb") as stream:
                shutil.copyfileobj(spool, stream, 1 << 20)

    def save_with(self, name: str, write: Callable[[Path], None]) -> None:  # noqa: D102
        with tempfile.TemporaryDirectory() as here:
            write(Path(here) / "file")
            with open(Path(here) / "file", "rb") as spool:
                self.save_parts(name, iter(lambda: spool.read(1 << 20), b""))

    def read(self, name: str) -> bytes | None:  # noqa: D102
        try:
            return self.store.cat_file(self._path(name))
        except FileNotFoundError:
            return None

    def exists(self, name: str) -> bool:  # noqa: D102
        return bool(self.store.exists(self._path(name)))

    def remove(self, name: str) -> None:  # noqa: D102
        if self.store.exists(self._path(name)):
            self.store.rm_file(self._path(name))

    def list(self, prefix: str) -> list[str]:  # noqa: D102
        try:
            found = self.store.find(self._path(prefix))
        except FileNotFoundError:
            return []
        inside = self.store._strip_protocol(self.inside)
        return sorted(self.store._strip_protocol(p).removeprefix(inside).lstrip("/") for p in found)

    def _path(self, name: str) -> str:
        return f"{self.inside}/{name}"


@contextmanager
def _written(name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # each kind of store raises its own
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        failure = OSError(errno.EIO, reason)  # what refuses one object refuses the next as well
        raise OutputError(f"{name!r} cannot be written: {reason}; check the address and your rights.") from (
            failure
        )
