"""Supports as fitting uses them and a Concept keeps them: small, with their hashes and superpixels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.concept.shots import Shot
from asgnet.apply.fitting.learn import Painted
from asgnet.apply.fitting.support_features import SupportFeatures
from asgnet.apply.inference.working_scale import stored_mask, stored_picture, working_mask, working_side
from asgnet.data.png import png_bytes
from asgnet.imaging.resize import spread_labels
from asgnet.types import Mask, Picture, Support


def stored_examples(
    pictures: Sequence[Picture], painted: Painted, side: int
) -> tuple[list[Picture], dict[str, list[Mask | None]]]:
    """Supports at :func:`~asgnet.apply.inference.working_scale.stored_size`: fitting uses nothing else of them."""
    masks = {
        name: [None if m is None else stored_mask(m, side) for m in own] for name, own in painted.items()
    }
    return [stored_picture(picture, side) for picture in pictures], masks


def shots_of(
    pictures: Sequence[Picture], painted: Painted, sizes: Sequence[Sequence[int]]
) -> tuple[Shot, ...]:
    """What a Concept keeps of :func:`stored_examples`; ``sizes`` are the pictures' own."""
    return tuple(
        Shot(
            png_bytes(picture),
            tuple(None if mask is None else png_bytes(mask) for mask in masks),
            (int(size[0]), int(size[1])),
        )
        for picture, masks, size in zip(pictures, zip(*painted.values(), strict=True), sizes, strict=True)
    )


def superpixels_of(
    features: SupportFeatures, fine: bool, masks: Sequence[Mask | None], supports: Sequence[Support]
) -> list[NDArray[np.int32]]:
    """Per support ``h w`` at its own size: the superpixel of its object, else -1.

    Args:
        features: of the k supports.
        fine: the class is at the fine working scale.
        masks: theirs, as the Concept keeps them, None where there is no object.
        supports: the same, at their own sizes.
    """
    backend = features.backend
    parts = [np.full(support.mask.shape, -1, np.int32) for support in supports]
    side = working_side(backend.side, fine)
    shown = [(i, working_mask(mask, side)) for i, mask in enumerate(masks) if mask is not None]
    first = 0
    for i, mask in shown:
        statistics, found = backend.statistics(features(i, fine), mask)
        numbered = np.where(found < 0, -1, found + first)
        first += len(statistics.object.prototypes)
        parts[i] = spread_labels(numbered, supports[i].mask)
    return parts


def picture_hash(picture: Picture) -> str:
    """SHA-256 of the pixels: the same picture in another file format has the same."""
    return hashlib.sha256(np.ascontiguousarray(picture).data).hexdigest()
