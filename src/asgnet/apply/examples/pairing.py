"""A folder of examples: which mask belongs to which picture, and what was left.

examples/mug1.jpg  examples/mug1.png            a mask of the same stem, or mug1_mask.png
examples/images/mug1.jpg  examples/masks/mug1.png
examples/mug1.jpg  examples/mug1.json           labelme; mug1.txt: YOLO
examples/images/train/mug1.jpg  examples/labels/train/mug1.txt
examples/mug1.jpg … examples/annotations.json   COCO or Label Studio, about all of them

Folders in it are looked through, too. Those that are called like folders of pictures or masks do not count;
of the others a picture and its mask must have the same ones above them.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asgnet.apply.examples.read import ONE_CLASS
from asgnet.data.annotations import ENDINGS, Annotations, picture_in, read_annotations
from asgnet.data.listing import SUFFIXES
from asgnet.data.names import LISTS, YOLO_LISTS, names_near, read_names
from asgnet.data.read import read_labels, read_mask, read_picture
from asgnet.errors import DataError, PictureError, SupportError, UsageError, note
from asgnet.types import IGNORE, Mask

PICTURES = frozenset(("images", "image", "img", "imgs", "pictures", "photos", "jpegimages"))
MASKS = frozenset(("masks", "mask", "labels", "annotations", "segmentationclass", "segmentations"))
"""Names of folders, without regard to case."""
_TAILS = ("_mask", "-mask", "_masks", "_seg", "_label", "_gt")


@dataclass(frozen=True)
class Paired:
    """What a folder holds.

    Attributes:
        folder: that was looked through.
        pairs: pictures, each with its mask or annotation file, sorted.
        left: files that belong to nothing, each with the reason.
    """

    folder: Path
    pairs: tuple[tuple[Path, Path], ...]
    left: tuple[tuple[Path, str], ...]

    @property
    def words(self) -> list[str]:
        """For a person, a line each."""

        def name(path: Path) -> str:
            return path.relative_to(self.folder).as_posix()

        lines = [f"paired {name(picture)} with {name(mask)}" for picture, mask in self.pairs]
        return lines + [f"left out {name(path)}: {reason}" for path, reason in self.left]


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
    pictures = {f: _key(f, folder, _stem(f)) for f in files if _is_picture(f) and f not in painted}
    times = Counter(pictures.values())
    by_key: dict[str, list[Path]] = defaultdict(list)
    for path, key in painted.items():
        by_key[key].append(path)
    pairs, left, open_ = [], [], []
    unclear: dict[Path, str] = {}
    for picture, key in pictures.items():
        partners = by_key.get(key, [])
        if times[key] > 1:
            twins = ", ".join(p.name for p, other in pictures.items() if other == key and p != picture)
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
        try:
            annotations = read_annotations(file)
        except SupportError as error:
            left.append((file, str(error)))
            continue
        told, doubts = _told(annotations, tuple(pictures), file, folder)
        unclear |= doubts
        if told.isdisjoint(open_) and not doubts:
            left.append((file, f"it is about none of the pictures{' without a mask' if told else ''}"))
        elif unused := sorted(p.name for p in told.difference(open_)):
            more = " …" if len(unused) > 3 else ""
            left.append((file, f"only for {', '.join(unused[:3])}{more}, which had a mask already"))
        pairs += [(p, file) for p in open_ if p in told]
        open_ = [p for p in open_ if p not in told]
    left += [(p, unclear.get(p, "there is no mask for it")) for p in open_]
    matched = {mask for _, mask in pairs} | set(whole)
    left += [
        (m, "there is no picture for it" if not times[key] else "its picture was left out")
        for m, key in painted.items()
        if m not in matched
    ]
    if not pairs:
        why = f"; {left[0][0].name}: {left[0][1]}" if left else ""
        raise UsageError(
            f"No picture in {str(folder)!r} has a mask{why}. Name a mask like its picture: mug.jpg and "
            "mug.png, or mug_mask.png."
        )
    return Paired(folder, tuple(sorted(pairs)), tuple(sorted(left)))


def names_classes(mask: Path) -> bool:
    """A file of annotations, or a mask whose values a list near it names."""
    if mask.suffix.lower() in ENDINGS:
        return True
    listed = names_near(mask, LISTS, above=2)
    if listed is None:
        return False
    try:
        names, colours = read_names(listed)
        labels = read_labels(mask, colours)
    except (DataError, PictureError):
        return False
    return 0 < _top(labels) <= len(names)


def read_pairs(pairs: Sequence[tuple[Path, Path]]) -> tuple[list[Path], dict[str, list[Mask | None]]]:
    """What ``Segmenter.fit`` takes: the pictures, and of each class a mask a picture, None where absent.

    Annotations name their classes. Masks hold indices (or the colours) of the classes that a ``classes.txt``
    or ``labelmap.txt`` names, in their folder or the two above. Those without a list, or of 0 and 255 alone,
    show the only class that is named, or ``object``.

    Raises:
        SupportError: a picture, a mask or an annotation file cannot be used.
    """
    every: list[dict[str, Mask]] = []
    order: dict[str, None] = {}
    known: dict[Path, Annotations] = {}
    for picture, mask in pairs:
        try:
            size = read_picture(picture).shape[:2]
        except PictureError as error:
            raise SupportError(f"An example cannot be used: {error}") from error
        names, found = _masks_of(picture, mask, size, known)
        order |= dict.fromkeys(names)
        every.append(found)
    classes = [name for name in order if any(name in found for found in every)]
    if not classes:
        raise SupportError(f"Nothing is painted in {pairs[0][1].name}, nor in the others; paint the object.")
    if len(classes) == 2 and ONE_CLASS in classes and not any(len(found) == 2 for found in every):
        classes.remove(ONE_CLASS)
        every = [dict(zip(classes, found.values(), strict=False)) for found in every]
        note(f"Masks that name no class are taken for {classes[0]!r}, the only one that is named.")
    return [p for p, _ in pairs], {name: [found.get(name) for found in every] for name in classes}


def _masks_of(
    picture: Path, mask: Path, size: tuple[int, int], known: dict[Path, Annotations]
) -> tuple[Sequence[str], dict[str, Mask]]:
    """All names that are known there, in order, and the masks of the classes that the picture shows."""
    if mask.suffix.lower() in ENDINGS:
        if mask not in known:  # a file about many pictures is read once
            known[mask] = read_annotations(mask)
            for sentence in known[mask].left:
                note(f"{mask.name}: {sentence}")
        annotations = known[mask]
        about = picture_in(annotations, picture, mask.name)
        return (*annotations.labels, *annotations.counts), about.masks(size, mask.name)
    listed = names_near(mask, LISTS, above=2)
    if listed is None:
        return (ONE_CLASS,), {ONE_CLASS: read_mask(mask, size)}
    try:
        names, colours = read_names(listed)
        labels = read_labels(mask, colours)
    except (DataError, PictureError) as error:
        raise SupportError(str(error)) from error
    if labels.shape != size:
        raise SupportError(
            f"The mask {mask.name!r} is {labels.shape[1]}×{labels.shape[0]} pixels and its picture "
            f"{size[1]}×{size[0]}; paint it on the picture itself."
        )
    top = _top(labels)
    if top == 0 and (labels == IGNORE).any():
        note(f"{mask.name} holds 0 and 255 alone: 255 is taken for the object, not for what is ignored.")
        return (ONE_CLASS,), {ONE_CLASS: read_mask(mask, size)}
    if top > len(names):
        raise SupportError(
            f"The mask {mask.name!r} has the value {top}, but {listed.name} names {len(names)} classes."
        )
    return names, {
        name: np.where(labels == IGNORE, IGNORE, labels == i).astype(np.uint8)
        for i, name in enumerate(names, 1)
        if (labels == i).any()
    }


def _top(labels: Mask) -> int:
    return int(labels.max(where=labels != IGNORE, initial=0))


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
        tail = next((t for t in _TAILS if stem.endswith(t) and stem != t), "")
        if f.suffix.lower() in ENDINGS:
            found[f] = _key(f, folder, stem)
        elif not _is_picture(f):
            continue
        elif f in apart or (tail and not separate):
            found[f] = _key(f, folder, stem.removesuffix(tail))
        elif not separate and f.suffix.lower() == ".png" and (f.parent, stem) in plain:
            found[f] = _key(f, folder, stem)
    return found


def _key(file: Path, folder: Path, stem: str) -> str:
    """What a picture and its mask have in common: the stem, and the folders that mean something."""
    parts = (part.casefold() for part in file.relative_to(folder).parts[:-1])
    return "/".join([*(part for part in parts if part not in PICTURES | MASKS), stem])


def _told(
    annotations: Annotations, pictures: Sequence[Path], file: Path, folder: Path
) -> tuple[set[Path], dict[Path, str]]:
    """The pictures that one file is about; and those of which several could be meant, with the reason."""
    claims: dict[str, list[tuple[tuple[int, int], Path]]] = defaultdict(list)
    for picture in pictures:
        match = annotations.match(picture)
        if match is not None and match.about.regions:
            claims[match.about.name].append((match.near, picture))
    told, doubts = set(), {}
    for name, fitting in claims.items():
        nearest = max(near for near, _ in fitting)
        rivals = [p for near, p in fitting if near == nearest]
        if len(rivals) == 1:
            told.add(rivals[0])
            continue
        some = " or ".join(p.relative_to(folder).as_posix() for p in rivals[:3])
        more = f" or {len(rivals) - 3} more" if len(rivals) > 3 else ""
        reason = f"{file.name} names {name!r}, which may be {some}{more}; write its folder there, too"
        doubts |= dict.fromkeys(rivals, reason)
    return told, doubts


def _stem(path: Path) -> str:
    return path.stem.casefold()
