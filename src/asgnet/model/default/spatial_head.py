"""The spatial head: a small network on a pixel's features and on their means around it, fitted to one class.

The pixel head is linear and sees one pixel; the decoder has learned from photographs. What neither can tell, a
hidden layer on the same frozen features can learn from a few painted pictures. It works on the grid of stride 4, in
plain numpy: no graph and no torch is needed to fit it or to apply it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from asgnet.imaging.averages import cell_means, mean_around
from asgnet.imaging.resize import bilinear
from asgnet.model.default.calibration import Calibration

Array = NDArray[np.float32]
RADII = (0, 1, 4)
"""Means around a pixel are taken over so many cells of stride 8 to each side."""
CONTEXT = 64
"""Of so many channels, those of largest variance, the means are read."""
LIMIT = 4.0
"""Logits are cut there: the head is fitted to certainty on its examples and knows no more of others."""


class SpatialHead(NamedTuple):
    """One class's head.

    Attributes:
        basis: ``p c``, offset: ``p``; the levels' c channels projected to p of unit variance on the supports,
            those of largest variance in the levels first.
        hidden: ``q h``, hidden_bias: ``h``; of the channels, then of their means from near to far.
        output: ``h``, output_bias: ``()``.
    """

    basis: Array
    offset: Array
    hidden: Array
    hidden_bias: Array
    output: Array
    output_bias: Array


FAMILIAR, STRANGE = 1.1, 1.2
"""Mean squared channel of a picture, 1 on the supports, up to which a head is followed and from which it is not."""
WEIGHT = "spatial_weight"
"""Name of the weights in [0, 1] of n classes' heads, in concepts and among what decoding takes of classes."""


def stacked_heads(heads: Sequence[SpatialHead], weights: Sequence[float]) -> dict[str, NDArray]:
    """Heads and their weights as arrays ``n …`` by name."""
    arrays = {
        f"spatial_{name}": np.stack(own)
        for name, own in zip(SpatialHead._fields, zip(*heads, strict=True), strict=True)
    }
    return arrays | {WEIGHT: np.array(weights, np.float32)}


def split_heads(
    arrays: Mapping[str, NDArray],
) -> tuple[list[SpatialHead], list[float], dict[str, NDArray]]:
    """What :func:`stacked_heads` made, and the other arrays; no heads where there are none."""
    rest = {name: one for name, one in arrays.items() if not name.startswith("spatial_")}
    if WEIGHT not in arrays:
        return [], [], rest
    columns = [arrays[f"spatial_{name}"] for name in SpatialHead._fields]
    return [SpatialHead(*own) for own in zip(*columns, strict=True)], arrays[WEIGHT].tolist(), rest


def blank_head(channels: int, numbers: Calibration) -> SpatialHead:
    """A head of zeros, for levels of so many channels together."""
    width, hidden = numbers.spatial_channels, numbers.spatial_hidden
    inputs = width + len(RADII) * min(width, CONTEXT)
    shapes = ((width, channels), (width,), (inputs, hidden), (hidden,), (hidden,), ())
    return SpatialHead(*(np.zeros(shape, np.float32) for shape in shapes))


def levels_of(fine: Sequence[Array], maps: Sequence[Array]) -> list[Array]:
    """A picture's features as the head reads them, each ``c h w``, none finer than stride 4.

    Args:
        fine: ``1 c h w`` each, see :class:`~asgnet.model.default.pixel_head.FeatureMaps`.
        maps: the same.
    """
    grid = fine[1].shape[-2:]
    near = [cell_means(fine[0][0], grid), fine[1][0], cell_means(fine[2][0], grid)]
    return near + [_unit(one[0]) for one in maps[1:]]  # the first is the second of the fine ones


def projected(levels: Sequence[Array], basis: Array, offset: Array) -> Array:
    """Levels ``c h w`` -> ``p h w`` on the finest grid: from the coarsest on projected, added, enlarged."""
    found = np.zeros((len(basis), 1, 1), np.float32) + offset[:, None, None]
    ends = np.cumsum([len(level) for level in levels])
    coarse_first = sorted(zip(ends, levels, strict=True), key=lambda one: one[1][0].size)
    for end, level in coarse_first:
        weights = basis[:, end - len(level) : end]
        own = (weights @ level.reshape(len(level), -1)).reshape(-1, *level.shape[1:])
        found = own + (
            found if found.shape[1:] in (own.shape[1:], (1, 1)) else bilinear(found, own.shape[1:])
        )
    return found


def contexts(levels: Sequence[Array], basis: Array, offset: Array) -> list[Array]:
    """``p h w`` each, on the grid of stride 8: the means of the first channels around each cell, near to far."""
    finest = levels[1].shape[-2:]
    halved = [_halved(one) if one.shape[-2:] == finest else one for one in levels]
    around = projected(halved, basis[:CONTEXT], offset[:CONTEXT])
    return [mean_around(around, radius) if radius else around for radius in RADII]


def _halved(level: Array) -> Array:
    """``c h w`` of even sides averaged to half of them."""
    upper, lower = level[:, ::2], level[:, 1::2]
    return (upper[:, :, ::2] + upper[:, :, 1::2] + lower[:, :, ::2] + lower[:, :, 1::2]) / np.float32(4)


class SpatialLogits(NamedTuple):
    """What a spatial head finds in a picture.

    Attributes:
        logits: ``h w`` on the grid of stride 4, in [-LIMIT, LIMIT].
        familiarity: in [0, 1]: is the picture like the supports, so that the head knows anything of it?
    """

    logits: Array
    familiarity: float


def spatial_logits(levels: Sequence[Array], head: SpatialHead) -> SpatialLogits:
    """What one class's head finds in the picture of :func:`levels_of`."""
    around = contexts(levels, head.basis, head.offset)
    own, *others = np.split(head.hidden, len(head.basis) + np.arange(len(RADII)) * len(around[0]))
    of_means = [weights.T @ one.reshape(len(one), -1) for weights, one in zip(others, around, strict=True)]
    # What is linear in the levels is taken together, and no more channels enlarged than the hidden layer has.
    found = projected(levels, own.T @ head.basis, own.T @ head.offset + head.hidden_bias)
    found += bilinear(np.sum(of_means, axis=0).reshape(-1, *around[0].shape[1:]), found.shape[1:])
    logits = head.output @ np.maximum(found, 0).reshape(len(found), -1) + head.output_bias
    energy = float(np.mean(around[0] ** 2))
    familiarity = min(max((STRANGE - energy) / (STRANGE - FAMILIAR), 0.0), 1.0)
    return SpatialLogits(logits.reshape(found.shape[1:]).clip(-LIMIT, LIMIT), familiarity)


def fused(
    logits: Array, levels: Sequence[Array], heads: Sequence[SpatialHead], weights: Sequence[float]
) -> Array:
    """``n h w`` logits with those of n classes' spatial heads mixed in, each by its weight in [0, 1]."""
    found = logits.copy()
    for own, head, weight in zip(found, heads, weights, strict=True):
        if weight:
            found_here = spatial_logits(levels, head)
            weight *= found_here.familiarity
            own *= 1 - weight
            own += weight * bilinear(found_here.logits, own.shape)
    return found


def pixel_inputs(levels: Sequence[Array], basis: Array, offset: Array, cells: NDArray[np.intp]) -> Array:
    """``n q``: what the hidden layer reads at n cells of the grid of stride 4, numbered along rows."""
    grid = levels[1].shape[-2:]
    own = basis @ np.concatenate([at_cells(one, grid, cells) for one in levels]) + offset[:, None]
    around = [at_cells(one, grid, cells) for one in contexts(levels, basis, offset)]
    return np.concatenate([own, *around]).T


def _unit(level: Array) -> Array:
    """``c h w`` of unit length over channels."""
    return level / np.sqrt((level * level).sum(0)).clip(1e-12)


def at_cells(level: Array, grid: Sequence[int], cells: NDArray[np.intp]) -> Array:
    """``c h w`` interpolated at n cells of another grid, numbered along rows: ``c n``."""
    if tuple(level.shape[1:]) == tuple(grid):
        return level.reshape(len(level), -1)[:, cells]
    (top, bottom, down), (left, right, across) = (
        _between(place, side, to)
        for place, side, to in zip(np.divmod(cells, grid[1]), level.shape[1:], grid, strict=True)
    )
    upper = level[:, top, left] * (1 - across) + level[:, top, right] * across
    lower = level[:, bottom, left] * (1 - across) + level[:, bottom, right] * across
    return np.asarray(upper * (1 - down) + lower * down, np.float32)


def _between(place: NDArray[np.intp], side: int, to: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
    """The two rows of ``side`` between which a row of ``to`` lies, and how far from the first."""
    exact = ((place + 0.5) * side / to - 0.5).clip(0, side - 1)
    first = exact.astype(np.intp)
    return first, np.minimum(first + 1, side - 1), (exact - first).astype(np.float32)
