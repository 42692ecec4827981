"""Read pairs of pictures and masks: which classes there are, and each one's masks."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from asgnet.apply.examples.read import ONE_CLASS, read_examples
from asgnet.data.annotations import Annotations, is_annotations, picture_in, read_annotations
from asgnet.data.names import LISTS, names_near, read_names
from asgnet.data.read import index_values, read_labels, read_mask, read_raw
from asgnet.errors import AsgnetWarning, DataError, PictureError, SupportError, note
from asgnet.types import IGNORE, Mask

_Named = tuple[Sequence[str], Mapping[str, Mask | Path]]
"""All names that are known there, in order, and the masks of the classes that a picture shows."""
_MOST_TOLD = 6
"""Values of a mask that are listed to the last."""


def names_classes(mask: Path) -> bool:
    """A file of annotations, or a mask whose values a list near it names."""
    if is_annotations(mask):
        return True
    try:
        listed = _listed_labels(mask)
    except (DataError, PictureError):
        return False
    return listed is not None and 0 < _top(listed[1]) <= len(listed[0])


def read_pairs(
    pairs: Sequence[tuple[Path, Path]],
) -> tuple[list[Path], dict[str, list[Mask | Path | None]]]:
    """What ``Segmenter.fit`` takes: the pictures, and of each class a mask a picture, None where absent.

    Annotations name their classes. Masks hold indices (or the colours) of the classes that a ``classes.txt``
    or ``labelmap.txt`` names, in their folder or the two above. Those without a list, or of 0 and 255 alone,
    show the only class that is named, or ``object``; such a file is given on as it is, for its values may number
    objects.

    Raises:
        SupportError: a picture, a mask or an annotation file cannot be used.
    """
    every: list[Mapping[str, Mask | Path]] = []
    order: dict[str, None] = {}
    annotations: dict[Path, Annotations] = {}
    for picture, mask in pairs:
        try:
            h, w = read_raw(picture).values.shape[:2]
        except PictureError as error:
            raise SupportError(f"An example cannot be used: {error}") from error
        if is_annotations(mask):
            names, found = _of_annotations(picture, mask, (h, w), annotations)
        else:
            names, found = _of_mask(mask, (h, w))
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


def check_pairs(pairs: Sequence[tuple[Path, Path]]) -> None:
    """Read every example, and say which masks hold several values that are taken for objects of one class.

    Raises:
        SupportError: a picture or a mask cannot be used.
    """
    for picture, mask in pairs:
        if names_classes(mask):
            continue
        with warnings.catch_warnings():  # what is decided here is said when it is fitted
            warnings.simplefilter("ignore", AsgnetWarning)
            read_examples([picture], [mask])
        values = index_values(mask)
        if len(values) > 1:
            many = len(values) > _MOST_TOLD
            several = ", ".join(map(str, values[: 3 if many else -1])) + (" … " if many else " and ")
            note(
                f"{mask.name} has the values {several}{values[-1]}, taken for single objects of one class; if they "
                "are classes, name them in a classes.txt beside it, one a line."
            )


def _of_annotations(
    picture: Path, file: Path, size: tuple[int, int], known: dict[Path, Annotations]
) -> _Named:
    """What a file of annotations says about a picture; one about many is read once, into ``known``."""
    if file not in known:
        known[file] = read_annotations(file)
        for sentence in known[file].said:
            note(f"{file.name}: {sentence}")
    annotations = known[file]
    about = picture_in(annotations, picture, file.name)
    return (*annotations.labels, *annotations.counts), about.masks(size, file.name)


def _of_mask(mask: Path, size: tuple[int, int]) -> _Named:
    """What a mask's values or colours mean by the list near it, or the one class of a mask without a list."""
    try:
        listed = _listed_labels(mask)
    except (DataError, PictureError) as error:
        raise SupportError(str(error)) from error
    if listed is None:
        return (ONE_CLASS,), {ONE_CLASS: _checked(mask, size)}
    names, labels, list_name = listed
    if labels.shape != size:
        raise SupportError(
            f"The mask {mask.name!r} is {labels.shape[1]}×{labels.shape[0]} pixels and its picture "
            f"{size[1]}×{size[0]}; paint it on the picture itself."
        )
    top = _top(labels)
    if top == 0 and (labels == IGNORE).any():
        note(f"{mask.name} holds 0 and 255 alone: 255 is taken for the object, not for what is ignored.")
        return (ONE_CLASS,), {ONE_CLASS: _checked(mask, size)}
    if top > len(names):
        raise SupportError(
            f"The mask {mask.name!r} has the value {top}, but {list_name} names {len(names)} classes."
        )
    return names, {
        name: np.where(labels == IGNORE, IGNORE, labels == i).astype(np.uint8)
        for i, name in enumerate(names, 1)
        if (labels == i).any()
    }


def _checked(mask: Path, size: tuple[int, int]) -> Path:
    """The file, which can be read as a mask."""
    with warnings.catch_warnings():  # what is decided here is said when it is fitted
        warnings.simplefilter("ignore", AsgnetWarning)
        read_mask(mask, size)
    return mask


def _listed_labels(mask: Path) -> tuple[list[str], Mask, str] | None:
    """The names of the list near a mask, the mask's class indices, and the list's name; None without a list."""
    listed = names_near(mask, LISTS, above=2)
    if listed is None:
        return None
    names, colours = read_names(listed)
    return list(names), read_labels(mask, colours), listed.name


def _top(labels: Mask) -> int:
    return int(labels.max(where=labels != IGNORE, initial=0))
