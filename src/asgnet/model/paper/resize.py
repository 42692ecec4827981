"""Resizing as published: bilinear with aligned corners, throughout."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def resize(x: Tensor, size: Sequence[int]) -> Tensor:
    """``b c h w`` at ``size``; the tensor itself if it has the size."""
    if tuple(x.shape[-2:]) == tuple(size):
        return x
    return F.interpolate(x, tuple(size), mode="bilinear", align_corners=True)


def resize_through(x: Tensor, between: Sequence[int], size: Sequence[int]) -> Tensor:
    """Resized to ``between`` and from there to ``size``, as published, without making what is between.

    Both steps are linear along rows and along columns, so together they are one small matrix for each.
    """
    if tuple(between) in (tuple(x.shape[-2:]), tuple(size)):
        return resize(x, size)
    exact = torch.promote_types(x.dtype, torch.float32)
    rows, columns = (
        _interpolated(_interpolated(torch.eye(own, dtype=exact, device=x.device), middle), to).to(x.dtype)
        for own, middle, to in zip(x.shape[-2:], between, size, strict=True)
    )
    return rows.mT @ x @ columns


def _interpolated(vectors: Tensor, to: int) -> Tensor:
    """``n s`` -> ``n to``."""
    return F.interpolate(vectors[None], to, mode="linear", align_corners=True)[0]
