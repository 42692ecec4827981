"""Windows of an example as fitting uses them: where small objects are, and where there are none.

Which windows are taken of an example depends on that example alone, so a Concept can keep them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from asgnet.apply.concept.scale import Scale
from asgnet.apply.inference.preprocess import view
from asgnet.apply.inference.working_scale import LEAST, STRIDE, Layout, layout, picture_box
from asgnet.data.read import ArrayParts
from asgnet.imaging.resize import nearest, resized
from asgnet.model.default.calibration import Calibration
from asgnet.types import Box, Mask, Picture


class Patch(NamedTuple):
    """A window of an example.

    Attributes:
        box: in the picture's own pixels.
        picture: ``h w 3`` in network pixels.
        mask: ``h w`` in {0, 1, 255}; there may be no object in it.
    """

    box: Box
    picture: Picture
    mask: Mask

    @property
    def zoom(self) -> float:
        """Network pixels per picture pixel, along the longer side: a strip is stretched across."""
        high, wide = self.box[2] - self.box[0], self.box[3] - self.box[1]
        return self.mask.shape[0] / high if high >= wide else self.mask.shape[1] / wide


def breadth(mask: Mask) -> float:
    """How broad what is painted is, in pixels.

    Six times the mean distance to its outline: a disc's diameter, one and a half times the width of a line.
    The picture's edge is no outline.

    Args:
        mask: ``h w`` in {0, 1, 255}, with object; pixels of value 255 count as part of it.
    """
    if mask.all():
        return float("inf")
    return float(6 * distance_transform_edt(mask)[mask == 1].mean())


def small_scale(mask: Mask, stored: Mask, side: int, numbers: Calibration) -> Scale | None:
    """At which scale an example's objects are as broad as windows should show them; None: one view shows them so.

    Args:
        mask: ``h w``, of the picture's own size.
        stored: the same as a Concept stores it: large objects are recognised there, at little cost.
        side: of the usual view.
        numbers: how broad they should be, and by how much windows must be closer than the one view.
    """
    longest = max(mask.shape)
    most = numbers.window_breadth * side / (512 * numbers.window_gain)  # in network pixels of one view
    if longest <= side * numbers.window_gain or breadth(stored) * side / max(stored.shape) > 2 * most:
        return None
    zoom = min(even_zoom(numbers.window_breadth * side / (512 * breadth(mask))), 1.0)
    return Scale(0.0, zoom) if zoom * longest >= side * numbers.window_gain else None


def even_zoom(zoom: float) -> float:
    """The next power of the square root of one half: so classes, and fits of other examples, share them."""
    return float(2 ** (round(2 * math.log2(zoom)) / 2))


def patches_of(picture: Picture, mask: Mask, scale: Scale, side: int, numbers: Calibration) -> list[Patch]:
    """The windows of an example that teach, a bounded number: such that show object, and such that show none.

    Args:
        picture: ``h w 3``.
        mask: ``h w``.
        scale: whose windows are meant.
        side: of the usual view.
        numbers: how many.
    """
    windows = layout(mask.shape, side, scale, numbers.window_overlap)
    boxes = [
        (top, left, top + windows.window[0], left + windows.window[1])
        for top in windows.tops
        for left in windows.lefts
    ]
    chosen = _chosen(boxes, mask, windows, numbers.window_supports)
    return [_patch(picture, mask, box, windows) for box in chosen]


def at_zoom(patch: Patch, zoom: float, side: int) -> Patch:
    """The same window at another zoom."""
    ratio = zoom / patch.zoom
    if abs(ratio - 1) < 0.02:
        return patch
    height, width = (min(max(round(n * ratio / STRIDE) * STRIDE, LEAST), 2 * side) for n in patch.mask.shape)
    return Patch(patch.box, resized(patch.picture, (height, width)), nearest(patch.mask, (height, width)))


def _chosen(boxes: Sequence[Box], mask: Mask, windows: Layout, most: int) -> list[Box]:
    """Of windows with object every so many-th by how much of it they show; of those without, spread evenly."""
    areas = np.array([_area(mask, box, windows) for box in boxes])
    shown = np.flatnonzero(areas)[np.argsort(-areas[areas > 0], kind="stable")]
    empty = np.flatnonzero(areas == 0)
    without = min(len(empty), max(most // 4, most - len(shown)))
    return [boxes[i] for i in sorted((*_spread(shown, most - without), *_spread(empty, without)))]


def _area(mask: Mask, box: Box, windows: Layout) -> int:
    """Object pixels in a window."""
    top, left, bottom, right = picture_box(box, mask.shape, windows.size)
    return int(np.count_nonzero(mask[top:bottom, left:right] == 1))


def _spread(values: NDArray[np.intp], most: int) -> list[int]:
    """At most ``most`` of them, from the first on at even distances."""
    if len(values) <= most:
        return values.tolist()
    return values[np.arange(most) * len(values) // max(most, 1)].tolist()


def _patch(picture: Picture, mask: Mask, box: Box, windows: Layout) -> Patch:
    (height, width), (h, w) = mask.shape, windows.size
    rows = (2 * np.arange(box[0], box[2]) + 1) * height // (2 * h)
    columns = (2 * np.arange(box[1], box[3]) + 1) * width // (2 * w)
    own = np.ascontiguousarray(mask[rows][:, columns])
    shown = view(ArrayParts(picture), windows.size, box)
    return Patch(picture_box(box, mask.shape, windows.size), shown, own)
