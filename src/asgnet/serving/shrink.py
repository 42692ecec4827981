"""Examples as small as fitting sees them, so that however many there are, one at a time is in memory as it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from asgnet.apply.concept.file import Concept
from asgnet.apply.fitting.examples import picture_hash, stored_examples
from asgnet.imaging.resize import nearest, resized
from asgnet.types import IGNORE, Mask, Picture

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter


class SmallExample(NamedTuple):
    """An example of several classes.

    Attributes:
        picture: ``h w 3``, as a Concept keeps it.
        masks: of each class, of that size, None where it is not shown.
        digest: of the picture as it was.
    """

    picture: Picture
    masks: list[Mask | None]
    digest: str


def small_picture(picture: Picture, side: int) -> tuple[Picture, str]:
    """A picture as a network of that side sees it, and the digest of what it was."""
    (small,), _ = stored_examples([picture], {}, side)
    return small, picture_hash(picture)


def small_masks(labels: Mask, classes: Sequence[str], side: int) -> list[Mask | None]:
    """Class indices ``h w`` as a mask of each class, of the size of :func:`small_picture`; None: not shown."""
    _, masks = stored_examples([], {name: [_mask_of(labels, i)] for i, name in enumerate(classes, 1)}, side)
    return [masks[name][0] for name in classes]


def fit_small(
    segmenter: Segmenter, classes: Sequence[str], examples: Sequence[SmallExample], adapt: bool
) -> Concept:
    """Fit as on the examples as they were; the Concept keeps no pictures."""
    masks = {name: [example.masks[i] for example in examples] for i, name in enumerate(classes)}
    segmenter.fit([example.picture for example in examples], masks, adapt=adapt, keep_pictures=False)
    assert segmenter.concept is not None
    segmenter.concept = replace(segmenter.concept, supports=tuple(example.digest for example in examples))
    return segmenter.concept


def no_more_pixels(picture: Picture, labels: Mask, most: int) -> tuple[Picture, Mask]:
    """A picture and its labels as they are, or shrunk to so many pixels."""
    h, w = labels.shape
    if h * w <= most:
        return picture, labels
    scale = (most / (h * w)) ** 0.5
    size = max(int(h * scale), 1), max(int(w * scale), 1)
    return resized(picture, size), nearest(labels, size)


def _mask_of(labels: Mask, number: int) -> Mask | None:
    mask = (labels == number).astype(np.uint8)
    mask[labels == IGNORE] = IGNORE
    return mask if (mask == 1).any() else None
