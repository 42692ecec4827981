"""What a run has done so far, one JSON line an event, so that a killed run goes on where it stopped.

Before a picture's outputs are written its ``begin`` line is on the disk; when they are complete its ``done``
line follows. Whatever moment the process dies at, the next run knows which files in the folder are its own
and which pictures are finished.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from asgnet.errors import OutputError

NAME = "manifest.jsonl"


class Manifest:
    """The events of all runs into one folder; open it with ``with`` before writing.

    Args:
        folder: where the outputs go; made if missing.

    Raises:
        OutputError: the folder cannot be made or written, or another run is writing there now.
    """

    def __init__(self, folder: Path):
        self.path = folder / NAME
        self.done: dict[str, dict[str, Any]] = {}
        self.own: dict[str, tuple[str, str]] = {}  # output's file name -> the picture and key it was made for
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            raise OutputError(
                f"{folder}: cannot write there ({error.strerror}); give another --out."
            ) from error
        try:
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

    def begin(self, picture: str, key: str, outputs: Iterable[str]) -> None:
        """Claim these output names; on the disk before this returns."""
        self._append({"event": "begin", "picture": picture, "key": key, "outputs": list(outputs)})
        os.fsync(self._file)

    def finish(self, picture: str, key: str, outputs: Iterable[str], facts: dict[str, Any]) -> None:
        """Record that these outputs are complete, with what a later run must know of them."""
        event = {"event": "done", "picture": picture, "key": key, "outputs": list(outputs), **facts}
        self._append(event)

    def _append(self, event: dict[str, Any]) -> None:
        line = json.dumps(event, ensure_ascii=True).encode() + b"\n"
        try:
            while line:  # in one piece wherever the system can
                line = line[os.write(self._file, line) :]
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written ({error.strerror}).") from error
        self._take(event)

    def _replay(self) -> None:
        content = b"".join(iter(lambda: os.read(self._file, 1 << 20), b""))
        for line in content.splitlines():
            try:
                event = json.loads(line)
                self._take(event)
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # the last line of a killed run, or of another program
        if content and not content.endswith(b"\n"):
            os.write(self._file, b"\n")

    def _take(self, event: dict[str, Any]) -> None:
        for name in event["outputs"]:
            self.own[str(name)] = (str(event["picture"]), str(event["key"]))
        if event["event"] == "done":
            self.done[str(event["picture"])] = event
        else:
            self.done.pop(str(event["picture"]), None)


def _lock(file: int, folder: Path) -> None:
    """Keep a second run out of the folder; on systems without flock nothing keeps it out."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        message = f"{folder}: another asgnet run is writing there; wait for it, or give another --out."
        raise OutputError(message) from error
