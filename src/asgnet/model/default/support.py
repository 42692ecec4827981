"""One support in numpy: what the statistics graph takes of its mask, and what is kept of its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from asgnet.model.default.levels import Levels
from asgnet.model.default.mask_cells import Side

Array = NDArray[np.float32]
SIDES = ("object", "background")
INPUTS = ("share", "region", "seeds", "sample", "pixels", "deep")
"""Of each side: inputs of the statistics graph, see :class:`~asgnet.model.default.mask_cells.Side`."""
OUTPUTS = ("prototypes", "labels", "total", "gram", "cells", "pixel_gram", "logits")
"""Of each side: its outputs, see :class:`~asgnet.model.default.graphs.StatisticsGraph`."""


class SideOfSupport(NamedTuple):
    """Of the object, or of the background, of one support; C is all levels' channels side by side.

    Attributes:
        prototypes: ``n C``, n may be 0.
        total: ``C``, sum over the cells under their share.
        gram: ``w+1 w+1``, sum of the cells' outer products under their share.
        sample: ``s C`` float16, cells that stand for this side.
        shares: ``s``, theirs.
        cells: ``()``, how many cells have a share at all.
        pixel_gram: ``d+1 d+1``, sum of the outer products of the pixel head's pixels.
        logits: ``m``, the ImageNet classifier's.
    """

    prototypes: Array
    total: Array
    gram: Array
    sample: NDArray[np.float16]
    shares: Array
    cells: NDArray[np.int64]
    pixel_gram: Array
    logits: Array


class SupportStatistics(NamedTuple):
    """All that fitting needs of one support."""

    object: SideOfSupport
    background: SideOfSupport


def feed(sides: Sequence[Side]) -> dict[str, NDArray]:
    """Object and background as inputs by name; an empty list of cells becomes the first one, to be ignored."""
    arrays = {}
    for name, side in zip(SIDES, sides, strict=True):
        for key, values in side._asdict().items():
            arrays[f"{name}_{key}"] = values if len(values) else np.zeros(1, values.dtype)
    return arrays


def assembled(outputs: Mapping[str, NDArray], sides: Sequence[Side], levels: Levels) -> SupportStatistics:
    """The statistics graph's outputs by name, and what they were made from -> what is kept.

    Nothing is kept of a side that is nowhere, but zeros.
    """
    kept = []
    for name, side in zip(SIDES, sides, strict=True):
        prototypes, total, gram, sample, pixel_gram, logits = (
            outputs[f"{name}_{key}"] for key in OUTPUTS if key != "labels"
        )
        if len(side.seeds) < 2:
            prototypes = unit_levels(total[None], levels)
        count = np.count_nonzero(side.share)
        kept.append(
            SideOfSupport(
                prototypes[: len(prototypes) if count else 0],
                total,
                gram,
                sample[: len(side.sample)].astype(np.float16),
                side.share[side.sample],
                np.array(count),
                pixel_gram * bool(len(side.pixels)),
                logits * bool(count),
            )
        )
    return SupportStatistics(*kept)


def superpixels(outputs: Mapping[str, NDArray], side: Side, grid: Sequence[int]) -> NDArray[np.int32]:
    """``h w``: the prototype that each of the object's cells belongs to most, -1 elsewhere."""
    labels = np.full(grid[0] * grid[1], -1, np.int32)
    labels[side.region] = outputs["object_labels"][: len(side.region)] if len(side.seeds) > 1 else 0
    return labels.reshape(grid[0], grid[1])


def unit_levels(vectors: NDArray[np.floating], levels: Levels) -> Array:
    """``n C`` vectors, each level's part scaled to unit length."""
    return np.concatenate([unit(vectors[:, columns]) for columns in levels.columns], 1)


def unit(vectors: NDArray[np.floating]) -> Array:
    """``… c`` vectors scaled to unit length; zeros stay zeros."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True).clip(1e-12), np.float32)
