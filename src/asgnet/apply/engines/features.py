"""What crosses an engine's door, all of it numpy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


class Features(NamedTuple):
    """One picture through the backbone.

    Attributes:
        maps: the backbone's, each ``1 c h w``, coarser and coarser.
        fine: what is finer than they are, each ``1 c h w``; the first gives the grid of the logits.
    """

    maps: tuple[Array, ...]
    fine: tuple[Array, ...]


class Decoded(NamedTuple):
    """Of one picture and n classes.

    Attributes:
        logits: ``n h w``, object against background, before calibration.
        presence: ``n`` logits.
        guide_map: ``n h' w'`` int64.
        scores: ``n h w``, of the pixel head alone.
        decoded: ``n h' w'``, the decoder's logits on its own grid.
    """

    logits: Array
    presence: Array
    guide_map: NDArray[np.int64]
    scores: Array
    decoded: Array
