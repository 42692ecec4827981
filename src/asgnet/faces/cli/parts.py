"""How far a large picture is, said now and then."""

from __future__ import annotations

import time
from collections.abc import Callable

from asgnet.faces.cli import console

EVERY = 30.0
"""Seconds between two lines."""


class PartsSaid:
    """Called again and again with a picture and the part of it that is finished; says it not too often.

    Args:
        say: what shows a line.
        clock: seconds.
    """

    def __init__(
        self, say: Callable[[str], None] = console.say, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._say, self._clock = say, clock
        self._name, self._began, self._first, self._last = "", 0.0, 0.0, 0.0

    def __call__(self, name: str, part: float) -> None:
        """A picture, and the part of it that is finished, in [0, 1]."""
        now = self._clock()
        if name != self._name:
            self._name, self._began, self._first, self._last = name, now, part, now
        elif now - self._last >= EVERY:
            self._last = now
            left = (1 - part) * (now - self._began) / max(part - self._first, 1e-9)
            self._say(f"{name}: {100 * part:.0f} % segmented, {_in_words(left)} left")


def _in_words(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
