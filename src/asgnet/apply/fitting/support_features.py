"""The backbone's features of supports: each view encoded once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asgnet.apply.engines.backend import Backend
from asgnet.apply.engines.features import Features
from asgnet.apply.inference.working_scale import working_picture, working_side
from asgnet.types import Picture


class SupportFeatures:
    """Features of k pictures, at either working scale and in any light.

    Args:
        backend: encodes them.
        pictures: ``h w 3`` uint8 each, of any sizes.
    """

    def __init__(self, backend: Backend, pictures: Sequence[Picture]) -> None:
        self.backend, self.pictures = backend, pictures
        self._encoded: dict[tuple[int, bool, float], Features] = {}

    def __call__(self, which: int, fine: bool = False, gamma: float = 1.0) -> Features:
        """Those of one picture.

        Args:
            which: its number.
            fine: at the fine working scale.
            gamma: above 1 it is shown darker, below brighter.
        """
        key = which, fine, gamma
        if key not in self._encoded:
            small = working_picture(self.pictures[which], working_side(self.backend.side, fine))
            light = (255 * (np.arange(256) / 255) ** gamma).round().astype(np.uint8)
            self._encoded[key] = self.backend.encode(light[small])
        return self._encoded[key]
