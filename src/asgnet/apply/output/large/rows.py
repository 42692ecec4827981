"""The probabilities of a large picture in a file, row by row as they are found: what an interrupted run goes on from.

The file begins with a line of JSON that says what it belongs to. A block for each strip follows: a head with its first
row, the length and CRC of its data, the presences of the classes so far, and ``n r w`` uint16, deflated.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from asgnet.errors import OutputError
from asgnet.files import named, remedy_for

CERTAIN = 65534
"""Stands for a probability of 1; half of it for one half, so that nothing above it is rounded to it."""
AT_ONCE = 1 << 21
"""Pixels of a class that are looked at together."""
_HEAD = struct.Struct("<4sIIII")
_MAGIC = b"ROWS"


class Belongs(NamedTuple):
    """What a file's rows are of.

    Attributes:
        key: of picture, concept and program: all that decides the probabilities.
        size: ``(h, w)``.
        classes: how many.
    """

    key: str
    size: tuple[int, int]
    classes: int


class RowFile:
    """Rows that are finished, of one picture. What an earlier run left for the same key is kept, all else is not.

    Args:
        path: of the file; opened at once.
        belongs: what its rows are of.

    Attributes:
        done: how many rows are finished, from the top.
        presence: ``n`` in [0, 1], as the last of them knew.

    Raises:
        OutputError: it cannot be written.
    """

    def __init__(self, path: Path, belongs: Belongs) -> None:
        self.path, self.belongs = path, belongs
        self.done = 0
        self.presence = np.zeros(belongs.classes, np.float32)
        self._head = json.dumps({"rows of": belongs.key, **belongs._asdict()}).encode() + b"\n"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
            self._file: BinaryIO = os.fdopen(os.open(path, flags, 0o666), "r+b")
            self._file.truncate(self._whole())
            self._file.seek(0, os.SEEK_END)
        except OSError as error:
            raise self._refusal(error) from error

    def add(self, probability: NDArray[np.float32], presence: NDArray[np.float32]) -> None:
        """The next strip; on the disk before this returns.

        Args:
            probability: ``n r w`` in [0, 1].
            presence: ``n`` in [0, 1], as far as it is known.

        Raises:
            OutputError: they cannot be written.
        """
        values = np.ceil(probability * np.float32(CERTAIN)).astype("<u2")
        data = zlib.compress(values.tobytes(), 1)
        head = _HEAD.pack(
            _MAGIC, self.done, values.shape[1], len(data), zlib.crc32(data, self.done + values.shape[1])
        )
        try:
            self._file.write(head + presence.astype("<f4").tobytes() + data)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._refusal(error) from error
        self.done += values.shape[1]
        self.presence = presence

    def strips(self) -> Iterator[NDArray[np.uint16]]:
        """All rows again, ``n r w``, a few at a time."""
        n, width = self.belongs.classes, self.belongs.size[1]
        step = max(AT_ONCE // width, 1)
        with open(self.path, "rb") as file:
            file.seek(len(self._head))
            at = 0
            while at < self.done:
                _, _, rows, length, _ = _HEAD.unpack(file.read(_HEAD.size))
                file.seek(4 * n, os.SEEK_CUR)
                values = np.frombuffer(zlib.decompress(file.read(length)), "<u2").reshape(n, rows, width)
                for first in range(0, rows, step):
                    yield values[:, first : first + step]
                at += rows

    def close(self, remove: bool = False) -> None:
        """No more is written; the file goes with ``remove``."""
        self._file.close()
        if remove:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)

    def _whole(self) -> int:
        """Up to which byte the file is whole and of this picture; a new one has its first line then."""
        file, head, n = self._file, self._head, self.belongs.classes
        if file.read(len(head)) != head:
            file.seek(0)
            file.truncate()
            file.write(head)
            file.flush()
            return len(head)
        end = len(head)
        while self.done < self.belongs.size[0]:
            block = file.read(_HEAD.size)
            if len(block) < _HEAD.size:
                break
            magic, first, rows, length, check = _HEAD.unpack(block)
            presence, data = file.read(4 * n), file.read(length)
            whole = magic == _MAGIC and first == self.done and len(data) == length
            if not whole or zlib.crc32(data, first + rows) != check:
                break
            self.done += rows
            self.presence = np.frombuffer(presence, "<f4").astype(np.float32)
            end = file.tell()
        return end

    def _refusal(self, error: OSError) -> OutputError:
        return OutputError(f"{named(self.path)} cannot be written: {remedy_for(error)}.")
