"""What every message to a user must be."""

from __future__ import annotations

import pytest


def says(error: pytest.ExceptionInfo, *fragments: str) -> None:
    """One printable sentence that holds all the fragments."""
    text = str(error.value)
    assert text.isprintable()
    assert text.endswith(".")
    for fragment in fragments:
        assert fragment in text
