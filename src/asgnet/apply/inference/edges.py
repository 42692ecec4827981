"""Edges: coarse logits follow the picture's own edges.

The network's grid has cells of two of its own pixels. In every window of that grid the logits are fitted by the
best linear function of the picture's colours, and that function is then evaluated at the picture's own pixels: the
fast guided filter with a colour guide (He et al., Guided Image Filtering, 2013; He and Sun, Fast Guided Filter,
2015). Single pixels whose colours stray leave specks and pinholes; what is much smaller than a cell the network
did not see, and is taken for what is around it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from asgnet.imaging.averages import cell_means, mean_around
from asgnet.imaging.components import small_pieces
from asgnet.imaging.regions import window
from asgnet.imaging.resize import resized
from asgnet.model.default.calibration import Calibration
from asgnet.types import Picture

AT_ONCE = 1 << 19
"""So many pixels at a time bound the memory that large pictures need."""


def follow_edges(
    logits: NDArray[np.float32], picture: Picture, thin: Sequence[bool], numbers: Calibration
) -> NDArray[np.float32]:
    """Logits at the picture's size, changing where its colours do.

    Args:
        logits: ``n h w`` of n classes, on a coarse grid.
        picture: ``H W 3`` uint8.
        thin: n; is the class a thin structure, of which a wide window would hold too many?
        numbers: of the windows.

    Returns:
        ``n H W``.
    """
    narrow = np.asarray(thin, bool)
    grid = [-(-side // numbers.window_step) for side in logits.shape[-2:]]
    colours = _channels(resized(picture, logits.shape[-2:]))
    linear = np.empty((len(logits), 4, *grid), np.float32)
    for radius, those in ((numbers.wide_window, ~narrow), (numbers.narrow_window, narrow)):
        if those.any():
            cells = max(round(radius * max(grid)), 1)
            linear[those] = _explained(colours, logits[those], grid, cells, numbers)
    height, width = picture.shape[:2]
    found = np.empty((len(logits), height, width), np.float32)
    rows = max(AT_ONCE // width, 1)
    for first in range(0, height, rows):
        part = _channels(picture[first : first + rows])  # 3 r W
        for own, whole in zip(linear, found[:, first : first + rows], strict=True):
            *slopes, offset = _stretched(own, first, part.shape[1], height, width)
            whole[:] = offset
            for slope, colour in zip(slopes, part, strict=True):
                whole += slope * colour
    return found


def close_specks(
    probability: NDArray[np.float32], grid: Sequence[int], numbers: Calibration
) -> NDArray[np.float32]:
    """The same probabilities without specks and pinholes where they are cut at one half.

    Args:
        probability: ``H W``, changed in place.
        grid: ``h w`` of the logits that it was made of.
        numbers: how small specks are.
    """
    least = numbers.speck * probability.size / (grid[0] * grid[1])
    found = probability > 0.5
    around = window(found)
    if least <= 1 or around is None:
        return probability
    top, bottom, left, right = around
    rim = int(least) + 1  # so wide that what surrounds the object is no hole
    near = np.s_[max(top - rim, 0) : bottom + rim, max(left - rim, 0) : right + rim]
    region, part = found[near], probability[near]
    specks = small_pieces(region, least)
    part[specks] = 0.5 - numbers.speck_margin
    part[small_pieces(~region | specks, least)] = 0.5 + numbers.speck_margin
    return probability


def _channels(picture: Picture) -> NDArray[np.float32]:
    """``h w 3`` uint8 -> ``3 h w`` in [0, 1]."""
    return np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32) / np.float32(255)


def _explained(
    colours: NDArray[np.float32],
    logits: NDArray[np.float32],
    grid: Sequence[int],
    radius: int,
    numbers: Calibration,
) -> NDArray[np.float32]:
    """``3 h w`` and ``n h w`` -> ``n 4 h' w'``: slopes and offset of the linear functions on a coarser grid,
    each averaged over all windows that a cell of it is in.
    """
    clipped = logits.clip(-numbers.edge_limit, numbers.edge_limit)

    def around(maps: NDArray[np.float32]) -> NDArray[np.float32]:
        return mean_around(cell_means(maps, grid), radius)

    mean, mean_logits = around(colours), around(clipped)
    # One after the other: of a wide strip all products together would take more memory than the strip.
    squares = np.stack([around(colour * colours) for colour in colours])  # 3 3 h w
    variance = (
        squares - mean[:, None] * mean + numbers.flat_variance * np.eye(3, dtype=np.float32)[..., None, None]
    )
    covariance = np.stack([around(one * colours) for one in clipped]) - mean_logits[:, None] * mean  # n 3 h w
    slopes = np.einsum("ijhw,njhw->nihw", _inverse(variance), covariance)
    offsets = mean_logits - (slopes * mean).sum(1)
    functions = mean_around(np.concatenate([slopes, offsets[:, None]], 1), radius)  # n 4 h' w'
    functions[:, 3] += cell_means(logits - clipped, grid)
    return functions


def _inverse(matrices: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of symmetric matrices ``3 3 h w``, by cofactors: a solver is slow on so many so small ones."""
    (a, b, c), (_, d, e), (_, _, f) = matrices
    cofactors = np.stack(
        [
            np.stack([d * f - e * e, c * e - b * f, b * e - c * d]),
            np.stack([c * e - b * f, a * f - c * c, b * c - a * e]),
            np.stack([b * e - c * d, b * c - a * e, a * d - b * b]),
        ]
    )
    return cofactors / (a * cofactors[0, 0] + b * cofactors[0, 1] + c * cofactors[0, 2])


def _stretched(
    maps: NDArray[np.float32], first: int, rows: int, height: int, width: int
) -> NDArray[np.float32]:
    """Rows from ``first`` on of ``c h w`` enlarged, bilinear, to ``height`` and ``width``: ``c r W``."""
    scale = maps.shape[1] / height
    box = (0, first * scale, maps.shape[2], (first + rows) * scale)
    found = np.empty((len(maps), rows, width), np.float32)
    for own, whole in zip(maps, found, strict=True):
        whole[:] = np.asarray(Image.fromarray(own).resize((width, rows), Image.Resampling.BILINEAR, box=box))
    return found
