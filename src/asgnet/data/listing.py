"""Find the pictures that a person means by files, folders and patterns."""

from __future__ import annotations

import glob
import os
import warnings
from collections.abc import Iterable
from pathlib import Path

from asgnet.errors import AsgnetWarning, UsageError
from asgnet.files import PathLike, named

SUFFIXES = frozenset(
    (
        *(".avif", ".bmp", ".dds", ".dib", ".gif", ".heic", ".heif", ".ico", ".j2k", ".jfif", ".jp2", ".jpe"),
        *(".jpeg", ".jpg", ".mpo", ".pbm", ".pcx", ".pgm", ".png", ".pnm", ".ppm", ".qoi", ".sgi", ".tga"),
        *(".tif", ".tiff", ".webp"),
    )
)
"""Endings that make a file inside a folder a picture."""


def list_pictures(paths: PathLike | Iterable[PathLike], recursive: bool = True) -> list[Path]:
    """Expand files, folders and patterns to a sorted list of pictures without duplicates.

    A file that is named is always taken, also a missing one: reading it says what is wrong. In folders the
    files with a known ending are taken (:data:`SUFFIXES`); hidden files and folders are skipped.

    Raises:
        UsageError: nothing was found at all.
    """
    paths = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    found: dict[str, Path] = {}
    for path in paths:
        here = _expand(os.fspath(path), recursive)
        if not here:
            warnings.warn(f"No pictures in {named(path)}.", AsgnetWarning, stacklevel=2)
        found.update((os.path.abspath(p), Path(p)) for p in here)
    if not found:
        wanted = ", ".join(named(p) for p in paths) or "an empty list"
        raise UsageError(f"No pictures found in {wanted}; name pictures (PNG, JPEG ...) or a folder of them.")
    return sorted(found.values(), key=os.fspath)


def _expand(path: str, recursive: bool) -> list[str]:
    if os.path.isdir(path):
        return _walk(path, recursive)
    if os.path.lexists(path) or not glob.has_magic(path):
        return [path]
    matches = glob.glob(path, recursive=recursive)
    files = [p for p in matches if not os.path.isdir(p)]
    return files or [p for folder in matches for p in _walk(folder, recursive)]


def _walk(folder: str, recursive: bool) -> list[str]:
    found: list[str] = []

    def skipped(error: OSError) -> None:
        message = f"The folder {named(error.filename)} is left out: {error.strerror}."
        warnings.warn(message, AsgnetWarning, stacklevel=2)

    for here, folders, files in os.walk(folder, onerror=skipped):
        folders[:] = [f for f in folders if recursive and not f.startswith(".")]
        found += [
            os.path.join(here, f)
            for f in files
            if os.path.splitext(f)[1].lower() in SUFFIXES and not f.startswith(".")
        ]
    return found
