"""Pictures, masks and labels between a picture's own pixels and a network's grid.

The network sees pictures at one of two sizes. The closer one is half as large again: for what is fine, as
threads, letters and cracks are, which at the usual size are a few cells wide and lost among them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from asgnet.imaging.resize import nearest, resized
from asgnet.types import Mask, Picture

STRIDE, LEAST = 32, 96
"""Sides of what the network sees are multiples of the one, and no less than the other."""


def seen_size(size: Sequence[int], side: int) -> tuple[int, int]:
    """At what ``(h, w)`` the network sees a picture: in its own proportions, the longer side at ``side``.

    They are kept to half a stride; beyond 2 : 1 the shorter side is stretched, for a strip would show little.
    The network has learnt from squares, but from crops of any proportions.

    Args:
        size: ``(h, w)`` of the picture.
        side: a multiple of ``STRIDE``.
    """
    least, longest = min(max(side // 2 // STRIDE * STRIDE, LEAST), side), max(size)
    h, w = (max(round(n * side / (longest * STRIDE)) * STRIDE, least) for n in size)
    return h, w


def breadth(mask: Mask) -> float:
    """How broad what is painted is, as a share of the picture's longer side.

    Six times the mean distance to its outline: a disc's diameter, one and a half times the width of a line.
    The picture's edge is no outline.

    Args:
        mask: ``h w`` in {0, 1, 255}, with object; pixels of value 255 count as part of it.
    """
    from scipy.ndimage import distance_transform_edt

    if mask.all():
        return float("inf")
    return float(6 * distance_transform_edt(mask)[mask == 1].mean() / max(mask.shape))


def side_of(side: int, closer: bool) -> int:
    """The longer side of what the network sees, where ``side`` is the usual one."""
    return 3 * side // 2 if closer else side


def seen_picture(picture: Picture, side: int) -> Picture:
    """``h w 3`` -> as the network sees it, see :func:`seen_size`."""
    return resized(picture, seen_size(picture.shape[:2], side))


def seen_mask(mask: Mask, side: int) -> Mask:
    """``h w`` -> as :func:`seen_picture` its picture."""
    return on_grid(mask, seen_size(mask.shape, side))


def kept_size(size: Sequence[int], side: int) -> tuple[int, int]:
    """``(h, w)`` of a picture as a Concept keeps it: its own, unless even closer less is seen of it."""
    most = side_of(side, closer=True)
    longest = max(*size, most)
    h, w = (max(round(n * most / longest), 1) for n in size)
    return h, w


def kept(picture: Picture, side: int) -> Picture:
    """``h w 3`` -> at :func:`kept_size`. Whatever the network sees is made of it."""
    size = kept_size(picture.shape[:2], side)
    return picture if size == picture.shape[:2] else resized(picture, size)


def kept_mask(mask: Mask, side: int) -> Mask:
    """``h w`` -> as :func:`kept` its picture."""
    size = kept_size(mask.shape, side)
    return mask if size == mask.shape else on_grid(mask, size)


def on_grid(mask: Mask, size: Sequence[int]) -> Mask:
    """``h w`` -> ``h' w'``, as :func:`~asgnet.imaging.resize.nearest`; an object that falls between the grid's
    pixels keeps the ones that it lies in.
    """
    small = nearest(mask, size)
    if not (small == 1).any():
        rows, columns = (mask == 1).nonzero()
        small[rows * size[0] // mask.shape[0], columns * size[1] // mask.shape[1]] = 1
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


def enlarge(logits: Tensor, size: Sequence[int]) -> NDArray[np.float32]:
    """``n h w`` logits -> ``n H W``, bilinear; h or w may be larger than H or W."""
    from torch.nn.functional import interpolate

    shrinks = logits.shape[-2] > size[0] or logits.shape[-1] > size[1]
    full = interpolate(logits[None].float(), tuple(size), mode="bilinear", antialias=shrinks)
    return full[0].numpy()
