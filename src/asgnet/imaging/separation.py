"""Touching objects told apart: a watershed on the distance to the border, as examples teach it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Separation:
    """How the objects in a mask are told apart; called with a mask and its probability, it numbers them.

    All sizes are relative to the objects of the same mask: pictures may show them at any scale.

    Attributes:
        depth: by this share of its radius an object narrows where another begins, in (0, 1); 0: each
            connected piece is an object.
        smooth: by this share of the large objects' radius bumps of the outline are smoothed.
        least: pieces below this share of the typical area are no objects; of the typical area half of the
            mask lies in larger objects.
    """

    depth: float = 0.0
    smooth: float = 0.0
    least: float = 0.0

    def __call__(
        self, mask: NDArray[np.bool_], probability: NDArray[np.float32] | None = None
    ) -> NDArray[np.int32]:
        """``h w`` bool -> ``h w`` objects numbered from 1 without gaps; 0 is no object.

        Args:
            mask: what is to be divided.
            probability: not used.
        """
        from skimage.measure import label

        mask = np.asarray(mask, bool)
        labels = _watershed(mask, self.depth, self.smooth) if self.depth else label(mask, connectivity=1)
        return _without_small(labels, self.least)


def _watershed(mask: NDArray[np.bool_], depth: float, smooth: float) -> NDArray[np.int32]:
    """A basin for each hill of the distance to the border that rises by ``depth`` of its height."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter
    from skimage.measure import label
    from skimage.morphology import reconstruction
    from skimage.segmentation import watershed

    if not mask.any():
        return np.zeros(mask.shape, np.int32)
    distance = distance_transform_edt(mask)  # the frame is no border: it cuts objects off
    if smooth:
        distance = gaussian_filter(distance, smooth * float(np.percentile(distance[mask], 90))) * mask
    lowered = distance * (1 - depth)
    tops = (reconstruction(lowered, distance) <= lowered + 1e-6) & mask
    return watershed(-distance, label(tops), mask=mask)


def _without_small(labels: NDArray[np.integer], least: float) -> NDArray[np.int32]:
    """Labels from 1 without gaps, of the objects that are large enough."""
    areas = np.bincount(labels.ravel(), minlength=1)
    areas[0] = 0
    if not areas.any():
        return np.zeros(labels.shape, np.int32)
    ranked = np.sort(areas)
    typical = ranked[np.searchsorted(np.cumsum(ranked), areas.sum() / 2)]
    kept = (areas > 0) & (areas >= least * typical)
    return np.where(kept, np.cumsum(kept), 0).astype(np.int32)[labels]


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
