"""Supports as fitting uses them and a Concept keeps them: small, with windows of those whose objects are small."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from asgnet.apply.concept.scale import Scale
from asgnet.apply.concept.shots import KeptPatch, Shot
from asgnet.apply.fitting.patches import Patch, patches_of, small_scale
from asgnet.apply.inference.working_scale import stored_mask, stored_picture
from asgnet.data.png import png_bytes
from asgnet.model.default.calibration import Calibration
from asgnet.types import Mask, Picture

Painted = Mapping[str, Sequence[Mask | None]]
"""Of each class a mask ``h w`` per support, None where it is not shown."""


class Example(NamedTuple):
    """A support as it is kept: fitting uses nothing else of it.

    Attributes:
        picture: ``h w 3``, at :func:`~asgnet.apply.inference.working_scale.stored_size`.
        masks: by class ``h w`` of the same size, None where it is not shown.
        size: ``(h, w)`` of the picture itself.
        patches: by class, windows of the picture itself; of classes whose objects are not small in it none.
    """

    picture: Picture
    masks: Mapping[str, Mask | None]
    size: tuple[int, int]
    patches: Mapping[str, Sequence[Patch]]


def stored_examples(
    pictures: Sequence[Picture], painted: Painted, side: int, numbers: Calibration, scale: Scale | None = None
) -> list[Example]:
    """Supports as they are kept.

    Args:
        pictures: ``h w 3`` each.
        painted: of the pictures' sizes.
        side: of the network's usual view.
        numbers: of windows.
        scale: of all classes; None: as each example's objects need it.
    """
    return [
        stored_example(picture, {name: masks[i] for name, masks in painted.items()}, side, numbers, scale)
        for i, picture in enumerate(pictures)
    ]


def stored_example(
    picture: Picture,
    masks: Mapping[str, Mask | None],
    side: int,
    numbers: Calibration,
    scale: Scale | None = None,
) -> Example:
    """One support as it is kept, see :func:`stored_examples`."""
    small: dict[str, Mask | None] = dict.fromkeys(masks)
    patches = {}
    for name, mask in masks.items():
        if mask is not None:
            small[name] = stored = stored_mask(mask, side)
            own = small_scale(mask, stored, side, numbers) if scale is None else scale
            if own is not None and own.in_windows:
                patches[name] = patches_of(picture, mask, own, side, numbers)
    return Example(stored_picture(picture, side), small, (picture.shape[0], picture.shape[1]), patches)


def shots_of(examples: Sequence[Example], classes: Sequence[str]) -> tuple[Shot, ...]:
    """What a Concept keeps of examples."""
    return tuple(_shot(example, classes) for example in examples)


def _shot(example: Example, classes: Sequence[str]) -> Shot:
    masks = (example.masks.get(name) for name in classes)
    patches = tuple(
        KeptPatch(place, patch.box, png_bytes(patch.picture), png_bytes(patch.mask))
        for place, name in enumerate(classes)
        for patch in example.patches.get(name, ())
    )
    return Shot(
        png_bytes(example.picture),
        tuple(None if mask is None else png_bytes(mask) for mask in masks),
        example.size,
        patches,
    )


def picture_hash(picture: Picture) -> str:
    """SHA-256 of the pixels: the same picture in another file format has the same."""
    return hashlib.sha256(np.ascontiguousarray(picture).data).hexdigest()
