"""What the files of a folder of examples are: pictures, or what is painted in them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from asgnet.data.annotations import is_annotations
from asgnet.data.listing import SUFFIXES
from asgnet.data.names import LISTS, YOLO_LISTS

PICTURES = frozenset(("images", "image", "img", "imgs", "pictures", "photos", "jpegimages"))
MASKS = frozenset(("masks", "mask", "labels", "annotations", "segmentationclass", "segmentations"))
"""Names of folders, without regard to case."""
_TAILS = ("_mask", "-mask", "_masks", "_seg", "_label", "_gt")


class Roles(NamedTuple):
    """The files of a folder, each with its key: a picture and its mask have the same one."""

    pictures: dict[Path, str]
    painted: dict[Path, str]


def roles_in(folder: Path) -> Roles:
    """Tell pictures from masks and annotations, in a folder and those below."""
    files = _files(folder)
    painted = _painted(files, folder)
    pictures = [f for f in files if _is_picture(f) and f not in painted]
    return Roles({f: _key(f, folder, f.stem.casefold()) for f in pictures}, painted)


def _files(folder: Path) -> list[Path]:
    """All files in it and below, but for hidden ones and lists of names."""
    found = []
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        found += [Path(here, f) for f in sorted(files) if f not in {*LISTS, *YOLO_LISTS}]
    return [f for f in found if not f.name.startswith(".") and f.is_file()]


def _is_picture(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES


def _painted(files: Sequence[Path], folder: Path) -> dict[Path, str]:
    """The files that say what is painted, each with the key of the picture that it is about."""
    apart = {f for f in files if MASKS & {part.lower() for part in f.relative_to(folder).parts[:-1]}}
    separate = any(_is_picture(f) for f in apart)
    plain = {(f.parent, f.stem.casefold()) for f in files if _is_picture(f) and f.suffix.lower() != ".png"}
    found = {}
    for f in files:
        stem = f.stem.casefold()
        tail = next((t for t in _TAILS if stem.endswith(t) and stem != t), "")
        if is_annotations(f):
            found[f] = _key(f, folder, stem.removesuffix("_seg") if f.suffix == ".npy" else stem)
        elif not _is_picture(f):
            continue
        elif f in apart or (tail and not separate):
            found[f] = _key(f, folder, stem.removesuffix(tail))
        elif not separate and f.suffix.lower() == ".png" and (f.parent, stem) in plain:
            found[f] = _key(f, folder, stem)
    return found


def _key(file: Path, folder: Path, stem: str) -> str:
    """The stem, and the folders that mean something."""
    parts = (part.casefold() for part in file.relative_to(folder).parts[:-1])
    return "/".join([*(part for part in parts if part not in PICTURES | MASKS), stem])
