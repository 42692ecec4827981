"""What tests of several rooms share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest


@pytest.fixture
def nobody() -> Callable[[], AbstractContextManager[None]]:
    """Inside ``with nobody():`` a user who may not, also where the tests run as root."""
    return _nobody


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
