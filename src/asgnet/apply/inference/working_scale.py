"""At what size the network works on a picture, and in which windows.

Most classes are seen in one view: the picture's longer side at 512 network pixels. Thin structures may be seen at
a view half as large again, and small things in large pictures in windows of one view each, which overlap: see
:class:`~asgnet.apply.concept.scale.Scale`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from asgnet.apply.concept.scale import LARGER, Scale
from asgnet.imaging.resize import on_grid, resized
from asgnet.types import Box, Mask, Picture

STRIDE, LEAST = 32, 96
"""Views' sides are multiples of the one, and no less than the other."""
CELL = 4
"""Sides of what is joined of windows are multiples of so many network pixels, two of the logits' cells."""


class Layout(NamedTuple):
    """The windows on a picture.

    Attributes:
        size: ``(h, w)`` of the whole picture in network pixels.
        tops, lefts: where windows begin, in network pixels, from 0 on; there is one at each pair of them.
        window: ``(h, w)`` of each.
    """

    size: tuple[int, int]
    tops: tuple[int, ...]
    lefts: tuple[int, ...]
    window: tuple[int, int]

    @property
    def number(self) -> int:
        """Of windows."""
        return len(self.tops) * len(self.lefts)


def layout(size: Sequence[int], side: int, scale: Scale, overlap: float, shift: bool = False) -> Layout:
    """The windows on a picture at a working scale: a single one if it is no larger than a view.

    Args:
        size: ``(h, w)`` of the picture.
        side: of the usual view.
        scale: of a class.
        overlap: of neighbouring windows, in parts of one.
        shift: by half a step, to see whether that changes what is found.
    """
    view = max(round(side * scale.view / STRIDE) * STRIDE, STRIDE)
    zoom = network_zoom(size, side, scale)
    exact = [n * zoom for n in size]
    if max(exact) <= view:
        whole = working_size(size, round(side * scale.views)) if scale.views else _on_stride(exact)
        return Layout(whole, (0,), (0,), whole)
    step = view - round(view * overlap / STRIDE) * STRIDE
    axes = [_axis(n, view, step, shift) for n in exact]
    (h, tops), (w, lefts) = axes
    return Layout((h, w), tops, lefts, (min(h, view), min(w, view)))


def network_zoom(size: Sequence[int], side: int, scale: Scale) -> float:
    """Network pixels per pixel of a picture of ``(h, w)``."""
    return scale.zoom or side * scale.views / max(size)


def working_side(side: int, scale: Scale) -> int:
    """The longer side of a picture at a working scale of one view, where ``side`` is that at the usual one."""
    return round(side * scale.views)


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
    """``(h, w)`` of a picture as a Concept stores it: its own, or no more than the larger view needs."""
    most = working_side(side, LARGER)
    longest = max(*size, most)
    h, w = (max(round(n * most / longest), 1) for n in size)
    return h, w


def stored_picture(picture: Picture, side: int) -> Picture:
    """``h w 3`` -> at :func:`stored_size`. Whatever the network sees in one view is made of it."""
    size = stored_size(picture.shape[:2], side)
    return picture if size == picture.shape[:2] else resized(picture, size)


def stored_mask(mask: Mask, side: int) -> Mask:
    """``h w`` -> as :func:`stored_picture` its picture."""
    size = stored_size(mask.shape, side)
    return mask if size == mask.shape else on_grid(mask, size)


def picture_box(box: Sequence[int], size: Sequence[int], whole: Sequence[int]) -> Box:
    """The pixels of a picture of ``size`` that lie in a box of it at the size ``whole``, or partly."""
    top, left, bottom, right = box
    return (
        top * size[0] // whole[0],
        left * size[1] // whole[1],
        -(-bottom * size[0] // whole[0]),
        -(-right * size[1] // whole[1]),
    )


def _on_stride(exact: Sequence[float]) -> tuple[int, int]:
    h, w = (max(round(n / STRIDE) * STRIDE, LEAST) for n in exact)
    return h, w


def _axis(exact: float, view: int, step: int, shift: bool) -> tuple[int, tuple[int, ...]]:
    """Length of one side in network pixels, and where windows begin along it."""
    if exact <= view:
        return max(round(exact / STRIDE) * STRIDE, LEAST), (0,)
    length = max(round(exact / CELL) * CELL, view)
    last = length - view
    steps = -(-last // step)
    if shift:
        inner = [step // 2 // STRIDE * STRIDE + i * step for i in range(steps)]
        return length, tuple(sorted({0, last, *(n for n in inner if n < last)}))
    places = [round(i * last / steps / STRIDE) * STRIDE for i in range(steps)] if steps else []
    return length, tuple(sorted({*(n for n in places if n < last), last}))
