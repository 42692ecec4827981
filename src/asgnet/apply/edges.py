"""From the fine grid to the picture's own pixels, along its edges."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from asgnet.types import Picture


def follow_edges(logits: Tensor, picture: Picture) -> NDArray[np.float32]:
    """``n h w`` logits -> ``n H W`` at the picture's size."""
    size = picture.shape[:2]
    return F.interpolate(logits[None].float(), size, mode="bilinear", align_corners=False)[0].numpy()
