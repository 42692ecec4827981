"""What a run has done so far, one JSON line an event, so that a killed run goes on where it stopped.

Before a picture's outputs are written its ``begin`` line is on the disk; when they are complete its ``done``
line follows. Whatever moment the process dies at, the next run knows which files in the folder are its own
and which pictures are finished.

Only the place of each line is kept in memory. Workers on other machines, and runs into an object store, write
such lines into parts of their own (:class:`ManifestPart`), which the next opening takes in.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import stat
import tempfile
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol

from asgnet.apply.batch.entries import whole
from asgnet.data.folder import Folder, LocalFolder
from asgnet.data.results import MANIFEST, PARTS, ManifestEntry, event_of
from asgnet.errors import AsgnetWarning, OutputError
from asgnet.files import named, remedy_for


class ManifestWriter(Protocol):
    """Where beginnings and ends are written down: a manifest or a part of one."""

    def begin(self, picture: str, key: str, outputs: Iterable[str], adds: bool = False) -> None:
        """Claim outputs."""

    def finish(self, picture: str, key: str, outputs: Iterable[str], details: ManifestEntry) -> None:
        """Record that they are complete."""


class Manifest:
    """The events of all runs into one folder; open it with ``with`` before writing.

    Args:
        folder: where the outputs go; made if missing.

    Raises:
        OutputError: the folder cannot be made or written, or another run is writing there now.
    """

    def __init__(self, folder: Path):
        self.path = folder / MANIFEST
        self.own: dict[str, int] = {}  # output's file name -> see _owner
        self._half: set[str] = set()  # outputs that were begun and not finished
        self._done: dict[int, tuple[int, int]] = {}  # see _owner -> where its line is, and how long
        self.absorbed: set[str] = set()  # names of parts; at the start of a run into a store they stay there
        self._end = 0
        self._turn = threading.Lock()  # of those who move the place in the file: appending moves it too
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # A link is not followed: what it leads to would be appended to.
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
            self._file = os.open(self.path, flags, 0o666)
        except OSError as error:
            if error.errno == errno.ELOOP or os.path.isdir(self.path):
                raise OutputError(
                    f"{named(self.path)} is no plain file; move it, or give another --out."
                ) from error
            raise OutputError(_refusal(folder, error)) from error
        try:
            if not stat.S_ISREG(os.fstat(self._file).st_mode):
                raise OutputError(f"{named(self.path)} is no plain file; move it, or give another --out.")
            _lock(self._file, folder)
            self._replay()
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Manifest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def begin(self, picture: str, key: str, outputs: Iterable[str], adds: bool = False) -> None:
        """Claim these output names; on the disk before this returns.

        With ``adds`` they are more of a picture that is finished, and remains so.
        """
        self._append(_begun(picture, key, outputs, adds))
        self.sync()

    def sync(self) -> None:
        """All events are on the disk before this returns."""
        try:
            os.fsync(self._file)  # a disk over a network may say only now that it is full
        except OSError as error:
            raise self._unwritten(error) from error

    def finish(self, picture: str, key: str, outputs: Iterable[str], details: ManifestEntry) -> None:
        """Record that these outputs are complete, with what a later run must know of them."""
        self._append(_finished(picture, key, outputs, details))

    def event(self, picture: str, key: str) -> ManifestEntry | None:
        """The ``done`` event of a picture, if it is finished and no other key took its outputs since."""
        place = self._done.get(_owner(picture, key))
        if place is None:
            return None
        with self._turn:
            os.lseek(self._file, place[0], os.SEEK_SET)
            event = event_of(os.read(self._file, place[1]))
        if event is None:  # changed under our hands
            return None
        return event if all(self.owns(name, picture, key) for name in event["outputs"]) else None

    def owns(self, output: str, picture: str, key: str) -> bool:
        """Was this output begun by a run for this picture and key?"""
        return self.own.get(output) == _owner(picture, key)

    def half(self, output: str, picture: str, key: str) -> bool:
        """Is it such an output, and was it never finished? Then nobody can have gone on to work with it."""
        return output in self._half and self.owns(output, picture, key)

    def absorb(self, lines: bytes) -> None:
        """Take in another's events."""
        for line in lines.splitlines():
            event = event_of(line)
            if event is not None:
                self._append(event)

    def _append(self, event: ManifestEntry) -> None:
        line = _line(event)
        rest = line
        try:
            with self._turn:
                start = self._end
                while rest:  # in one piece wherever the system can
                    written = os.write(self._file, rest)
                    self._end += written
                    rest = rest[written:]
        except OSError as error:
            raise self._unwritten(error) from error
        self._take(event, start, len(line))

    def _unwritten(self, error: OSError) -> OutputError:
        return OutputError(f"{named(self.path)} cannot be written: {remedy_for(error)}.")

    def _replay(self) -> None:
        line, skipped = b"", 0
        with open(self.path, "rb") as stream:
            for line in stream:
                event = event_of(line)
                if event is not None and whole(event):
                    self._take(event, self._end, len(line))
                elif line.endswith(b"\n") and line.strip():  # else the last line of a killed run
                    skipped += 1
                self._end += len(line)
        if skipped:
            warnings.warn(
                f"{named(self.path)}: {skipped} lines are damaged or of another program; they count for nothing.",
                AsgnetWarning,
                stacklevel=2,
            )
        if line and not line.endswith(b"\n"):
            try:
                self._end += os.write(self._file, b"\n")
            except OSError as error:
                raise self._unwritten(error) from error

    def _take(self, event: ManifestEntry, start: int, length: int) -> None:
        owner = _owner(event["picture"], event["key"])
        for name in event["outputs"]:
            self.own[name] = owner
        if event["event"] == "done":
            self._half.difference_update(event["outputs"])
            self._done[owner] = start, length
            return
        self._half.update(event["outputs"])
        if not event.get("adds"):
            self._done.pop(owner, None)


class ManifestPart:
    """The events of a few pictures, in a file of their own that is replaced whenever one is finished.

    Args:
        folder: of the results.
        claims: ``(picture, key, outputs, adds)`` of the pictures to come, as :meth:`Manifest.begin`.
    """

    def __init__(self, folder: Folder, claims: Iterable[tuple[str, str, list[str], bool]]):
        self.folder, self.name = folder, f"{PARTS}/{secrets.token_hex(12)}.jsonl"
        self._lines = [_line(_begun(*claim)) for claim in claims]
        self._save()

    def begin(self, picture: str, key: str, outputs: Iterable[str], adds: bool = False) -> None:
        """Nothing: it was claimed at the start."""

    def finish(self, picture: str, key: str, outputs: Iterable[str], details: ManifestEntry) -> None:
        """As :meth:`Manifest.finish`."""
        self._lines.append(_line(_finished(picture, key, outputs, details)))
        self._save()

    def _save(self) -> None:
        self.folder.save(self.name, b"".join(self._lines))


@contextmanager
def opened(folder: Folder) -> Iterator[Manifest]:
    """A folder's manifest with all parts taken in, at the start and at the end.

    Raises:
        OutputError: as :class:`Manifest`.
    """
    if isinstance(folder, LocalFolder):
        with Manifest(folder.path) as manifest:
            settle(folder, manifest)
            yield manifest
            settle(folder, manifest)
        return
    with tempfile.TemporaryDirectory() as here:
        (Path(here) / MANIFEST).write_bytes(folder.read(MANIFEST) or b"")
        with Manifest(Path(here)) as manifest:
            _absorb_parts(folder, manifest)
            yield manifest
            settle(folder, manifest)


def settle(folder: Folder, manifest: Manifest) -> None:
    """Take in the parts that workers wrote, make sure of it, and remove them."""
    names = _absorb_parts(folder, manifest)
    if isinstance(folder, LocalFolder):
        if names:
            manifest.sync()
    else:
        with open(manifest.path, "rb") as stream:
            folder.save_parts(MANIFEST, iter(lambda: stream.read(1 << 20), b""))
    for name in names:
        folder.remove(name)
    if names and isinstance(folder, LocalFolder):
        with suppress(OSError):
            (folder.path / PARTS).rmdir()


_PART = re.compile(rf"{re.escape(PARTS)}/[0-9a-f]{{24}}\.jsonl")
"""Names that workers give to their parts."""


def _absorb_parts(folder: Folder, manifest: Manifest) -> list[str]:
    names = [name for name in folder.list(PARTS) if _PART.fullmatch(name)]  # others' files stay
    for name in names:
        if name not in manifest.absorbed:
            manifest.absorb(folder.read(name) or b"")
            manifest.absorbed.add(name)
    return names


def _begun(picture: str, key: str, outputs: Iterable[str], adds: bool = False) -> ManifestEntry:
    event = {"event": "begin", "picture": picture, "key": key, "outputs": list(outputs)}
    return {**event, "adds": True} if adds else event


def _finished(picture: str, key: str, outputs: Iterable[str], details: ManifestEntry) -> ManifestEntry:
    return {"event": "done", "picture": picture, "key": key, "outputs": list(outputs), **details}


def _line(event: ManifestEntry) -> bytes:
    return json.dumps(event, ensure_ascii=True).encode() + b"\n"


def _refusal(folder: Path, error: OSError) -> str:
    """Why nothing can be written into a folder."""
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        file = next((p for p in (folder, *folder.parents) if p.exists() and not p.is_dir()), folder)
        return f"{named(file)} is a file, not a folder; give another --out."
    return f"{named(folder)}: cannot write there ({error.strerror}); give another --out."


def _owner(picture: str, key: str) -> int:
    """What tells the makers of outputs apart, short: there may be millions."""
    return hash((picture, key))


def _lock(file: int, folder: Path) -> None:
    """Keep a second run out of the folder; on systems without flock nothing keeps it out."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        message = f"{named(folder)}: another asgnet run is writing there; wait for it, or give another --out."
        raise OutputError(message) from error
