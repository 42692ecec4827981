"""How closely a class is looked at, and in which lights a single support is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np
from scipy.ndimage import distance_transform_edt

from asgnet.apply.fitting.rules.adaptation import Measured
from asgnet.types import Mask

GAMMAS = (1.5, 0.67)
"""A single support says nothing of light, unless it is shown darker and brighter too."""
BROAD = 0.3
"""Breadth, as a share of a picture's longer side, from which no closer look is tried: of such objects the
decoder would see too little at once.
"""
LEAD = 1.1
"""By how much better left-out supports must be found for a closer look to be believed. By less it was wrong
more often than right about clothing (CCP) and cracks; by as much it helped with clothing and facades.
"""


class Learnt(Protocol):
    """A class with what was measured on it."""

    @property
    def measured(self) -> Measured:
        """On its supports."""


AnyLearnt = TypeVar("AnyLearnt", bound=Learnt)


def lights(adapt: bool, shots: int) -> tuple[float, ...]:
    """Gammas under which supports are shown, too."""
    return GAMMAS if adapt and shots == 1 else ()


def closest(look: Callable[[bool], AnyLearnt], masks: Sequence[Mask]) -> AnyLearnt:
    """A class seen as usual or closer, whichever is better.

    It is measured how well each support is found by the others: a single one is seen as usual.

    Args:
        look: learns it, closer or not.
        masks: of its supports.
    """
    usual = look(False)
    if len(masks) == 1 or np.mean([breadth(mask) for mask in masks]) > BROAD:
        return usual
    closer = look(True)
    return closer if closer.measured.agreement > LEAD * usual.measured.agreement else usual


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
