"""At which working scale a class is seen, and in which lights a single support is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar

import numpy as np

from asgnet.apply.concept.scale import LARGER, USUAL, Scale
from asgnet.apply.fitting.patches import even_zoom
from asgnet.apply.fitting.rules.adaptation import Measured
from asgnet.model.default.calibration import Calibration


class Look(NamedTuple):
    """What is known of a support before anything is learned.

    Attributes:
        breadth: of its objects, as a share of the picture's longer side.
        longest: the picture's longer side in pixels.
        zoom: network pixels per picture pixel of its windows; None: its objects are not small.
    """

    breadth: float
    longest: int
    zoom: float | None


class Learned(Protocol):
    """A class with what was measured on it."""

    @property
    def measured(self) -> Measured:
        """On its supports."""


AnyLearned = TypeVar("AnyLearned", bound=Learned)


def lights(adapt: bool, shots: int, numbers: Calibration) -> tuple[float, ...]:
    """Gammas under which supports are shown, too: a single one says nothing of light otherwise."""
    return numbers.relit if adapt and shots == 1 else ()


def best_scale(
    learn: Callable[[Scale], AnyLearned], looks: Sequence[Look], numbers: Calibration, side: int, adapt: bool
) -> AnyLearned:
    """A class at the scale that is best for it.

    Small objects in large pictures are seen in windows: with several examples where leave-one-out finds the
    objects better so than in one view of the whole. Of other classes it is measured whether the larger view finds
    more; a single support is seen at the usual one. So are broad objects, of which the decoder would see too little.

    Args:
        learn: learns it at a scale.
        looks: of its supports.
        numbers: how broad is broad, and by how much other scales must be better: by less they were wrong more often
            than right.
        side: of the usual view.
        adapt: measure at all.
    """
    windows = windows_for(looks, side)
    if windows is not None:
        found = learn(windows)
        if not adapt or len(looks) == 1:
            return found
        if found.measured.agreement > numbers.window_margin * found.measured.without_windows:
            return found
    usual = learn(USUAL)
    if not adapt or len(looks) == 1 or np.mean([look.breadth for look in looks]) > numbers.scale_breadth:
        return usual
    larger = learn(LARGER)
    return larger if larger.measured.agreement > numbers.scale_margin * usual.measured.agreement else usual


def windows_for(looks: Sequence[Look], side: int) -> Scale | None:
    """The scale of windows for a class; None if most of its examples need none.

    The objects' breadth varies less in pixels than as a share of the picture: the examples are from one camera, so
    the zoom stays the same in every picture, however large. Else pictures keep their proportions. A single example
    leaves that open: what is small in a large picture is taken to be of one camera.
    """
    zooms = np.array([look.zoom for look in looks if look.zoom is not None])
    if 2 * len(zooms) <= len(looks):
        return None
    if is_of_one_camera(looks):
        return Scale(0.0, even_zoom(float(np.exp(np.log(zooms).mean()))))
    views = [look.zoom * look.longest / side for look in looks if look.zoom is not None]
    return Scale(even_zoom(float(np.exp(np.log(views).mean()))))


def is_of_one_camera(looks: Sequence[Look]) -> bool:
    """Is the objects' breadth more constant in pixels than as a share of their pictures?"""
    if len(looks) == 1:
        return True
    shares = np.log([look.breadth for look in looks])
    pixels = np.log([look.breadth * look.longest for look in looks])
    return bool(pixels.std() <= shares.std() + 1e-6)
