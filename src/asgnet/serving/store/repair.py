"""Concept folders that the index does not know become concepts again (``asgnet serve --repair``)."""

from __future__ import annotations

import re
import time
from pathlib import Path

from asgnet.apply.concept.file import Concept
from asgnet.errors import AsgnetError
from asgnet.serving.store.folder import ID, say
from asgnet.serving.store.sidecar import ExampleRow, Sidecar, read_sidecar

_VERSION = re.compile(r"([1-9][0-9]{0,8})\.concept")


def adoptable(room: Path, known: set[str]) -> list[tuple[str, Sidecar, Concept]]:
    """Of folders with a whole concept the newest version of each: its id, what is said of it, and itself.

    Args:
        room: the folder of all concepts.
        known: ids that are not to be taken.
    """
    found = []
    for folder in sorted(room.iterdir()) if room.is_dir() else ():
        if ID.fullmatch(folder.name) and folder.name not in known and not folder.is_symlink():
            newest = _newest(folder)
            if newest is not None:
                found.append((folder.name, *newest))
    return found


def _newest(folder: Path) -> tuple[Sidecar, Concept] | None:
    matches = [_VERSION.fullmatch(path.name) for path in folder.iterdir()]
    for version in sorted((int(match[1]) for match in matches if match), reverse=True):
        path = folder / f"{version}.concept"
        try:
            concept = Concept.load(path)
        except AsgnetError as error:
            say(str(error))
            continue
        said = read_sidecar(path.with_suffix(".json"))
        if said is None:
            return _guessed(folder, version, path), concept
        if all(_pair(folder, row.file) for row in said.examples):
            return said, concept
    return None


def _guessed(folder: Path, version: int, path: Path) -> Sidecar:
    """Of a concept of an older asgnet: its examples are the pairs of files, the oldest first."""
    from asgnet.data.read import read_labels

    rows = []
    pictures = [p for p in folder.glob("*.picture") if _pair(folder, p.stem)]
    for number, picture in enumerate(sorted(pictures, key=lambda p: p.stat().st_mtime_ns), 1):
        height, width = read_labels(picture.with_suffix(".mask")).shape
        rows.append(ExampleRow(picture.stem, f"example {number}", width, height))
    made = path.stat().st_mtime
    return Sidecar(f"found again {folder.name[:6]}", "auto", version, made, time.time(), (), tuple(rows))


def _pair(folder: Path, stem: str) -> bool:
    """Are an example's picture and mask both there?"""
    ours = bool(ID.fullmatch(stem))
    return ours and (folder / f"{stem}.picture").is_file() and (folder / f"{stem}.mask").is_file()
