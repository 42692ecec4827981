"""How the server and its decoding processes talk: a line of JSON, and bytes after it."""

from __future__ import annotations

import json
from typing import IO, Any

HEADER, PICTURE, LABELS = "header", "picture", "labels"
"""What a child is asked for."""


class EndedError(Exception):
    """The other side has gone."""


def send(stream: IO[bytes], message: dict[str, Any], *data: bytes | memoryview) -> None:
    """One message with the bytes that belong to it.

    Raises:
        EndedError: nobody reads any more.
    """
    try:
        stream.write(json.dumps(message).encode() + b"\n")
        for part in data:
            stream.write(part)
        stream.flush()
    except (OSError, ValueError) as error:
        raise EndedError from error


def receive(stream: IO[bytes]) -> dict[str, Any]:
    """The next message; its bytes are still to be read.

    Raises:
        EndedError: there is none any more.
    """
    try:
        line = stream.readline()
    except (OSError, ValueError) as error:
        raise EndedError from error
    if not line.endswith(b"\n"):
        raise EndedError
    return json.loads(line)


def read_into(stream: IO[bytes], buffer: memoryview) -> None:
    """Fill a buffer.

    Raises:
        EndedError: there is less.
    """
    try:
        filled = 0
        while filled < len(buffer):
            count = stream.readinto(buffer[filled:])  # type: ignore[attr-defined]
            if not count:
                raise EndedError
            filled += count
    except (OSError, ValueError) as error:
        raise EndedError from error
