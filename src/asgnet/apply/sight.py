"""Pictures as the network sees them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asgnet.model.evidence_net import EvidenceNet
from asgnet.model.fine import Seen


def channels_first(squashed: NDArray[np.uint8]) -> Tensor:
    """``k s s 3`` uint8 -> ``k 3 s s`` uint8."""
    return torch.from_numpy(np.ascontiguousarray(squashed)).permute(0, 3, 1, 2)


def see(net: EvidenceNet, squashed: NDArray[np.uint8], device: torch.device) -> Seen:
    """Pictures ``k s s 3`` uint8 -> what the backbone sees in them, one at a time to bound memory."""
    normalise = net.backbone.normalise
    with torch.inference_mode():
        seen = [net.see(normalise(one.to(device))) for one in channels_first(squashed).split(1)]
    maps = tuple(torch.cat(level).contiguous() for level in zip(*(s.maps for s in seen), strict=True))
    return Seen(maps, torch.cat([s.fine for s in seen]).contiguous())
