"""Pictures as the network sees them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from asgnet.apply.inference.grid import seen_picture, side_of
from asgnet.model.default.network import DefaultNet
from asgnet.model.default.pixel_head import FeatureMaps
from asgnet.types import IGNORE, Picture


def channels_first(picture: Picture) -> Tensor:
    """``h w 3`` uint8 -> ``1 3 h w`` uint8."""
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None]


def see(net: DefaultNet, pictures: Sequence[Picture], device: torch.device) -> list[FeatureMaps]:
    """What the backbone sees in each of k pictures ``h w 3`` uint8, of any sizes that it takes."""
    normalise = net.backbone.normalise
    with torch.inference_mode():
        seen = [net.encode(normalise(channels_first(one).to(device))) for one in pictures]
    return [FeatureMaps(*(tuple(m.contiguous() for m in part) for part in one)) for one in seen]


class Views:
    """k pictures as the network sees them, closer or not, in any light; each view is looked at once.

    Args:
        see: pictures of sizes that the backbone takes -> what it sees in each.
        pictures: ``h w 3`` uint8 each, of any sizes.
        side: the longer one of what is usually seen.
    """

    def __init__(
        self, see: Callable[[Sequence[Picture]], list[FeatureMaps]], pictures: Sequence[Picture], side: int
    ) -> None:
        self._see, self.pictures, self.side = see, pictures, side
        self._seen: dict[tuple[int, bool, float], FeatureMaps] = {}

    def __call__(self, which: int, closer: bool = False, gamma: float = 1.0) -> FeatureMaps:
        """One of them.

        Args:
            which: number of the picture.
            closer: see :func:`~asgnet.apply.inference.grid.side_of`.
            gamma: above 1 it is shown darker, below brighter.
        """
        key = which, closer, gamma
        if key not in self._seen:
            small = seen_picture(self.pictures[which], side_of(self.side, closer))
            light = (255 * (np.arange(256) / 255) ** gamma).round().astype(np.uint8)
            self._seen[key] = self._see([light[small]])[0]
        return self._seen[key]


def side_by_side(seen: Sequence[FeatureMaps], masks: Sequence[Tensor]) -> tuple[FeatureMaps, Tensor]:
    """Pictures of any sizes as the shots of one episode.

    Args:
        seen: k pictures.
        masks: their masks ``h w`` in {0, 1, 255}.

    Returns:
        maps ``k c h w`` per level, and masks ``1 k H W``: smaller pictures lie in the upper left corner,
        what is beyond them goes on as they end, and is ignored.
    """
    levels = zip(*(one.maps for one in seen), strict=True)
    # Replicated: there is no edge for an average of coarse cells to cross.
    maps = tuple(torch.cat(_padded(level, mode="replicate")) for level in levels)
    return FeatureMaps(maps, ()), torch.stack(_padded([m[None] for m in masks], value=IGNORE), 1)


def _padded(parts: Sequence[Tensor], **how: Any) -> list[Tensor]:
    """Tensors ``… h w``, each padded below and on the right to the largest."""
    height, width = (max(part.shape[axis] for part in parts) for axis in (-2, -1))
    return [F.pad(p, (0, width - p.shape[-1], 0, height - p.shape[-2]), **how) for p in parts]
