"""The seeds of :mod:`asgnet.model.paper.seeds` without waiting for a GPU: all masks at once, nothing comes back."""

from __future__ import annotations

import torch
from torch import Tensor


def seeds_on_device(masks: Tensor, area: int, most: int, rounding: str) -> tuple[Tensor, Tensor]:
    """As :func:`seed_masks` with a border, without waiting for a GPU: all masks at once, nothing comes back.

    The exact squared distance is a minimum along columns and then one along rows; the largest tensors are
    ``b h h w`` and ``b h w w``.
    """
    batch, height, width = masks.shape
    region = masks == 1
    distance = _all_squared_distances(region)  # b h w
    wanted = region.flatten(1).sum(1).double() / area
    count = (wanted.floor() if rounding == "floor" else wanted.round()).clamp(max=most)  # b
    used = torch.arange(most, device=masks.device) < count[:, None]  # b most
    row, column = torch.arange(height, device=masks.device), torch.arange(width, device=masks.device)
    pixels = height * width
    reverse = torch.arange(pixels - 1, -1, -1, device=masks.device)  # of equal ones the first wins
    seeds = torch.zeros(batch, most, 2, dtype=torch.int64, device=masks.device)
    for i in range(most):
        place = pixels - 1 - (distance.flatten(1) * pixels + reverse).amax(1) % pixels  # b
        y, x = (place // width)[:, None], (place % width)[:, None]
        seeds[:, i] = torch.cat([y, x], 1) * used[:, i : i + 1]
        to_seed = ((row - y) ** 2)[:, :, None] + ((column - x) ** 2)[:, None]  # b h w
        distance = torch.minimum(distance, to_seed)
    used[:, 0] = True
    return seeds, used


def _all_squared_distances(region: Tensor) -> Tensor:
    """``b h w`` bool -> squared distance of each pixel to the nearest one outside or beyond the grid."""
    height, width = region.shape[1:]
    far = (height + width + 2) ** 2
    padded = torch.nn.functional.pad(region, (1, 1, 1, 1))  # b h+2 w+2
    row, column = (torch.arange(n + 2, device=region.device) for n in (height, width))
    down = (row[:, None] - row) ** 2  # h+2 h+2
    across = (column[:, None] - column) ** 2
    nearest = (down[:, :, None] + far * padded[:, None]).amin(2)  # b h+2 w+2, within each column
    return (nearest[:, :, None] + across).amin(3)[:, 1:-1, 1:-1]
