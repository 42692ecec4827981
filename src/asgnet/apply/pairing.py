"""A folder of examples: which mask belongs to which picture, and what was left.

examples/mug1.jpg  examples/mug1.png            a mask of the same stem, or mug1_mask.png
examples/images/mug1.jpg  examples/masks/mug1.png
examples/mug1.jpg  examples/mug1.json           labelme; mug1.txt: YOLO
examples/mug1.jpg … examples/annotations.json   COCO or Label Studio, about all of them
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asgnet.apply.examples import ONE_CLASS
from asgnet.data.annotations import ENDINGS, picture_in, read_annotations
from asgnet.data.images import read_picture
from asgnet.data.listing import SUFFIXES
from asgnet.data.masks import read_labels, read_mask
from asgnet.data.names import LISTS, YOLO_LISTS, names_near, read_names
from asgnet.errors import DataError, PictureError, SupportError, UsageError
from asgnet.types import IGNORE, Mask

PICTURES = frozenset(("images", "image", "img", "imgs", "pictures", "photos", "jpegimages"))
MASKS = frozenset(("masks", "mask", "labels", "annotations", "segmentationclass", "segmentations"))
"""Names of folders, without regard to case."""
_TAILS = ("_mask", "-mask", "_masks", "_seg", "_label", "_gt")


@dataclass(frozen=True)
class Paired:
    """What a folder holds.

    Attributes:
        pairs: pictures, each with its mask or annotation file, sorted.
        left: files that belong to nothing, each with the reason.
    """

    pairs: tuple[tuple[Path, Path], ...]
    left: tuple[tuple[Path, str], ...]

    @property
    def words(self) -> list[str]:
        """For a person, a line each."""
        lines = [f"paired {picture.name} with {mask.name}" for picture, mask in self.pairs]
        return lines + [f"left out {path.name}: {reason}" for path, reason in self.left]


def pair_folder(folder: str | os.PathLike[str]) -> Paired:
    """Find the pictures of a folder and what is painted in them, by their names.

    Raises:
        UsageError: there is no such folder, or no pair in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UsageError(f"There is no folder {str(folder)!r}; give one that holds pictures and masks.")
    files = _files(folder)
    painted = _painted(files, folder)
    pictures = [f for f in files if f.suffix.lower() in SUFFIXES and f not in painted]
    by_stem: dict[str, list[Path]] = defaultdict(list)
    for path, stem in painted.items():
        by_stem[stem].append(path)
    stems = [_stem(p) for p in pictures]
    pairs, left, open_ = [], [], []
    for picture, stem in zip(pictures, stems, strict=True):
        partners = by_stem.get(stem, [])
        if stems.count(stem) > 1:
            twins = ", ".join(p.name for p in pictures if _stem(p) == stem and p != picture)
            left.append((picture, f"{twins} has the same stem, so its mask is not clear"))
        elif len(partners) > 1:
            left.append((picture, f"several masks could be its own: {', '.join(p.name for p in partners)}"))
        elif partners:
            pairs.append((picture, partners[0]))
        else:
            open_.append(picture)
    used = {mask for _, mask in pairs}
    whole = {f: None for f in painted if f.suffix.lower() == ".json" and f not in used}
    for file in whole:
        _pair_all(file, open_, pairs, left)
    left += [(p, "there is no mask for it") for p in open_]
    matched = {mask for _, mask in pairs} | set(whole)
    left += [
        (m, "there is no picture for it" if stem not in stems else "its picture was left out")
        for m, stem in painted.items()
        if m not in matched
    ]
    if not pairs:
        why = f"; {left[0][0].name}: {left[0][1]}" if left else ""
        raise UsageError(
            f"No picture in {str(folder)!r} has a mask{why}. Name a mask like its picture: mug.jpg and "
            "mug.png, or mug_mask.png."
        )
    return Paired(tuple(sorted(pairs)), tuple(sorted(left)))


def read_pairs(pairs: Sequence[tuple[Path, Path]]) -> tuple[list[Path], dict[str, list[Mask | None]]]:
    """What ``Segmenter.fit`` takes: the pictures, and of each class a mask a picture, None where absent.

    Annotations name their classes. Masks are of the class ``object``, or hold indices of the classes that a
    ``classes.txt`` or ``labelmap.txt`` names, in their folder or the one above.

    Raises:
        SupportError: a picture, a mask or an annotation file cannot be used.
    """
    every: list[dict[str, Mask]] = []
    order: dict[str, None] = {}
    for picture, mask in pairs:
        try:
            size = read_picture(picture).shape[:2]
        except PictureError as error:
            raise SupportError(f"An example cannot be used: {error}") from error
        names, found = _masks_of(picture, mask, size)
        order |= dict.fromkeys(names)
        every.append(found)
    classes = [name for name in order if any(name in found for found in every)]
    if not classes:
        raise SupportError(f"Nothing is painted in {pairs[0][1].name}, nor in the others; paint the object.")
    return [p for p, _ in pairs], {name: [found.get(name) for found in every] for name in classes}


def _masks_of(picture: Path, mask: Path, size: tuple[int, int]) -> tuple[Sequence[str], dict[str, Mask]]:
    """All names that are known there, in order, and the masks of the classes that the picture shows."""
    if mask.suffix.lower() in ENDINGS:
        annotations = read_annotations(mask)
        about = picture_in(annotations, picture, mask.name)
        return (*annotations.labels, *annotations.counts), about.masks(size, mask.name)
    listed = names_near(mask, LISTS, above=1)
    if listed is None:
        return (ONE_CLASS,), {ONE_CLASS: read_mask(mask, size)}
    try:
        names, labels = read_names(listed).classes, read_labels(mask)
    except (DataError, PictureError) as error:
        raise SupportError(str(error)) from error
    if labels.shape != size:
        raise SupportError(
            f"The mask {mask.name!r} is {labels.shape[1]}×{labels.shape[0]} pixels and its picture "
            f"{size[1]}×{size[0]}; paint it on the picture itself."
        )
    top = int(labels.max(where=labels != IGNORE, initial=0))
    if top > len(names):
        raise SupportError(
            f"The mask {mask.name!r} has the value {top}, but {listed.name} names {len(names)} classes."
        )
    return names, {
        name: np.where(labels == IGNORE, IGNORE, labels == i).astype(np.uint8)
        for i, name in enumerate(names, 1)
        if (labels == i).any()
    }


def _files(folder: Path) -> list[Path]:
    """Of the folder, and of those in it that are called like folders of pictures or masks."""
    inner = [d for d in folder.iterdir() if d.is_dir() and d.name.lower() in PICTURES | MASKS]
    found = [f for d in (folder, *sorted(inner)) for f in sorted(d.iterdir()) if f.is_file()]
    return [f for f in found if not f.name.startswith(".") and f.name not in {*LISTS, *YOLO_LISTS}]


def _painted(files: Sequence[Path], folder: Path) -> dict[Path, str]:
    """The files that say what is painted, and the stem of the picture that each is about."""
    pictures = [f for f in files if f.suffix.lower() in SUFFIXES]
    apart = any(f.parent != folder and f.parent.name.lower() in MASKS for f in pictures)
    plain = {(f.parent, _stem(f)) for f in pictures if f.suffix.lower() != ".png"}
    found = {}
    for f in files:
        stem = _stem(f)
        tail = next((t for t in _TAILS if stem.endswith(t) and stem != t), "")
        if f.suffix.lower() in ENDINGS:
            found[f] = stem
        elif f not in pictures:
            continue
        elif (f.parent != folder and f.parent.name.lower() in MASKS) or (tail and not apart):
            found[f] = stem.removesuffix(tail)
        elif not apart and f.suffix.lower() == ".png" and (f.parent, stem) in plain:
            found[f] = stem
    return found


def _pair_all(
    file: Path, pictures: list[Path], pairs: list[tuple[Path, Path]], left: list[tuple[Path, str]]
) -> None:
    """Pair what one file says about many pictures; those found are taken out of ``pictures``."""
    try:
        annotations = read_annotations(file)
    except SupportError as error:
        left.append((file, str(error)))
        return
    told = [p for p in pictures if (about := annotations.about(str(p))) is not None and about.regions]
    pairs += [(p, file) for p in told]
    pictures[:] = [p for p in pictures if p not in told]
    if not told:
        left.append((file, "it is about none of the pictures"))


def _stem(path: Path) -> str:
    return path.stem.casefold()
