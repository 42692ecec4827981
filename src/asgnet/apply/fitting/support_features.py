"""The backbone's features of supports: each view encoded once, and several side by side as one episode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from asgnet.apply.engines.backend import Backend
from asgnet.apply.inference.working_scale import working_picture, working_side
from asgnet.model.default.pixel_head import FeatureMaps
from asgnet.types import IGNORE, Picture


class SupportFeatures:
    """Features of k pictures, at either working scale and in any light.

    Args:
        backend: encodes them.
        pictures: ``h w 3`` uint8 each, of any sizes.
    """

    def __init__(self, backend: Backend, pictures: Sequence[Picture]) -> None:
        self.backend, self.pictures = backend, pictures
        self._encoded: dict[tuple[int, bool, float], FeatureMaps] = {}

    def __call__(self, which: int, fine: bool = False, gamma: float = 1.0) -> FeatureMaps:
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


def side_by_side(features: Sequence[FeatureMaps], masks: Sequence[Tensor]) -> tuple[FeatureMaps, Tensor]:
    """Pictures of any sizes as the shots of one episode.

    Args:
        features: of k pictures.
        masks: their masks ``h w`` in {0, 1, 255}.

    Returns:
        maps ``k c h w`` per level, and masks ``1 k H W``: smaller pictures lie in the upper left corner,
        what is beyond them goes on as they end, and is ignored.
    """
    levels = zip(*(one.maps for one in features), strict=True)
    # Replicated: there is no edge for an average of coarse cells to cross.
    maps = tuple(torch.cat(_padded(level, mode="replicate")) for level in levels)
    return FeatureMaps(maps, ()), torch.stack(_padded([m[None] for m in masks], value=IGNORE), 1)


def _padded(parts: Sequence[Tensor], **how: Any) -> list[Tensor]:
    """Tensors ``… h w``, each padded below and on the right to the largest."""
    height, width = (max(part.shape[axis] for part in parts) for axis in (-2, -1))
    return [F.pad(p, (0, width - p.shape[-1], 0, height - p.shape[-2]), **how) for p in parts]
