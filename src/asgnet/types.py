"""Every shape that crosses a room's door is named here once."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

IGNORE = 255
"""Mask value of pixels that count neither as object nor as background."""

Picture = NDArray[np.uint8]
"""``h w 3``, uint8, sRGB, upright (EXIF orientation already applied)."""

Mask = NDArray[np.uint8]
"""``h w``, uint8 in {0, 1, 255}: background, object, ignore."""


@dataclass(frozen=True)
class Support:
    """One example: a picture with the object painted.

    Attributes:
        image: ``h w 3`` uint8.
        mask: ``h w`` uint8 in {0, 1, 255}, the same height and width.
        name: where it came from, for messages; may be empty.
    """

    image: Picture
    mask: Mask
    name: str = ""


@dataclass(frozen=True)
class Episode:
    """One question of a benchmark: find ``target`` in the query, given these supports.

    Attributes:
        target: class index in its dataset.
        query: picture name in its dataset.
        supports: ``k`` distinct picture names, none of them the query.
    """

    target: int
    query: str
    supports: tuple[str, ...]


@dataclass(frozen=True)
class Prediction:
    """What the model found in one picture.

    Attributes:
        mask: ``h w`` bool at the picture's own size; with several classes ``h w`` int32, 0 background
            and 1.. in the order the classes were given.
        probability: ``h w`` float32 in [0, 1]: the pixel belongs to the object (to any of the classes).
        presence: in [0, 1]: the object (any of the classes) is in this picture at all.
        guide: ``h w`` int32: which prototype each pixel chose (index into the class's prototypes).
        classes: the classes' names in order; ``("object",)`` for a single unnamed one.
        by_class: the same per class, for several classes; empty for a single one.
    """

    mask: NDArray
    probability: NDArray[np.float32]
    presence: float
    guide: NDArray[np.int32]
    classes: tuple[str, ...] = ("object",)
    by_class: dict[str, Prediction] = field(default_factory=dict)
