"""Examples as small as fitting sees them, so that however many there are, one at a time is in memory as it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from asgnet.apply.concept.file import Concept, stated_words
from asgnet.apply.examples.unpainted import three_valued
from asgnet.apply.fitting.examples import Example, picture_hash, stored_example
from asgnet.imaging.components import pieces
from asgnet.imaging.resize import nearest, resized
from asgnet.types import GROUND, IGNORE, Mask, Picture, Unpainted

if TYPE_CHECKING:
    from asgnet.apply.engines.backend import Backend
    from asgnet.apply.segmenter import Segmenter
    from asgnet.serving.decoding import Decoder
    from asgnet.serving.store.kept import KeptExample


class SmallExample(NamedTuple):
    """An example of several classes.

    Attributes:
        kept: as a Concept keeps it.
        digest: of the picture as it was.
        unpainted: what its unpainted pixels are.
    """

    kept: Example
    digest: str
    unpainted: Unpainted


def small_example(
    backend: Backend, picture: Picture, labels: Mask, classes: Sequence[str], unpainted: Unpainted
) -> SmallExample:
    """A picture and its class indices ``h w`` as a network sees them."""
    ground = labels == GROUND
    masks, word = three_valued(
        [_mask_of(labels, i) for i in range(1, len(classes) + 1)],
        ground if ground.any() else None,
        unpainted,
        "",
    )
    kept = stored_example(picture, dict(zip(classes, masks, strict=True)), backend.side, backend.numbers)
    return SmallExample(kept, picture_hash(picture), word)


def object_or_not(labels: Mask) -> Mask:
    """Class indices ``h w`` as a mask of any of the classes, in {0, 1, 255}."""
    return np.where(labels == IGNORE, IGNORE, (labels > 0) & (labels < GROUND)).astype(np.uint8)


def fit_small(
    segmenter: Segmenter,
    classes: Sequence[str],
    examples: Sequence[SmallExample],
    adapt: bool,
) -> Concept:
    """Fit as on the examples as they were; the Concept keeps no pictures."""
    digests = tuple(example.digest for example in examples)
    kept = [example.kept for example in examples]
    objects = {
        name: [None if mask is None else pieces(mask == 1) for mask in (one.masks[name] for one in kept)]
        for name in classes
    }
    words = stated_words([example.unpainted for example in examples])
    blank = Concept(tuple(classes), {}, "", digests, adapt=adapt, unpainted=words, effort="auto")
    segmenter.fit_kept(kept, blank, objects if adapt else {})
    assert segmenter.concept is not None
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
