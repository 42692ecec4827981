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

from asgnet.imaging.averages import cell_means, mean_around
from asgnet.imaging.components import small_pieces
from asgnet.imaging.regions import window
from asgnet.imaging.resize import resized, stretched
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
    grid = logits.shape[-2:]
    linear = edge_functions(resized(picture, grid), logits, thin, max(_coarse(grid, numbers)), numbers)
    return along_edges(linear, picture, (0, len(picture)), picture.shape[:2])


def edge_functions(
    colours: Picture,
    logits: NDArray[np.float32],
    thin: Sequence[bool],
    longest: int,
    numbers: Calibration,
) -> NDArray[np.float32]:
    """``n 4 h' w'``: per cell of a coarser grid, slopes and offset of the logits as a function of colours.

    Args:
        colours: ``h w 3``, the picture on the logits' grid.
        logits: ``n h w``.
        thin: as for :func:`follow_edges`.
        longest: cells of the coarser grid along the longer side of a view; windows of the filter are parts of it.
        numbers: of the windows.
    """
    narrow, grid = np.asarray(thin, bool), _coarse(logits.shape[-2:], numbers)
    values = _channels(colours)
    linear = np.empty((len(logits), 4, *grid), np.float32)
    for radius, those in ((numbers.wide_window, ~narrow), (numbers.narrow_window, narrow)):
        if those.any():
            cells = max(round(radius * longest), 1)
            linear[those] = _explained(values, logits[those], grid, cells, numbers)
    return linear


def along_edges(
    linear: NDArray[np.float32],
    picture: Picture,
    rows: tuple[int, int],
    size: Sequence[int],
    top: int = 0,
    height: int = 0,
) -> NDArray[np.float32]:
    """``n r W``: some rows of a picture, by the functions that :func:`edge_functions` made.

    Args:
        linear: ``n 4 h' w'``: all rows of the coarser grid, or those from ``top`` on of its ``height``.
        picture: ``r W 3``, those rows of it.
        rows: the first one, and the one behind the last.
        size: ``(H, W)`` of the whole.
        top: see ``linear``.
        height: see ``linear``; 0: it is all rows.
    """
    found = np.empty((len(linear), *picture.shape[:2]), np.float32)
    at_once = max(AT_ONCE // size[1], 1)
    for first in range(rows[0], rows[1], at_once):
        own = (first, min(first + at_once, rows[1]))
        inside = slice(first - rows[0], own[1] - rows[0])
        part = _channels(picture[inside])  # 3 r W
        for one, whole in zip(linear, found[:, inside], strict=True):
            *slopes, offset = stretched(one, own, size, top, height)
            whole[:] = offset
            for slope, colour in zip(slopes, part, strict=True):
                whole += slope * colour
    return found


def _coarse(grid: Sequence[int], numbers: Calibration) -> list[int]:
    """``h' w'`` of the grid of functions, of logits on a grid ``h w``."""
    return [-(-side // numbers.window_step) for side in grid]


def speck_size(size: Sequence[int], grid: Sequence[int], numbers: Calibration) -> float:
    """In pixels of a picture of ``(H, W)`` whose logits have a grid ``h w``."""
    return numbers.speck * size[0] * size[1] / (grid[0] * grid[1])


def close_specks(probability: NDArray[np.float32], least: float, numbers: Calibration) -> NDArray[np.float32]:
    """The same probabilities without specks and pinholes where they are cut at one half.

    Args:
        probability: ``H W``, changed in place.
        least: specks are of fewer pixels, see :func:`speck_size`.
        numbers: what is closed is how far from one half.
    """
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
