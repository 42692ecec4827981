"""What looks like the object in the examples, and nobody painted it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.doctor.checks import shrunk
from asgnet.apply.examples.read import ONE_CLASS, read_examples
from asgnet.apply.fitting.partial import unpainted_pieces
from asgnet.types import IGNORE, Mask, Picture, Support, Unpainted

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter


class Completed(NamedTuple):
    """A proposal for an example: nobody has looked at it.

    Attributes:
        example: its number from 0.
        picture: ``h w 3`` uint8.
        mask: ``h w`` uint8 in {0, 1}: what was painted, and what looks like it.
        more: how many pieces were not painted.
    """

    example: int
    picture: Picture
    mask: Mask
    more: int


def fit_partly(segmenter: Segmenter, supports: Sequence[Support], unpainted: Sequence[Unpainted]) -> None:
    """Fit on examples of one class, whose masks have 255 where it is unknown what a pixel is."""
    segmenter.fit(
        [s.image for s in supports],
        [
            np.where(s.mask == IGNORE, 0, s.mask) if word == "unknown" else s.mask
            for s, word in zip(supports, unpainted, strict=True)
        ],
        unpainted=list(unpainted),
        background=[
            s.mask == 0 if word == "unknown" else None for s, word in zip(supports, unpainted, strict=True)
        ],
        keep_pictures=False,
    )


def look_alikes(
    segmenter: Segmenter, supports: Sequence[Support], unpainted: Sequence[Unpainted]
) -> list[NDArray[np.bool_] | None]:
    """Of each example ``h w``: the unpainted pieces that look like the object; None where it seems complete.

    Args:
        segmenter: fitted anew.
        supports: of one class, with 255 where it is unknown what a pixel is.
        unpainted: what their unpainted pixels are said to be; it is looked into, whatever is said.
    """
    uncertain: list[Unpainted] = ["unknown" if word == "unknown" else "auto" for word in unpainted]
    fit_partly(segmenter, supports, uncertain)
    found: list[NDArray[np.bool_] | None] = []
    for support, partial in zip(supports, segmenter.partly_painted, strict=True):
        if not partial:
            found.append(None)
            continue
        mask = support.mask
        possible = (mask != 0) if (mask == IGNORE).any() else True  # what is painted as background is none
        found.append(unpainted_pieces(mask == 1, segmenter.predict(support.image).mask & possible))
    return found


def completed(
    segmenter: Segmenter,
    images: Any,
    masks: Any,
    unpainted: Unpainted | Sequence[Unpainted] = "background",
    background: Any = None,
) -> Iterator[Completed]:
    """A proposal for each example of one class in which more of the object is unpainted.

    Args:
        segmenter: fitted anew.
        images: as for ``Segmenter.fit``.
        masks: as for ``Segmenter.fit``, of one class.
        unpainted: as for ``Segmenter.fit``.
        background: as for ``Segmenter.fit``.

    Raises:
        SupportError: an example cannot be used.
    """
    read = read_examples(images, masks, None, unpainted, background)
    supports = [
        Support(picture, mask, f"{i}")
        for i, (picture, mask) in enumerate(zip(read.pictures, read.masks[ONE_CLASS], strict=True))
        if mask is not None
    ]
    for support, pieces in zip(supports, look_alikes(segmenter, supports, read.unpainted), strict=True):
        if pieces is not None and pieces.any():
            mask = ((support.mask == 1) | pieces).astype(np.uint8)
            yield Completed(int(support.name), support.image, mask, count(pieces))


def counts(segmenter: Segmenter, supports: Sequence[Support], unpainted: Sequence[Unpainted]) -> list[int]:
    """How many pieces of each example look like the object and are unpainted."""
    small = [shrunk(support) for support in supports]
    return [0 if one is None else count(one) for one in look_alikes(segmenter, small, unpainted)]


def count(pieces: NDArray[np.bool_]) -> int:
    """Connected ones."""
    from scipy.ndimage import label

    return int(label(pieces)[1])
