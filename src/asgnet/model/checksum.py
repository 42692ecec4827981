"""What tells that the tensors of a weights file are those that were saved: a checksum in its header."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

from asgnet.errors import WeightsError, reason
from asgnet.files import named

CHECKSUM = "checksum"


def checksum_of(data: bytes) -> str:
    """SHA-256 of a safetensors file's table of tensors and of their bytes, whatever else its header says.

    Raises:
        ValueError: it is none.
    """
    return _said_and_found(data)[1]


def with_checksum(data: bytes) -> bytes:
    """A safetensors file without metadata, with its checksum.

    Written here, not by safetensors, which shuffles metadata, so that equal tensors give equal files.
    """
    (length,) = struct.unpack("<Q", data[:8])
    metadata = json.dumps({"format": "pt", CHECKSUM: checksum_of(data)}, separators=(",", ":"))
    header = f'{{"__metadata__":{metadata},'.encode() + data[9 : 8 + length].rstrip(b" ")
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + data[8 + length :]


def refuse_altered(path: Path) -> None:
    """Check a weights file against its checksum; files of older versions have none.

    Raises:
        WeightsError: it cannot be read, or its tensors are not those that were saved.
    """
    try:
        if not path.is_file():
            raise OSError("it is no plain file")
        said, found = _said_and_found(path.read_bytes())
    except (OSError, ValueError, struct.error, RecursionError) as error:
        raise WeightsError(
            f"The weights {named(path)} cannot be read ({reason(error)}); copy the folder again."
        ) from error
    if said not in ("", found):
        raise WeightsError(
            f"The weights {named(path)} are damaged: their contents are not those that were saved; "
            "copy the folder again."
        )


def _said_and_found(data: bytes) -> tuple[str, str]:
    (length,) = struct.unpack("<Q", data[:8])
    header: Any = json.loads(data[8 : 8 + length])
    if not isinstance(header, dict):
        raise ValueError("no table of tensors")
    others = header.pop("__metadata__", None)
    table = json.dumps(sorted(header.items())).encode()
    said = others.get(CHECKSUM, "") if isinstance(others, dict) else ""
    return said, hashlib.sha256(table + data[8 + length :]).hexdigest()
