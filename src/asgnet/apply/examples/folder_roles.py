"""What the files of a folder of examples are: pictures, or what is painted in them."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from asgnet.data.annotations import is_annotations
from asgnet.data.listing import SUFFIXES
from asgnet.data.names import LISTS, YOLO_LISTS

PICTURES = frozenset(
    (
        *("images", "image", "img", "imgs", "pictures", "picture", "photos", "photo", "jpegimages", "inputs"),
        *("input", "raw", "rgb", "originals"),
    )
)
MASKS = frozenset(
    (
        *("masks", "mask", "labels", "label", "annotations", "annotation", "segmentationclass", "gt", "gts"),
        *("segmentations", "segmentation", "seg", "segs", "groundtruth", "ground_truth", "targets", "target"),
    )
)
"""Names of folders, without regard to case."""
_TAILS = (
    *("_cp_masks", "_masks", "_mask", "-masks", "-mask", ".mask", " mask", "_segmentation", "_seg", "-seg"),
    *("_labels", "_label", "-label", "_groundtruth", "_ground_truth", "_gt", "-gt", "_annotation", "_matte"),
)
_HEADS = ("mask_", "mask-", "masks_", "seg_", "label_", "gt_", "segmentation_")
_PICTURE_TAILS = ("_sat", "_image", "_img", "_rgb", "_photo", "_raw", "_input", "_original", "_leftimg8bit")
_ROBOFLOW = re.compile(r"^(.+)_(?:jpe?g|png|bmp|tiff?)\.rf\.[0-9a-f]{20,}$")
"""What Roboflow makes of a picture's name."""


class Roles(NamedTuple):
    """The files of a folder, each with its key: a picture and its mask have the same one."""

    pictures: dict[Path, str]
    painted: dict[Path, str]


def roles_in(folder: Path) -> Roles:
    """Tell pictures from masks and annotations, in a folder and those below."""
    files = _files(folder)
    painted = _painted(files, folder)
    pictures = [f for f in files if _is_picture(f) and f not in painted]
    return Roles({f: _key(f, folder, _stem(f)) for f in pictures}, painted)


def loosened(key: str) -> str:
    """A key without what tools add to a picture's name: for pictures and masks that no other name pairs."""
    folders, slash, stem = key.rpartition("/")
    exported = _ROBOFLOW.match(stem)
    stem = exported[1] if exported else stem
    for tail in _PICTURE_TAILS:
        if stem.endswith(tail) and stem != tail:
            stem = stem.removesuffix(tail)
            break
    return f"{folders}{slash}{stem}"


def _stem(file: Path) -> str:
    """Without regard to case, and in one spelling of accents, as file systems have two."""
    return unicodedata.normalize("NFC", file.stem).casefold()


def _of_its_picture(stem: str) -> tuple[str, bool]:
    """A mask's stem as its picture's, and whether the name says that it is a mask: a_mask, mask_a, a.jpg."""
    marked = False
    for tail in _TAILS:
        if stem.endswith(tail) and stem != tail:
            stem, marked = stem.removesuffix(tail), True
            break
    else:
        head = next((head for head in _HEADS if stem.startswith(head) and stem != head), "")
        stem, marked = stem.removeprefix(head), bool(head)
    inner = os.path.splitext(stem)
    return (inner[0], True) if inner[1] in SUFFIXES and inner[0] else (stem, marked)


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
    plain = {(f.parent, _stem(f)) for f in files if _is_picture(f) and f.suffix.lower() != ".png"}
    found = {}
    for f in files:
        stem = _stem(f)
        own, marked = _of_its_picture(stem)
        if is_annotations(f):
            found[f] = _key(f, folder, stem.removesuffix("_seg") if f.suffix == ".npy" else stem)
        elif not _is_picture(f):
            continue
        elif f in apart or (marked and not separate):
            found[f] = _key(f, folder, own)
        elif not separate and f.suffix.lower() == ".png" and (f.parent, stem) in plain:
            found[f] = _key(f, folder, stem)
    return found


def _key(file: Path, folder: Path, stem: str) -> str:
    """The stem, and the folders that mean something."""
    parts = (unicodedata.normalize("NFC", part).casefold() for part in file.relative_to(folder).parts[:-1])
    return "/".join([*(part for part in parts if part not in PICTURES | MASKS), stem])
