"""Pictures as the network takes them, and its logits back at a picture's size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from asgnet.apply.engines.backend import Backend, channels_first
from asgnet.apply.inference.working_scale import stored_picture, working_picture, working_side
from asgnet.model.default.pixel_head import FeatureMaps
from asgnet.types import Picture


def preprocess(picture: Picture, side: int, fine: bool = False) -> Tensor:
    """``h w 3`` uint8 -> ``1 3 h' w'`` uint8 at a working scale.

    Args:
        picture: of any size.
        side: the longer one at the usual working scale.
        fine: at the fine working scale.
    """
    return channels_first(working_picture(stored_picture(picture, side), working_side(side, fine)))


def encode(backend: Backend, picture: Picture) -> FeatureMaps:
    """The backbone's features of a picture ``h w 3`` of any size, at the usual working scale."""
    return backend.encode(working_picture(stored_picture(picture, backend.side), backend.side))


def enlarge(logits: Tensor, size: Sequence[int]) -> NDArray[np.float32]:
    """``n h w`` logits -> ``n H W``, bilinear; h or w may be larger than H or W."""
    shrinks = logits.shape[-2] > size[0] or logits.shape[-1] > size[1]
    full = interpolate(logits[None].float(), tuple(size), mode="bilinear", antialias=shrinks)
    return full[0].numpy()
