"""Masks and labels between a picture's own pixels and a network's grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from asgnet.data.images import squash_mask
from asgnet.types import Mask


def on_grid(mask: Mask, side: int) -> Mask:
    """``h w`` -> ``side side``, as :func:`squash_mask`; an object that falls between the grid's pixels keeps
    the ones that it lies in.
    """
    small = squash_mask(mask, side)
    if not (small == 1).any():
        rows, columns = (mask == 1).nonzero()
        small[rows * side // mask.shape[0], columns * side // mask.shape[1]] = 1
    return small


def spread_labels(labels: NDArray[np.integer], mask: Mask) -> NDArray[np.int32]:
    """``h' w'`` labels, -1 where there is none -> ``h w``: every object pixel takes the nearest one's.

    Args:
        labels: with at least one that is not -1.
        mask: ``h w``; where it is not 1 the answer is -1.
    """
    from scipy.ndimage import distance_transform_edt

    rows, columns = distance_transform_edt(labels < 0, return_distances=False, return_indices=True)
    return np.where(mask == 1, nearest(labels[rows, columns], mask.shape), -1).astype(np.int32)


def nearest(labels: NDArray[np.integer], size: Sequence[int]) -> NDArray[np.int32]:
    """``h' w'`` labels at another size."""
    rows, columns = (np.arange(to) * of // to for to, of in zip(size, labels.shape, strict=True))
    return labels.astype(np.int32)[:, columns][rows]  # in two steps: five times as fast as in one


def enlarge(logits: Tensor, size: Sequence[int]) -> NDArray[np.float32]:
    """``n h w`` logits -> ``n H W``, bilinear; h or w may be larger than H or W."""
    from torch.nn.functional import interpolate

    shrinks = logits.shape[-2] > size[0] or logits.shape[-1] > size[1]
    full = interpolate(logits[None].float(), tuple(size), mode="bilinear", antialias=shrinks)
    return full[0].numpy()
