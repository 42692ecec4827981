"""What a prediction says, taken apart: classes, the single objects of each, and what is measured of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.inference.postprocess import PRESENT
from asgnet.imaging.components import small_pieces
from asgnet.imaging.regions import box
from asgnet.imaging.units import PIXELS, PixelSize
from asgnet.types import Box, Instance, Picture, Prediction, Separate


class ClassRegion(NamedTuple):
    """One class in a prediction: ``region`` is ``h w`` bool, ``probability`` ``h w`` in [0, 1]."""

    name: str
    region: NDArray[np.bool_]
    probability: NDArray[np.float32]
    presence: float


class FoundObjects(Protocol):
    """What files of outlines and measures take of a result, of a picture of any size; see :class:`ResultView`."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def link(self) -> str: ...  # noqa: D102
    @property
    def simplify(self) -> float: ...  # noqa: D102
    @property
    def pixel_size(self) -> PixelSize: ...  # noqa: D102
    @property
    def size(self) -> tuple[int, int]: ...  # noqa: D102
    @property
    def presences(self) -> dict[str, float]: ...  # noqa: D102
    @property
    def objects(self) -> list[Instance]: ...  # noqa: D102
    def colours(self, box: Box) -> Picture: ...  # noqa: D102


@dataclass(frozen=True)
class ResultView:
    """A prediction with all that its files need to know.

    Attributes:
        prediction: at the picture's own size.
        picture: ``h w 3`` uint8.
        name: of the picture, as files that name their picture should call it.
        link: the way to the picture from where its own files lie, if there is one.
        apart: the objects are those of ``prediction.instances``, else all of a class in a picture is one.
        simplify: how many pixels an outline may stray from the mask; 0 is exact.
        pixel_size: what its measures are in.
    """

    prediction: Prediction
    picture: Picture
    name: str = ""
    link: str = ""
    apart: bool = False
    simplify: float = 0.0
    pixel_size: PixelSize = PIXELS

    @property
    def size(self) -> tuple[int, int]:
        """``(h, w)``."""
        height, width = self.prediction.mask.shape
        return height, width

    @property
    def presences(self) -> dict[str, float]:
        """Of the classes, in order."""
        found = self.prediction
        return {name: float(found.by_class.get(name, found).presence) for name in found.classes}

    def colours(self, box: Box) -> Picture:
        """The picture there."""
        return self.picture[box[0] : box[2], box[1] : box[3]]

    @cached_property
    def classes(self) -> list[ClassRegion]:
        """In order, whether something was found or not."""
        found = self.prediction
        if len(found.classes) == 1:
            return [ClassRegion(found.classes[0], found.mask != 0, found.probability, found.presence)]
        ones = [found.by_class.get(name, found) for name in found.classes]
        return [
            ClassRegion(name, found.mask == i, one.probability, one.presence)
            for i, (name, one) in enumerate(zip(found.classes, ones, strict=True), 1)
        ]

    @cached_property
    def objects(self) -> list[Instance]:
        """What was found: class by class, the larger ones first."""
        found = self.prediction
        if self.apart:
            return found.instances
        whole = {name: replace(one, separate=_whole) for name, one in found.by_class.items()}
        return replace(found, by_class=whole, separate=_whole).instances


def _whole(mask: NDArray[np.bool_], probability: NDArray[np.float32]) -> NDArray[np.integer]:
    """All of a class in a picture is one object."""
    return mask.astype(np.int32)


@dataclass(frozen=True)
class _Larger:
    """Tells objects apart as another does; those of fewer than ``least`` pixels are none."""

    separate: Separate
    least: int

    def __call__(self, mask: NDArray[np.bool_], probability: NDArray[np.float32]) -> NDArray[np.integer]:
        labels = self.separate(mask, probability)
        return np.where(np.bincount(labels.ravel()) >= self.least, np.arange(labels.max() + 1), 0)[labels]


def without_specks(prediction: Prediction, least: int) -> Prediction:
    """The same prediction without objects, and connected pieces of the mask, of fewer than ``least`` pixels."""
    if least <= 1:
        return prediction
    mask = prediction.mask.copy()
    for i in range(1, len(prediction.classes) + 1):
        region = prediction.mask == i
        mask[small_pieces(region, least)] = 0
    by_class = {
        name: replace(one, mask=mask == i, separate=_Larger(one.separate, least))
        for i, (name, one) in enumerate(prediction.by_class.items(), 1)
    }
    return replace(prediction, mask=mask, by_class=by_class, separate=_Larger(prediction.separate, least))


def confidence(region: NDArray[np.bool_], probability: NDArray[np.float32]) -> float | None:
    """Mean probability of a region's pixels, None if it has none."""
    area = np.count_nonzero(region)
    return round(float(probability.sum(where=region, dtype=np.float64)) / area, 6) if area else None


def measured(region: NDArray[np.bool_], probability: NDArray[np.float32], presence: float) -> dict[str, Any]:
    """Presence, area, box and confidence of a region, ready for ``json.dumps``."""
    return {
        "presence": round(float(presence), 6),
        "area_fraction": round(float(region.mean()), 6),
        "box": box(region),
        "confidence": confidence(region, probability),
    }


def uncertainty(presence: float, confidence: float | None) -> float:
    """How unsure a result is, in [0, 1]: of the presence, or, where the object is there, of its pixels.

    Args:
        presence: in [0, 1].
        confidence: mean probability of the object's pixels; None where there are none.
    """
    unsure = 1 - abs(2 * float(presence) - 1)
    if presence >= PRESENT:  # an object that is there and shows nothing is as unsure as it is present
        unsure = max(unsure, float(presence) if confidence is None else 2 * (1 - max(confidence, 0.5)))
    return round(float(min(unsure, 1.0)), 6)
