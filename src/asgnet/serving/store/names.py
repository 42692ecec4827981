"""What clients call their files, as results can be called: decided once, when a file arrives."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath

MOST_BYTES = 180
"""Of a name in UTF-8; what results add to it (``_probability.png``, ``_2``) fits into a file system's 255."""


def label(text: str, most: int, otherwise: str) -> str:
    """Printable, on one line, at most so many characters."""
    plain = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text[: 4 * most])
    return " ".join(plain.split())[:most] or otherwise


def file_name(text: str, otherwise: str = "picture") -> str:
    """A label to show that can stand in a folder and in a zip file: no path, not too long, its ending kept."""
    name = label(text.replace("\\", "/").rpartition("/")[2], 4 * MOST_BYTES, otherwise)
    if not name.strip(". "):
        return otherwise
    if len(name.encode()) <= MOST_BYTES:
        return name
    ending = PurePosixPath(name).suffix
    ending = ending if len(ending.encode()) <= 12 else ""
    cut = name.encode()[: MOST_BYTES - len(ending.encode())].decode(errors="ignore")
    return (cut.strip(". ") or otherwise) + ending
