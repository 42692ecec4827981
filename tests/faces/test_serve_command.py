"""What asgnet serve tells on stderr."""

import asyncio
import logging

import pytest

from asgnet.faces.serve_command import _worth_telling


@pytest.mark.parametrize(
    ("error", "told"), [(ValueError("x"), True), (asyncio.CancelledError("ended"), False), (None, True)]
)
def test_requests_that_the_end_cuts_off_make_no_traceback(error, told):
    cause = (type(error), error, None) if error else None
    record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 1, "Exception in ASGI", (), cause)
    assert _worth_telling(record) is told
