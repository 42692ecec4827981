"""At what size the network works on a picture.

A class has one of two working scales. The fine one is half as large again: for thin structures, as threads,
letters and cracks are, which at the usual one are a few cells wide and lost among them.
"""

from __future__ import annotations

from collections.abc import Sequence

from asgnet.imaging.resize import on_grid, resized
from asgnet.types import Mask, Picture

STRIDE, LEAST = 32, 96
"""Working sides are multiples of the one, and no less than the other."""


def working_side(side: int, fine: bool) -> int:
    """The longer side of a picture at a working scale, where ``side`` is that at the usual one."""
    return 3 * side // 2 if fine else side


def working_size(size: Sequence[int], side: int) -> tuple[int, int]:
    """At what ``(h, w)`` the network works on a picture: in its own proportions, the longer side at ``side``.

    They are kept to half a stride; beyond 2 : 1 the shorter side is stretched, for a strip would show little.
    The network has learned from squares, but from crops of any proportions.

    Args:
        size: ``(h, w)`` of the picture.
        side: a multiple of ``STRIDE``.
    """
    least, longest = min(max(side // 2 // STRIDE * STRIDE, LEAST), side), max(size)
    h, w = (max(round(n * side / (longest * STRIDE)) * STRIDE, least) for n in size)
    return h, w


def working_picture(picture: Picture, side: int) -> Picture:
    """``h w 3`` -> at :func:`working_size`."""
    return resized(picture, working_size(picture.shape[:2], side))


def working_mask(mask: Mask, side: int) -> Mask:
    """``h w`` -> as :func:`working_picture` its picture."""
    return on_grid(mask, working_size(mask.shape, side))


def stored_size(size: Sequence[int], side: int) -> tuple[int, int]:
    """``(h, w)`` of a picture as a Concept stores it: its own, or no more than the fine scale needs."""
    most = working_side(side, fine=True)
    longest = max(*size, most)
    h, w = (max(round(n * most / longest), 1) for n in size)
    return h, w


def stored_picture(picture: Picture, side: int) -> Picture:
    """``h w 3`` -> at :func:`stored_size`. Whatever the network sees is made of it."""
    size = stored_size(picture.shape[:2], side)
    return picture if size == picture.shape[:2] else resized(picture, size)


def stored_mask(mask: Mask, side: int) -> Mask:
    """``h w`` -> as :func:`stored_picture` its picture."""
    size = stored_size(mask.shape, side)
    return mask if size == mask.shape else on_grid(mask, size)
