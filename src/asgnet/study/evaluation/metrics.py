"""What the field measures, in numpy. Pixels that the truth marks 255 never count, for or against anything.

Sources: mIoU and FB-IoU as in method section 6 (per class Σ intersections / Σ unions over the episodes);
boundary F as in DAVIS (Perazzi et al., CVPR 2016); ECE as in Guo et al., ICML 2017, for the object's
probability.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from asgnet.imaging.iou import Overlap, ratio, same_size
from asgnet.imaging.regions import edge, window
from asgnet.types import IGNORE, Mask

BOUNDARY_TOLERANCE = 0.0075
"""Boundary F forgives this part of the picture's diagonal (DAVIS: 0.8 %; at 500×375 it is 5 pixels)."""


def class_iou(overlaps: Iterable[tuple[int, Overlap]]) -> dict[int, float]:
    """Per class: the sum of its episodes' intersections over the sum of their unions.

    Args:
        overlaps: (class index, overlap) of each episode.
    """
    sums: dict[int, NDArray[np.int64]] = {}
    for target, one in overlaps:
        sums[target] = sums.get(target, np.zeros(2, np.int64)) + np.array(one[:2], np.int64)
    return {target: ratio(*sums[target]) for target in sorted(sums)}


def mean_iou(overlaps: Iterable[tuple[int, Overlap]]) -> float:
    """Mean over the classes of ``class_iou``."""
    return float(np.mean(list(class_iou(overlaps).values())))


def fb_iou(overlaps: Iterable[tuple[int, Overlap]]) -> float:
    """Mean of foreground and background IoU, each summed over all episodes whatever their class."""
    totals = np.sum([np.array(one, np.int64) for _, one in overlaps], axis=0)
    return (ratio(totals[0], totals[1]) + ratio(totals[2], totals[3])) / 2


def bootstrap_interval(
    values: Sequence[float], *, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of the mean, by resampling episodes with replacement (percentile method)."""
    from scipy.stats import bootstrap

    if len(values) < 2:
        return float(values[0]), float(values[0])
    found = bootstrap(
        (np.asarray(values, np.float64),), np.mean, n_resamples=resamples, method="percentile", batch=100,
        random_state=np.random.default_rng(seed),
    ).confidence_interval  # fmt: skip
    return float(found.low), float(found.high)


def boundary_f(predicted: NDArray, truth: Mask, tolerance: float | None = None) -> float:
    """F of the boundaries: how much of either edge lies within a tolerance of the other.

    Ignored pixels take the prediction's side, so an edge drawn anywhere inside a void band is right.

    Args:
        predicted: ``h w``, non-zero where the object was found.
        truth: ``h w`` in {0, 1, 255}.
        tolerance: pixels (Euclidean); None: 0.75 % of the diagonal, at least 1.

    Returns:
        In [0, 1]; 1 where neither has an edge, 0 where one alone has.
    """
    same_size(predicted, truth)
    found = predicted != 0
    there = np.where(truth == IGNORE, found, truth == 1)
    if tolerance is None:
        tolerance = max(1.0, round(BOUNDARY_TOLERANCE * float(np.hypot(*truth.shape))))
    found, there = _crop_to_both(found, there, margin=int(tolerance) + 2)
    edges = edge(found, 1), edge(there, 1)
    if not edges[0].any() or not edges[1].any():
        return float(edges[0].any() == edges[1].any())
    precision = _near(edges[0], edges[1], tolerance)
    recall = _near(edges[1], edges[0], tolerance)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@dataclass
class Calibration:
    """Expected calibration error of the object's probability, over pixels, in equal bins; add as you go.

    Attributes:
        bins: how many equal bins [0, 1] is cut in.
    """

    bins: int = 15
    _pixels: NDArray[np.float64] = field(init=False)
    _probability: NDArray[np.float64] = field(init=False)
    _object: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        self._pixels, self._probability, self._object = np.zeros((3, self.bins))

    def add(self, probability: NDArray, truth: Mask) -> None:
        """Count one picture: ``h w`` probabilities in [0, 1] and ``h w`` truth in {0, 1, 255}."""
        same_size(probability, truth)
        counted = truth != IGNORE
        chance, there = probability[counted].astype(np.float64), truth[counted] == 1
        place = np.clip((chance * self.bins).astype(np.int64), 0, self.bins - 1)
        self._pixels += np.bincount(place, minlength=self.bins)
        self._probability += np.bincount(place, chance, self.bins)
        self._object += np.bincount(place, there, self.bins)

    @property
    def error(self) -> float:
        """Mean over pixels of |mean probability − share of object| of their bin; 0 before any pixel."""
        total = self._pixels.sum()
        return float(np.abs(self._probability - self._object).sum() / total) if total else 0.0


def auroc(present: Sequence[float], absent: Sequence[float]) -> float:
    """Probability that a picture with the object scores above one without (ties count half)."""
    from scipy.stats import mannwhitneyu

    return float(mannwhitneyu(present, absent, method="asymptotic").statistic / (len(present) * len(absent)))


def confusion(predicted: NDArray, truth: NDArray, classes: int) -> NDArray[np.int64]:
    """Pixels per (true, predicted) class of one picture with several classes, ``classes classes``.

    Args:
        predicted: ``h w`` in 0 … classes − 1.
        truth: ``h w`` in 0 … classes − 1, or 255.
        classes: the background included.
    """
    same_size(predicted, truth)
    counted = truth != IGNORE
    pairs = truth[counted].astype(np.int64) * classes + predicted[counted].astype(np.int64)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def overlaps_of(table: NDArray[np.int64], targets: Sequence[int]) -> Mapping[int, Overlap]:
    """A confusion table's classes 1 … N as one Overlap each, under the class indices they stand for."""
    total = int(table.sum())
    rows = {}
    for place, target in enumerate(targets, 1):
        both = int(table[place, place])
        either = int(table[place].sum() + table[:, place].sum()) - both
        rows[target] = Overlap(both, either, total - either, total - both)
    return rows


def _near(edge: NDArray[np.bool_], other: NDArray[np.bool_], tolerance: float) -> float:
    """Share of the edge's pixels that have a pixel of the other edge within the tolerance."""
    from scipy.ndimage import distance_transform_edt

    return float((distance_transform_edt(~other)[edge] <= tolerance).mean())


def _crop_to_both(
    found: NDArray[np.bool_], there: NDArray[np.bool_], margin: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Both masks cut to the box that holds them and a margin: the same edges, less to measure."""
    edges = window(found | there)
    if edges is None:
        return found, there
    top, bottom, left, right = edges
    box = np.s_[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin]
    return found[box], there[box]
