"""The working scale of a class: at what size the network works on pictures of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgnet.errors import UsageError

SCALE, BREADTH = "scale", "breadth"
"""Tensors ``n 3`` and ``n``, float64: the classes' working scales, and how broad their objects are at them."""
CLOSER = "closer"
"""Tensor ``n``, bool, of earlier asgnets: the classes whose pictures' longer side is half as long again."""

SIDE = 512
"""Of the shipped network's usual view, in pixels."""
LARGEST_ZOOM, MOST_VIEWS = 16.0, 256
"""Beyond them a scale is a mistake."""


@dataclass(frozen=True, order=True)
class Scale:
    """A working scale. Lengths are in sides of the network's usual view, 512 pixels.

    Attributes:
        views: how long the longer side of a picture is; 0: it is ``zoom`` that counts.
        zoom: network pixels per picture pixel, the same in every picture; 0: it is ``views`` that counts.
        view: side of a window. A picture that is larger is seen in several.
    """

    views: float = 1.0
    zoom: float = 0.0
    view: float = 1.0

    @property
    def in_windows(self) -> bool:
        """Are pictures, or large ones, seen in windows?"""
        return self.zoom > 0 or self.views > self.view

    def __str__(self) -> str:
        """In words."""
        window = round(self.view * SIDE)
        if self.zoom:
            return f"at {self.zoom:.0%} of each picture's own pixels, in windows of {window}"
        side = round(self.views * SIDE)
        return f"longer side at {side}" + f", in windows of {window}" * self.in_windows


USUAL, LARGER = Scale(), Scale(1.5, 0.0, 1.5)
"""Every picture at one view; at one view that is half as large again."""


def scales_to_arrays(scales: Sequence[Scale], breadths: Sequence[float]) -> dict[str, NDArray]:
    """One entry per class, for the Concept."""
    return {SCALE: np.array([astuple(one) for one in scales], float), BREADTH: np.array(breadths, float)}


def scales_of(arrays: Mapping[str, NDArray], classes: int) -> list[Scale]:
    """What :func:`scales_to_arrays` made for so many classes; files of earlier asgnets say less."""
    return [Scale(*map(float, row)) for row in with_scale(arrays, classes)[SCALE]]


def with_scale(arrays: Mapping[str, NDArray], classes: int) -> dict[str, NDArray]:
    """A concept's tensors as this asgnet has them, of those of any."""
    if SCALE in arrays:
        return dict(arrays)
    left = {name: array for name, array in arrays.items() if name != CLOSER}
    closer = arrays[CLOSER].tolist() if CLOSER in arrays else [False] * classes
    return left | scales_to_arrays([LARGER if one else USUAL for one in closer], [0.0] * classes)


def is_usual(arrays: Mapping[str, Any]) -> bool:
    """Do earlier asgnets understand these tensors alike?"""
    return SCALE not in arrays or bool((arrays[SCALE] == astuple(USUAL)).all())


def check_scale(scale: Scale) -> bool:
    """Is it one that fitting makes? A file of somebody else's may say anything."""
    views, zoom, view = astuple(scale)
    some = (views > 0) != (zoom > 0) and 0.25 <= view <= 8
    return some and 0 <= views <= MOST_VIEWS and 0 <= zoom <= LARGEST_ZOOM


AskedScale = float | tuple[float | None, int | None] | None
"""As ``Segmenter.fit`` takes it: a scale, or a scale and the side of windows, or nothing."""


def fixed_scale(asked_for: AskedScale, side: int) -> Scale | None:
    """The working scale that somebody asks for, see ``Segmenter.fit``; None if nothing is asked.

    Raises:
        UsageError: there is no such scale or window.
    """
    scale, window = asked_for if isinstance(asked_for, tuple) else (asked_for, None)
    if scale is None and window is None:
        return None
    view = 1.0 if window is None else window / side
    own = 1.0 if scale is None else float(scale)
    asked = Scale(0.0, own, view) if own <= LARGEST_ZOOM else Scale(own / side, 0.0, view)
    if scale is None:
        asked = Scale(view, 0.0, view)  # one view of that size
    if not check_scale(asked):
        raise UsageError(
            f"There is no scale {scale} with windows of {window or side}: give network pixels per picture pixel, up to "
            f"{LARGEST_ZOOM:g}, or the pixels of the longer side, up to {MOST_VIEWS * side}; windows of {side // 4} "
            f"to {8 * side} pixels."
        )
    return asked
