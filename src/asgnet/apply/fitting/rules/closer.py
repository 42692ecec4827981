"""How closely a class is looked at, and in which lights a single support is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np
from scipy.ndimage import distance_transform_edt

from asgnet.apply.fitting.rules.adaptation import Measured
from asgnet.model.default.calibration import Calibration
from asgnet.types import Mask


class Learnt(Protocol):
    """A class with what was measured on it."""

    @property
    def measured(self) -> Measured:
        """On its supports."""


AnyLearnt = TypeVar("AnyLearnt", bound=Learnt)


def lights(adapt: bool, shots: int, numbers: Calibration) -> tuple[float, ...]:
    """Gammas under which supports are shown, too: a single one says nothing of light otherwise."""
    return numbers.relit if adapt and shots == 1 else ()


def closest(look: Callable[[bool], AnyLearnt], masks: Sequence[Mask], numbers: Calibration) -> AnyLearnt:
    """A class seen as usual or closer, whichever is better.

    It is measured how well each support is found by the others: a single one is seen as usual. So are broad
    objects, of which the decoder would see too little at once.

    Args:
        look: learns it, closer or not.
        masks: of its supports.
        numbers: how broad, and by how much closer must be better: by less it was wrong more often than right.
    """
    usual = look(False)
    if len(masks) == 1 or np.mean([breadth(mask) for mask in masks]) > numbers.scale_breadth:
        return usual
    closer = look(True)
    return closer if closer.measured.agreement > numbers.scale_margin * usual.measured.agreement else usual


def breadth(mask: Mask) -> float:
    """How broad what is painted is, as a share of the picture's longer side.

    Six times the mean distance to its outline: a disc's diameter, one and a half times the width of a line.
    The picture's edge is no outline.

    Args:
        mask: ``h w`` in {0, 1, 255}, with object; pixels of value 255 count as part of it.
    """
    if mask.all():
        return float("inf")
    return float(6 * distance_transform_edt(mask)[mask == 1].mean() / max(mask.shape))
