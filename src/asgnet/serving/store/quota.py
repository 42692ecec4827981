"""How much the data folder may hold."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from asgnet.serving.store.faults import StorageError
from asgnet.serving.store.folder import INDEX

_COUNT_SECONDS = 5.0
"""Files are counted at most so often."""


class Quota:
    """Room for uploads; results, which are small beside them, are counted afterwards.

    Args:
        folder: the data folder.
        most: bytes; None: as much as the disk holds.
    """

    def __init__(self, folder: Path, most: int | None):
        self._folder, self._most = folder, most
        self._lock = threading.Lock()
        self._used, self._counted = 0, float("-inf")

    def take(self, size: int) -> None:
        """Take room for so many bytes.

        Raises:
            StorageError: there is none left.
        """
        if self._most is None:
            return
        with self._lock:
            never = self._counted == float("-inf")
            full = self._used + size > self._most
            if never or (full and time.monotonic() - self._counted >= _COUNT_SECONDS):
                self._used, self._counted = _size(self._folder), time.monotonic()
            if self._used + size > self._most:
                raise StorageError(
                    f"The server may keep {self._most >> 20} MiB, and has no room for this; "
                    "delete jobs or concepts, or ask its owner for more."
                )
            self._used += size


def _size(folder: Path) -> int:
    """Of all files below, but for the index, which grows and shrinks as it likes."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in (name for name in names if not name.startswith(INDEX)):
            try:
                total += os.lstat(os.path.join(where, name)).st_size
            except FileNotFoundError:  # removed meanwhile
                continue
    return total
