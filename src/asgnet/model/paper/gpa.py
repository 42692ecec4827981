"""GPA, guided prototype allocation: every query pixel takes the prototype that fits it best (section 3.3)."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

Reduce = Literal["sum", "mean", "max"]
EPSILON = 1e-7
BELOW_COSINE = -2.0


class Allocation(NamedTuple):
    """How the prototypes fit a query.

    Attributes:
        guide_feature: ``b c h w``, each pixel's chosen prototype (eq. 8).
        guide_map: ``b h w`` int64, which one it is (eq. 7).
        probability_map: ``b 1 h w``, how well the prototypes fit (the paper sums them).
        similarity: ``b n h w`` cosines in [-1, 1] (eq. 6), 0 for padding.
    """

    guide_feature: Tensor
    guide_map: Tensor
    probability_map: Tensor
    similarity: Tensor


def allocate(query: Tensor, prototypes: Tensor, valid: Tensor, reduce: Reduce = "sum") -> Allocation:
    """Let each query pixel choose among the prototypes (paper eqs. 6-8).

    One matrix product of ``n c`` by ``c hw``; beside query and guide feature the largest tensor is ``n hw``.

    Args:
        query: ``b c h w`` features.
        prototypes: ``b n c``, those of all shots pooled.
        valid: ``b n`` bool; padding is never chosen and adds nothing to the map.
        reduce: ``"sum"`` as published, whose scale grows with the number of prototypes; ``"mean"`` and
            ``"max"`` stay in [-1, 1] for every number of shots.
    """
    similarity = cosine(query, prototypes) * valid[..., None, None]  # b n h w
    chosen = similarity.masked_fill(~valid[..., None, None], BELOW_COSINE)
    best, guide_map = chosen.max(1)  # b h w
    batch, many, _ = prototypes.shape
    offset = torch.arange(batch, device=query.device)[:, None, None] * many
    guide_feature = F.embedding(guide_map + offset, prototypes.flatten(0, 1)).permute(0, 3, 1, 2)  # b c h w
    if reduce == "max":
        probability_map = best[:, None]
    else:
        probability_map = similarity.sum(1, keepdim=True)  # b 1 h w
        if reduce == "mean":
            probability_map = probability_map / valid.sum(1).clamp(min=1)[:, None, None, None]
    return Allocation(guide_feature, guide_map, probability_map, similarity)


def cosine(query: Tensor, prototypes: Tensor) -> Tensor:
    """``b n h w`` cosine similarity of ``b n c`` prototypes with the pixels of ``b c h w`` features."""
    unit = prototypes / torch.linalg.vector_norm(prototypes, dim=-1, keepdim=True).clamp(min=EPSILON)  # b n c
    length = torch.linalg.vector_norm(query, dim=1).clamp(min=EPSILON)  # b h w
    return (unit @ query.flatten(2)).unflatten(2, query.shape[-2:]) / length[:, None]
