"""Find the pictures that a person means by files, folders, patterns, lists and addresses in object stores."""

from __future__ import annotations

import glob
import os
import warnings
from collections.abc import Iterable
from pathlib import Path

from asgnet.data.folder import is_url, plain_path, store_of
from asgnet.data.frames import VIDEOS
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


def list_sources(paths: Iterable[PathLike]) -> list[Path | str]:
    """As :func:`list_pictures`, videos and addresses in object stores (``s3://bucket/photos``) included.

    Addresses stay text. They may be those of a folder or have a pattern in them, too.

    Raises:
        UsageError: nothing was found at all, or a store cannot be reached.
    """
    paths = [plain_path(path) for path in paths]
    stored = {path: _stored(path) for path in paths if is_url(path)}
    local = {path: _expand(path, True, SUFFIXES | VIDEOS) for path in paths if not is_url(path)}
    _all_or_some(paths, {**local, **stored})
    return [*_sorted(local.values()), *sorted({address for here in stored.values() for address in here})]


def read_list(data: bytes) -> list[str]:
    """The names in a list, a line each; or, as ``find -print0`` writes them, each ended by a zero byte."""
    names = data.split(b"\0") if b"\0" in data else data.splitlines()
    return [os.fsdecode(name) for name in names if name.strip()]


def list_pictures(
    paths: PathLike | Iterable[PathLike], recursive: bool = True, endings: frozenset[str] = SUFFIXES
) -> list[Path]:
    """Expand files, folders and patterns to a sorted list of pictures without duplicates.

    A file that is named is always taken, also a missing one: reading it says what is wrong. In folders the
    files with a known ending are taken (``endings``); hidden files and folders are skipped.

    Raises:
        UsageError: nothing was found at all.
    """
    paths = [os.fspath(path) for path in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
    found = {path: _expand(path, recursive, endings) for path in paths}
    _all_or_some(paths, found)
    return _sorted(found.values())


def _all_or_some(paths: Iterable[str], found: dict[str, list[str]]) -> None:
    """Say where nothing was found; UsageError if that is everywhere."""
    if not any(found.values()):
        wanted = ", ".join(named(p) for p in paths) or "an empty list"
        raise UsageError(f"No pictures found in {wanted}; name pictures (PNG, JPEG ...) or a folder of them.")
    for path, here in found.items():
        if not here:
            warnings.warn(f"No pictures in {named(path)}.", AsgnetWarning, stacklevel=3)


def _sorted(found: Iterable[list[str]]) -> list[Path]:
    """Each file once, however often and by whatever way it was named."""
    files = {os.path.abspath(path): Path(path) for here in found for path in here}
    return sorted(files.values(), key=os.fspath)


def _expand(path: str, recursive: bool, endings: frozenset[str]) -> list[str]:
    if os.path.isdir(path):
        return _walk(path, recursive, endings)
    if os.path.lexists(path) or not glob.has_magic(path):
        return [path]
    matches = glob.glob(path, recursive=recursive)
    files = [p for p in matches if not os.path.isdir(p)]
    return files or [p for folder in matches for p in _walk(folder, recursive, endings)]


def _walk(folder: str, recursive: bool, endings: frozenset[str]) -> list[str]:
    found: list[str] = []

    def skipped(error: OSError) -> None:
        message = f"The folder {named(error.filename)} is left out: {error.strerror}."
        warnings.warn(message, AsgnetWarning, stacklevel=2)

    for here, folders, files in os.walk(folder, onerror=skipped):
        folders[:] = [f for f in folders if recursive and not f.startswith(".")]
        found += [
            os.path.join(here, f)
            for f in files
            if os.path.splitext(f)[1].lower() in endings and not f.startswith(".")
        ]
    return found


def _stored(address: str) -> list[str]:
    """The pictures that an address in an object store means."""
    store, inside = store_of(address)
    if glob.has_magic(inside):
        found = [p for p in store.glob(inside) if not store.isdir(p)]
    elif store.isdir(inside):
        found = store.find(inside)
    else:
        return [address]
    wanted = [p for p in found if os.path.splitext(p)[1].lower() in SUFFIXES | VIDEOS]
    return [store.unstrip_protocol(p) for p in wanted]
