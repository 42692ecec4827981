"""What tests of reading share; small pictures are in pictures.py."""

from __future__ import annotations

import warnings

import pytest

from asgnet.errors import AsgnetWarning


@pytest.fixture
def unexpected_notes_fail():
    """A note that the test does not expect is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", AsgnetWarning)
        yield
