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
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from asgnet.imaging.components import small_pieces
from asgnet.imaging.regions import window
from asgnet.model.default.calibration import Calibration
from asgnet.model.default.grids import average, mean_around
from asgnet.types import Picture

AT_ONCE = 1 << 19
"""So many pixels at a time bound the memory that large pictures need."""


def follow_edges(
    logits: Tensor, picture: Picture, thin: Sequence[bool], numbers: Calibration
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
    logits, narrow = logits.float(), torch.tensor(thin)
    colours = _colours(picture, logits.shape[-2:])
    grid = [-(-side // numbers.window_step) for side in logits.shape[-2:]]
    linear = logits.new_empty(len(logits), 4, *grid)
    for radius, those in ((numbers.wide_window, ~narrow), (numbers.narrow_window, narrow)):
        if those.any():
            cells = max(round(radius * max(grid)), 1)
            linear[those] = _explained(colours, logits[those], grid, cells, numbers)
    height, width = picture.shape[:2]
    found = np.empty((len(logits), height, width), np.float32)
    rows = max(AT_ONCE // width, 1)
    for first in range(0, height, rows):
        part = np.ascontiguousarray(picture[first : first + rows])
        colours = torch.from_numpy(part).permute(2, 0, 1).contiguous().float().div_(255)  # 3 r W
        *slopes, offset = _stretch(linear, first, len(part), height, width).unbind(1)  # of n r W
        for slope, colour in zip(slopes, colours, strict=True):
            offset = torch.addcmul(offset, slope, colour)
        found[:, first : first + rows] = offset.numpy()
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


def _colours(picture: Picture, grid: torch.Size) -> Tensor:
    """``3 h w`` in [0, 1]: a picture's mean colours in each cell."""
    whole = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None]
    small = F.interpolate(whole, tuple(grid), mode="bilinear", antialias=True)
    return small[0].float() / 255


def _explained(
    colours: Tensor, logits: Tensor, grid: Sequence[int], radius: int, numbers: Calibration
) -> Tensor:
    """``3 h w`` and ``n h w`` -> ``n 4 h' w'``: slopes and offset of the linear functions on a coarser grid,
    each averaged over all windows that a cell of it is in.
    """
    limited, count = logits.clamp(-numbers.edge_limit, numbers.edge_limit), len(logits)

    def around(maps: Tensor) -> Tensor:
        return mean_around(average(maps, grid), radius)

    mean, mean_limited = around(colours), around(limited)
    squares = around((colours[:, None] * colours).flatten(0, 1)).unflatten(0, (3, 3))
    variance = (
        squares - mean[:, None] * mean + numbers.flat_variance * torch.eye(3)[..., None, None]
    )  # 3 3 h w
    products = around((limited[:, None] * colours).flatten(0, 1)).unflatten(0, (count, 3))
    covariance = products - mean_limited[:, None] * mean  # n 3 h w
    slopes = torch.einsum("ijhw,njhw->nihw", _inverse(variance), covariance)
    offsets = mean_limited - (slopes * mean).sum(1)
    functions = mean_around(torch.cat([slopes, offsets[:, None]], 1), radius)  # n 4 h' w'
    functions[:, 3] += average(logits - limited, grid)
    return functions


def _inverse(matrices: Tensor) -> Tensor:
    """Of symmetric matrices ``3 3 h w``, by cofactors: a solver is slow on so many so small ones."""
    (a, b, c), (_, d, e), (_, _, f) = matrices
    rows = [
        [d * f - e * e, c * e - b * f, b * e - c * d],
        [c * e - b * f, a * f - c * c, b * c - a * e],
        [b * e - c * d, b * c - a * e, a * d - b * b],
    ]
    determinant = a * rows[0][0] + b * rows[0][1] + c * rows[0][2]
    return torch.stack([torch.stack(row) for row in rows]) / determinant


def _stretch(maps: Tensor, first: int, rows: int, height: int, width: int) -> Tensor:
    """Rows from ``first`` on of ``n c h w`` enlarged, bilinear, to ``height`` and ``width``: ``n c r W``."""
    if rows == height:
        return F.interpolate(maps, (height, width), mode="bilinear")
    place = ((torch.arange(first, first + rows) + 0.5) * maps.shape[2] / height - 0.5).clamp(min=0)
    above = place.long()
    below = (above + 1).clamp(max=maps.shape[2] - 1)
    between = (place - above)[:, None]
    chosen = torch.lerp(maps[:, :, above], maps[:, :, below], between)  # n c r w
    return F.interpolate(chosen, (rows, width), mode="bilinear")
