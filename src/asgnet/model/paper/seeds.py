"""Where superpixels start: as many seeds as the object is large, far from its border and from each other.

Paper section 3.2 (adaptive number, eq. 5) and the seeding of MaskSLIC (Irving 2016).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
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
    superpixels = int((np.asarray(mask) == 1).sum()) / area
    return min(int(superpixels) if rounding == "floor" else round(superpixels), most)


def place_seeds(region: ArrayLike | Tensor, count: int, border: bool = True) -> NDArray[np.int64]:
    """Seeds inside a region, each the first pixel (in raster order) farthest from the border and from other seeds.

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
    masks: Tensor,
    area: int = 100,
    most: int = 5,
    rounding: Rounding = "floor",
    border: bool = True,
    zero_is_padding: bool = False,
) -> tuple[Tensor, Tensor]:
    """Seeds of a batch of masks, padded to ``most`` per mask.

    Args:
        masks: ``b h w`` on the feature grid; pixels equal to 1 are object.
        area: object pixels per prototype.
        most: upper bound.
        rounding: see :func:`count_prototypes`.
        border: see :func:`place_seeds`.
        zero_is_padding: the published behaviour, which counts the seeds by their rows other than 0 or their
            columns other than 0, whichever are more, and drops as many of the last as lie at 0.

    Returns:
        seeds: ``b n 2`` int64 (row, column), n = ``most``; padding is 0.
        valid: ``b n`` bool, the slots in use. Slot 0 always is: a mask too small for two superpixels (or
            empty) has one prototype, its average.
    """
    import torch  # those who place seeds in numpy have none

    from asgnet.model.paper.seeds_on_device import seeds_on_device

    if border and not zero_is_padding and masks.device.type != "cpu":
        return seeds_on_device(masks, area, most, rounding)
    regions = (masks == 1).cpu().numpy()
    seeds = np.zeros((len(regions), most, 2), np.int64)
    valid = np.zeros((len(regions), most), bool)
    valid[:, 0] = True
    for i, region in enumerate(regions):
        placed = place_seeds(region, count_prototypes(region, area, most, rounding), border)
        if zero_is_padding:
            placed = placed[: np.count_nonzero(placed, axis=0).max(initial=0)]
        seeds[i, : len(placed)] = placed
        valid[i, : len(placed)] = True
    return torch.from_numpy(seeds).to(masks.device), torch.from_numpy(valid).to(masks.device)
