"""Pixels that may be in memory at a time, paid before decoding and given back after."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from asgnet.errors import AsgnetError


class TooMuchError(AsgnetError):
    """A request's pictures have more pixels than one request may bring."""


class PixelBudget:
    """What all requests together may hold; who wants more waits until others give back.

    Nobody who holds some may ask for more: two of those would wait for each other.

    Args:
        pixels: at a time. A picture of more is let in alone.
    """

    def __init__(self, pixels: int):
        self._pixels, self._spent = pixels, 0
        self._changed = threading.Condition()

    @contextmanager
    def spend(self, pixels: int) -> Iterator[None]:
        """Hold so many in here."""
        with self._changed:
            self._changed.wait_for(lambda: not self._spent or self._spent + pixels <= self._pixels)
            self._spent += pixels
        try:
            yield
        finally:
            with self._changed:
                self._spent -= pixels
                self._changed.notify_all()


def check_total(sizes: Iterable[tuple[int, int]], most: int) -> None:
    """Refuse a request that brings too many pixels.

    Raises:
        TooMuchError: all sizes together have more than ``most``.
    """
    total = sum(h * w for h, w in sizes)
    if total > most:
        raise TooMuchError(
            f"The pictures have {total / 1e6:.0f} megapixels together, more than the {most / 1e6:.0f} of a "
            "request; send fewer, or shrink them."
        )
