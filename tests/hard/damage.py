"""Damage done to bytes by hypothesis, and the only errors that may come of it."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from asgnet.errors import AsgnetError

TIMES = int(os.environ.get("ASGNET_FUZZ", "1"))
fuzz = settings(
    max_examples=25 * TIMES,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.function_scoped_fixture,
        HealthCheck.data_too_large,
    ],
)


@st.composite
def damaged(draw, wholes) -> bytes:
    """A good file with bytes changed, cut off, doubled or put in; sometimes no file at all."""
    data = bytearray(draw(st.sampled_from(wholes)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        how = draw(st.sampled_from(["change", "cut", "insert", "remove", "huge"]))
        if how == "change" and data:
            data[at] = draw(st.integers(0, 255))
        elif how == "cut":
            del data[at:]
        elif how == "insert":
            data[at:at] = draw(st.binary(max_size=9))
        elif how == "remove":
            del data[at : at + draw(st.integers(1, 9))]
        else:
            data[at : at + 4] = b"\xff\xff\xff\x7f"
    return bytes(data)


def placed(draw, value, anything):
    """The JSON value with one of its parts, anywhere within, replaced by what the strategy gives."""
    if isinstance(value, (dict, list)) and value and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value))))
        copy = value.copy()
        copy[key] = placed(draw, value[key], anything)
        return copy
    return draw(anything)


def only_ours(call, *arguments):
    """What it returns; None if it refused with one printable sentence."""
    said = ""
    try:
        return call(*arguments)
    except AsgnetError as error:
        said = str(error)
    assert said.isprintable()
    return None
