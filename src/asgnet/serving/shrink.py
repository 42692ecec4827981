"""Examples as small as fitting sees them, so that however many there are, one at a time is in memory as it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.concept.file import Concept
from asgnet.apply.fitting.examples import picture_hash, stored_examples
from asgnet.apply.inference.working_scale import stored_size
from asgnet.imaging.resize import nearest, resized
from asgnet.types import GROUND, IGNORE, Mask, Picture, Unpainted

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter
    from asgnet.serving.decoding import Decoder
    from asgnet.serving.store.kept import KeptExample


class SmallExample(NamedTuple):
    """An example of several classes.

    Attributes:
        picture: ``h w 3``, as a Concept keeps it.
        masks: of each class, of that size, None where it is not shown.
        digest: of the picture as it was.
        ground: ``h w`` bool, where background is painted.
    """

    picture: Picture
    masks: list[Mask | None]
    digest: str
    ground: NDArray[np.bool_]


def small_picture(picture: Picture, side: int) -> tuple[Picture, str]:
    """A picture as a network of that side sees it, and the digest of what it was."""
    (small,), _ = stored_examples([picture], {}, side)
    return small, picture_hash(picture)


def small_masks(
    labels: Mask, classes: Sequence[str], side: int
) -> tuple[list[Mask | None], NDArray[np.bool_]]:
    """Class indices ``h w`` as a mask of each class, None: not shown; and the painted background.

    All are of the size of :func:`small_picture`.
    """
    _, masks = stored_examples([], {name: [_mask_of(labels, i)] for i, name in enumerate(classes, 1)}, side)
    painted = [masks[name][0] for name in classes]
    ground = nearest((labels == GROUND).astype(np.uint8), stored_size(labels.shape, side)) > 0
    for mask in painted:
        ground &= True if mask is None else mask != 1
    return painted, ground


def object_or_not(labels: Mask) -> Mask:
    """Class indices ``h w`` as a mask of any of the classes, in {0, 1, 255}."""
    return np.where(labels == IGNORE, IGNORE, (labels > 0) & (labels < GROUND)).astype(np.uint8)


def fit_small(
    segmenter: Segmenter,
    classes: Sequence[str],
    examples: Sequence[SmallExample],
    adapt: bool,
    unpainted: Unpainted,
) -> Concept:
    """Fit as on the examples as they were; the Concept keeps no pictures."""
    masks = {name: [example.masks[i] for example in examples] for i, name in enumerate(classes)}
    segmenter.fit(
        [example.picture for example in examples],
        masks,
        adapt=adapt,
        keep_pictures=False,
        unpainted=unpainted,
        background=[example.ground for example in examples],
    )
    assert segmenter.concept is not None
    segmenter.concept = replace(segmenter.concept, supports=tuple(example.digest for example in examples))
    return segmenter.concept


def decoded_pairs(decoder: Decoder, kept: Sequence[KeptExample], most: int) -> list[tuple[Picture, Mask]]:
    """Kept examples, decoded, those smaller that would be too much together; with class indices."""
    from asgnet.data.read import read_labels

    found = []
    for example in kept:
        with decoder.picture(example.picture.read_bytes(), example.name) as picture:
            found.append(no_more_pixels(picture, read_labels(example.mask), most // max(len(kept), 1)))
    return found


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
