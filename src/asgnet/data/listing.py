"""Find the pictures that a person means by files, folders, patterns, lists and addresses in object stores."""

from __future__ import annotations

import glob
import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from asgnet.data.folder import is_url, plain_path, store_of
from asgnet.data.read import VIDEOS, begins_like_a_picture
from asgnet.data.results import MANIFEST, outputs, results_among
from asgnet.errors import AsgnetWarning, UsageError
from asgnet.files import PathLike, named

SUFFIXES = frozenset(
    (
        *(".bif", ".btf", ".ndpi", ".scn", ".svs"),  # slides
        *(".avif", ".bmp", ".dcm", ".dds", ".dib", ".gif", ".heic", ".heif", ".ico", ".j2k", ".jfif", ".jp2"),
        *(".jpe", ".jpeg", ".jpg", ".jxl", ".mpo", ".npy", ".npz", ".pbm", ".pcx", ".pgm", ".png", ".pnm"),
        *(".ppm", ".qoi", ".sgi", ".tga", ".tif", ".tiff", ".webp"),
    )
)
"""Endings that make a file inside a folder a picture."""
_NOT_PICTURES = "_seg.npy"
"""What Cellpose keeps masks in."""


class _Found(NamedTuple):
    """What a word of the caller means, and of those files the ones that a run wrote, with its folder."""

    files: list[str]
    results: dict[str, str]


def list_sources(paths: Iterable[PathLike]) -> list[Path | str]:
    """As :func:`list_pictures`, videos and addresses in object stores (``s3://bucket/photos``) included.

    Addresses stay text. They may be those of a folder or have a pattern in them, too.

    Raises:
        UsageError: nothing was found at all, or a store cannot be reached.
    """
    names = [plain_path(path) for path in paths]
    found = {
        path: _stored(path) if is_url(path) else _expand(path, True, SUFFIXES | VIDEOS) for path in names
    }
    kept = _pictures_of(found)
    local = [here for path, here in kept.items() if not is_url(path)]
    return [*_sorted(local), *sorted({file for path in kept if is_url(path) for file in kept[path]})]


def read_list(data: bytes) -> list[str]:
    """The names in a list, a line each; or, as ``find -print0`` writes them, each ended by a zero byte."""
    names = data.split(b"\0") if b"\0" in data else data.splitlines()
    return [os.fsdecode(name) for name in names if name.strip()]


def list_pictures(
    paths: PathLike | Iterable[PathLike], recursive: bool = True, endings: frozenset[str] = SUFFIXES
) -> list[Path]:
    """Expand files, folders and patterns to a sorted list of pictures without duplicates.

    A file that is named is always taken, also a missing one: reading it says what is wrong. In folders the
    files with a known ending are taken (``endings``); hidden files and folders are skipped. So is what runs
    wrote (:mod:`asgnet.data.results`), unless there is nothing else in a folder or for a pattern.

    Raises:
        UsageError: nothing was found at all.
    """
    names = [os.fspath(path) for path in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
    found = {path: _expand(path, recursive, endings) for path in names}
    return _sorted(_pictures_of(found).values())


def _pictures_of(found: dict[str, _Found]) -> dict[str, list[str]]:
    """The pictures by word; what was not found, and what is left out because runs wrote it, is said."""
    if not any(here.files for here in found.values()):
        wanted = ", ".join(map(named, found)) or "an empty list"
        raise UsageError(f"No pictures found in {wanted}; name pictures (PNG, JPEG ...) or a folder of them.")
    kept: dict[str, list[str]] = {}
    left: dict[str, str] = {}
    for path, (files, results) in found.items():
        if not files:
            warnings.warn(f"No pictures in {named(path)}.", AsgnetWarning, stacklevel=3)
        kept[path] = [file for file in files if file not in results] or files
        left |= results if len(kept[path]) < len(files) else {}
    if left:
        _say_left(left, len({file for here in found.values() for file in here.files}))
    return kept


def _say_left(left: dict[str, str], total: int) -> None:
    runs = sorted(set(left.values()))
    more = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
    message = (
        f"Results in {named(runs[0])}{more} are not taken for pictures ({len(left)} of {total} files); "
        "to segment results, name nothing else."
    )
    warnings.warn(message, AsgnetWarning, stacklevel=4)


def _sorted(found: Iterable[list[str]]) -> list[Path]:
    """Each file once, however often and by whatever way it was named; of links to it the shortest path."""
    files: dict[str, str] = {}
    for path in sorted((path for here in found for path in here), key=lambda p: (p.count(os.sep), len(p), p)):
        files.setdefault(os.path.realpath(path), path)
    return sorted(map(Path, files.values()), key=os.fspath)


def _expand(path: str, recursive: bool, endings: frozenset[str]) -> _Found:
    if os.path.isdir(path):
        files = _walk(path, recursive, endings)
    elif os.path.lexists(path) or not glob.has_magic(path):
        return _Found([path], {})
    else:
        matches = glob.glob(path, recursive=recursive)
        files = [p for p in matches if not os.path.isdir(os.path.realpath(p))]  # links in circles, too
        files = files or [p for folder in matches for p in _walk(folder, recursive, endings)]
    return _Found(files, results_among(files))


def _walk(folder: str, recursive: bool, endings: frozenset[str]) -> list[str]:
    found: list[str] = []

    def skipped(error: OSError) -> None:
        message = f"The folder {named(error.filename)} is left out: {error.strerror}."
        warnings.warn(message, AsgnetWarning, stacklevel=2)

    for here, folders, files in os.walk(folder, onerror=skipped):
        folders[:] = [f for f in folders if recursive and not f.startswith(".")]
        found += [os.path.join(here, f) for f in files if _is_picture(here, f, endings)]
    return found


def _is_picture(folder: str, name: str, endings: frozenset[str]) -> bool:
    """By its ending; without one, as DICOM's files often are, by how it begins."""
    ending = os.path.splitext(name)[1].lower()
    if name.startswith(".") or name.endswith(_NOT_PICTURES):
        return False
    return ending in endings or (not ending and begins_like_a_picture(os.path.join(folder, name)))


def _stored(address: str) -> _Found:
    """The pictures that an address in an object store means."""
    store, inside = store_of(address)
    if glob.has_magic(inside):
        found = [p for p in store.glob(inside) if not store.isdir(p)]
    elif store.isdir(inside):
        found = store.find(inside)
    else:
        return _Found([address], {})
    runs = [p.rpartition("/")[0] for p in found if p.endswith(f"/{MANIFEST}")]
    written = {
        f"{folder}/{name}": folder
        for folder in runs
        for name in outputs(_lines(store, f"{folder}/{MANIFEST}"))
    }
    full = store.unstrip_protocol
    wanted = [p for p in found if os.path.splitext(p)[1].lower() in SUFFIXES | VIDEOS]
    return _Found([full(p) for p in wanted], {full(p): full(written[p]) for p in wanted if p in written})


def _lines(store: Any, manifest: str) -> list[bytes]:
    """Of a manifest in an object store; none if it cannot be read, as on a disk."""
    try:
        return store.cat_file(manifest).splitlines()
    except OSError:
        return []
