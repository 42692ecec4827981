"""One at a time for each thing, many things at once."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary


class KeyedLock:
    """Locks by key; a key that nobody holds or waits for takes no memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: WeakValueDictionary[Hashable, threading.Lock] = WeakValueDictionary()

    @contextmanager
    def hold(self, key: Hashable) -> Iterator[None]:
        """Nobody else holds this key meanwhile."""
        with self._lock:
            mine = self._locks.get(key) or threading.Lock()
            self._locks[key] = mine
        with mine:
            yield
