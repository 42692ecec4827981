"""Touching objects told apart by a watershed, as examples teach it: on the distance to the border, or on a map
of how deep inside an object each pixel lies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asgnet.imaging.interior import Interior
from asgnet.imaging.resize import bilinear, nearest

MOST_SIDE = 768
"""At most so long is a picture's longer side where depths are predicted: that of examples as they are kept."""

FEWEST_RATIOS = 4
"""Examples from which on the counts found in them say how far true ones may be off."""


@dataclass(frozen=True)
class Separation:
    """How the objects in a mask are told apart; called with a mask and its probability, it numbers them.

    Sizes are relative to the objects of the same mask: pictures may show them at any scale.

    Attributes:
        depth: by this share of its radius an object narrows where another begins, in (0, 1); 0: each
            connected piece is an object. With ``interior`` the depth falls by so much between two objects.
        smooth: by this share of the large objects' radius bumps of the outline are smoothed. With ``interior``
            by so many pixels.
        least: pieces below this share of the typical area are no objects; of the typical area half of the
            mask lies in larger objects.
        ratios: the least and the largest true count as a multiple of the found one, of examples left out; None:
            there were too few.
        interior: the numbers of an :class:`~asgnet.imaging.interior.Interior`; empty: only the outline counts.
    """

    depth: float = 0.0
    smooth: float = 0.0
    least: float = 0.0
    ratios: tuple[float, float] | None = None
    interior: tuple[float, ...] = ()

    @property
    def divides(self) -> bool:
        """Connected pieces may be several objects."""
        return bool(self.depth or self.interior)

    def __call__(
        self,
        mask: NDArray[np.bool_],
        probability: NDArray[np.float32] | None = None,
        grey: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.int32]:
        """``h w`` bool -> ``h w`` objects numbered from 1 without gaps; 0 is no object.

        Args:
            mask: what is to be divided.
            probability: ``h w``; without it, or without the picture, only the outline counts.
            grey: what :func:`small_grey` makes of the picture.
        """
        from skimage.measure import label

        mask = np.asarray(mask, bool)
        if self.interior and grey is not None and probability is not None:
            labels = self._by_interior(mask, probability, grey)
        elif self.depth:
            labels = _by_distance(mask, self.depth, self.smooth)
        else:
            labels = label(mask, connectivity=1)
        return _without_small(labels, self.least)

    def _by_interior(
        self, mask: NDArray[np.bool_], probability: NDArray[np.float32], grey: NDArray[np.uint8]
    ) -> NDArray[np.integer]:
        from scipy.ndimage import gaussian_filter

        small = bilinear(mask.astype(np.float32), grey.shape) > 0.5
        if not small.any():
            return _enlarged(np.zeros(grey.shape, np.int32), mask)
        inside = Interior.of(self.interior)(grey, small, bilinear(probability, grey.shape))
        heights = gaussian_filter(inside, self.smooth) * small
        return _enlarged(_watershed(heights, small, heights - self.depth), mask)


def small_grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``h w 3`` -> ``h' w'``, its luminance, the longer side at most 768."""
    from PIL import Image

    grey = Image.fromarray(picture).convert("L")
    grey.thumbnail((MOST_SIDE, MOST_SIDE), Image.Resampling.BILINEAR)
    return np.asarray(grey)


def _by_distance(mask: NDArray[np.bool_], depth: float, smooth: float) -> NDArray[np.int32]:
    """A basin for each hill of the distance to the border that rises by ``depth`` of its height."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    if not mask.any():
        return np.zeros(mask.shape, np.int32)
    distance = distance_transform_edt(mask)  # the frame is no border: it cuts objects off
    if smooth:
        distance = gaussian_filter(distance, smooth * float(np.percentile(distance[mask], 90))) * mask
    return _watershed(distance, mask, distance * (1 - depth))


def _watershed(heights: NDArray, mask: NDArray[np.bool_], lowered: NDArray) -> NDArray[np.int32]:
    """A basin for each hill that rises from its surroundings above ``lowered``."""
    from skimage.measure import label
    from skimage.morphology import reconstruction
    from skimage.segmentation import watershed

    tops = (reconstruction(lowered, heights) <= lowered + 1e-6) & mask
    return watershed(-heights, label(tops), mask=mask)


def _enlarged(labels: NDArray[np.int32], mask: NDArray[np.bool_]) -> NDArray[np.integer]:
    """Labels of the small picture in the mask's size: each pixel has the nearest one's.

    Pieces of the mask that the small picture has lost are objects of their own.
    """
    if labels.shape == mask.shape:
        return labels
    from scipy.ndimage import distance_transform_edt
    from skimage.measure import label

    pieces, large = label(mask, connectivity=1), nearest(labels, mask.shape)
    seen = np.bincount(pieces[large > 0], minlength=pieces.max() + 1) > 0
    if labels.any():
        at = distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
        large = nearest(labels[tuple(at)], mask.shape)
    lost = np.where(seen, 0, np.arange(len(seen)))[pieces]
    return np.where(mask, np.where(lost > 0, lost + labels.max(), large), 0)


def _without_small(labels: NDArray[np.integer], least: float) -> NDArray[np.int32]:
    """Labels from 1 without gaps, of the objects that are large enough."""
    areas = np.bincount(labels.ravel(), minlength=1)
    areas[0] = 0
    kept = large_enough(areas, least)
    return np.where(kept, np.cumsum(kept), 0).astype(np.int32)[labels]


def large_enough(areas: NDArray[np.integer], least: float) -> NDArray[np.bool_]:
    """Which of ``n`` areas are at least this share of the typical one: half of the whole lies in larger ones."""
    if not areas.any():
        return np.zeros(areas.shape, bool)
    ranked = np.sort(areas)
    typical = ranked[np.searchsorted(np.cumsum(ranked), areas.sum() / 2)]
    return (areas > 0) & (areas >= least * typical)


def renumbered(labels: NDArray[np.integer]) -> NDArray[np.int32]:
    """The same objects numbered from 1 without gaps."""
    return _without_small(labels, 0.0)


def match_iou(found: NDArray[np.integer], true: NDArray[np.integer]) -> NDArray[np.float64]:
    """IoU of every found object with every true one, ``n m``; labels count from 1 without gaps."""
    n, m = int(found.max(initial=0)), int(true.max(initial=0))
    pairs = np.bincount(found.ravel().astype(np.int64) * (m + 1) + true.ravel(), minlength=(n + 1) * (m + 1))
    shared = pairs.reshape(n + 1, m + 1)
    either = shared.sum(1)[1:, None] + shared.sum(0)[None, 1:] - shared[1:, 1:]
    return shared[1:, 1:] / np.maximum(either, 1)


def f1_at_half(found: NDArray[np.integer], true: NDArray[np.integer]) -> float:
    """Share of objects found at an IoU above one half: 2 · pairs / (found + true); 1 if there are none."""
    iou = match_iou(found, true)
    return 2 * int((iou > 0.5).sum()) / sum(iou.shape) if sum(iou.shape) else 1.0
