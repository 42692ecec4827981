"""What tests of several rooms share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from threading import Timer

import pytest


@pytest.fixture
def nobody() -> Callable[[], AbstractContextManager[None]]:
    """Inside ``with nobody():`` a user who may not, also where the tests run as root."""
    return _nobody


@pytest.fixture
def pipes() -> Iterator[Callable[[Path], Path]]:
    """Makes named pipes; whoever opens one is released after a while, and that is a failure."""
    if not hasattr(os, "mkfifo"):
        pytest.skip("needs named pipes")
    timers: list[Timer] = []
    opened: list[Path] = []

    def release(path: Path) -> None:
        with suppress(OSError):  # nobody is at the other end
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
            opened.append(path)

    def pipe(path: Path) -> Path:
        os.mkfifo(path)
        for seconds in (5, 10, 15):
            timers.append(Timer(seconds, release, [path]))
            timers[-1].start()
        return path

    yield pipe
    for timer in timers:
        timer.cancel()
    assert opened == []


@contextmanager
def _nobody() -> Iterator[None]:
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
