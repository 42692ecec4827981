"""Where superpixels start: as many seeds as the object is large, far from its border and from each other.

Paper section 3.2 (adaptive number, eq. 5) and the seeding of MaskSLIC (Irving 2016).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

Rounding = Literal["floor", "round"]


def count_prototypes(
    mask: ArrayLike | Tensor, area: int = 100, most: int = 5, rounding: Rounding = "floor"
) -> int:
    """Number of prototypes a mask deserves: ``min(object pixels / area, most)`` (eq. 5).

    Args:
        mask: ``h w`` on the feature grid; pixels equal to 1 (or True) are object, all others (255) are not.
        area: object pixels per prototype.
        most: upper bound.
        rounding: ``"floor"`` as in the paper; ``"round"`` half to even, as in the published code.

    Returns:
        An integer in [0, most]; 0 and 1 both mean that one average describes the object.
    """
    share = int((np.asarray(mask) == 1).sum()) / area
    return min(int(share) if rounding == "floor" else round(share), most)


def place_seeds(region: ArrayLike | Tensor, count: int, border: bool = True) -> NDArray[np.int64]:
    """Seeds inside a region, each the first pixel (in raster order) farthest from border and earlier seeds.

    One distance transform in all: a new seed only lowers distances, by those to itself.

    Args:
        region: ``h w``, non-zero inside.
        count: seeds wanted; fewer come back if the region has fewer pixels.
        border: True: beyond the grid lies background. False: the published behaviour, where the region is
            cropped to its bounding box first and nothing lies beyond it, so that seeds may sit on the box.

    Returns:
        ``count 2`` int64, (row, column).
    """
    inside: NDArray[np.bool_] = np.asarray(region) != 0
    count = min(count, int(inside.sum()))
    seeds = np.zeros((max(count, 0), 2), np.int64)
    if count <= 0:
        return seeds
    rows, columns = (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
    corner = np.array([rows[0], columns[0]])
    inside = inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    distance = _squared_distance(inside, border)  # h w
    row, column = np.ogrid[: inside.shape[0], : inside.shape[1]]
    # A region without any background has distances to nowhere, good for the first seed only.
    drop = not border and inside.all()
    for i in range(count):
        y, x = np.unravel_index(distance.argmax(), distance.shape)
        seeds[i] = y, x
        to_seed = (row - y) ** 2 + (column - x) ** 2
        distance = to_seed if drop and i == 0 else np.minimum(distance, to_seed)
    return seeds + corner


def _squared_distance(region: NDArray[np.bool_], border: bool) -> NDArray[np.int64]:
    """Squared Euclidean distance of each pixel to the nearest one outside the region (0 outside): exact."""
    from scipy.ndimage import distance_transform_edt

    if border:
        return _squared_distance(np.pad(region, 1), False)[1:-1, 1:-1]
    return np.rint(distance_transform_edt(region) ** 2).astype(np.int64)


def seed_masks(
    masks: Tensor, area: int = 100, most: int = 5, rounding: Rounding = "floor", border: bool = True
) -> tuple[Tensor, Tensor]:
    """Seeds of a batch of masks, padded to ``most`` per mask.

    Args:
        masks: ``b h w`` on the feature grid; pixels equal to 1 are object.
        area: object pixels per prototype.
        most: upper bound.
        rounding: see :func:`count_prototypes`.
        border: see :func:`place_seeds`.

    Returns:
        seeds: ``b n 2`` int64 (row, column), n = ``most``; padding is 0.
        valid: ``b n`` bool, the slots in use. Slot 0 always is: a mask too small for two superpixels (or
            empty) has one prototype, its average.
    """
    if border and masks.device.type != "cpu":
        return seeds_on_device(masks, area, most, rounding)
    regions = (masks == 1).cpu().numpy()
    seeds = np.zeros((len(regions), most, 2), np.int64)
    valid = np.zeros((len(regions), most), bool)
    valid[:, 0] = True
    for i, region in enumerate(regions):
        placed = place_seeds(region, count_prototypes(region, area, most, rounding), border)
        seeds[i, : len(placed)] = placed
        valid[i, : len(placed)] = True
    return torch.from_numpy(seeds).to(masks.device), torch.from_numpy(valid).to(masks.device)


def seeds_on_device(masks: Tensor, area: int, most: int, rounding: Rounding) -> tuple[Tensor, Tensor]:
    """As :func:`seed_masks` with a border, without waiting for a GPU: all masks at once, nothing comes back.

    The exact squared distance is a minimum along columns and then one along rows; the largest tensors are
    ``b h h w`` and ``b h w w``.
    """
    batch, height, width = masks.shape
    region = masks == 1
    distance = _all_squared_distances(region)  # b h w
    share = region.flatten(1).sum(1).double() / area
    count = (share.floor() if rounding == "floor" else share.round()).clamp(max=most)  # b
    used = torch.arange(most, device=masks.device) < count[:, None]  # b most
    row, column = torch.arange(height, device=masks.device), torch.arange(width, device=masks.device)
    pixels = height * width
    earlier = torch.arange(pixels - 1, -1, -1, device=masks.device)  # of equal ones the first wins
    seeds = torch.zeros(batch, most, 2, dtype=torch.int64, device=masks.device)
    for i in range(most):
        place = pixels - 1 - (distance.flatten(1) * pixels + earlier).amax(1) % pixels  # b
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
