"""FEM, the paper's decoder: feature enrichment of PFENet (Tian 2020) at several scales (section 3.4)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asgnet.model.paper.blocks import classifier, pair
from asgnet.model.paper.resize import resize, resize_through
from asgnet.model.steps import Outputs

PUBLISHED_GRID, PUBLISHED_SIDES = 60, (60, 30, 15, 8)
"""Of pictures of 473 pixels, whose scales are published as numbers: the last one is rounded up."""


class FEM(nn.Module):
    """Feature enrichment at several scales, coarse ones fed by the finer.

    Args:
        features: channels of query and guide feature together (2c).
        hidden: channels within.
        fractions: scales, as fractions of the feature grid; 1, ½, ¼, ⅛ are 60, 30, 15, 8 at 473 pixels.
        published: sides of a scale are cut to integers, as published, not rounded; see :func:`scale_size`.
        inner: with an auxiliary classifier per scale, for training.
    """

    def __init__(
        self,
        features: int = 512,
        hidden: int = 256,
        fractions: Sequence[float] = (1, 0.5, 0.25, 0.125),
        published: bool = False,
        inner: bool = True,
    ) -> None:
        super().__init__()
        self.fractions, self.published = tuple(fractions), published
        scales = len(self.fractions)
        self.merge = nn.ModuleList(nn.Conv2d(features + 1, hidden, 1, bias=False) for _ in range(scales))
        self.inflow = nn.ModuleList(nn.Conv2d(2 * hidden, hidden, 1, bias=False) for _ in range(scales - 1))
        self.refine = nn.ModuleList(pair(hidden) for _ in range(scales))
        self.inner = nn.ModuleList(classifier(hidden) for _ in range(scales if inner else 0))
        self.fuse = nn.Conv2d(scales * hidden, hidden, 1, bias=False)
        self.smooth = pair(hidden)
        self.classifier = classifier(hidden)

    def forward(
        self, guided: Tensor, probability_map: Tensor, low: Tensor | None = None, auxiliary: bool = False
    ) -> Outputs:
        """``b 2c h w`` guided query features, ``b 1 h w`` probability map -> logits on the same grid."""
        grid = guided.shape[-2:]
        inner: list[Tensor] = []
        total = torch.zeros((), device=guided.device)
        x = guided
        for scale, (fraction, part) in enumerate(
            zip(self.fractions, self.fuse.weight.chunk(len(self.fractions), 1), strict=True)
        ):
            size = scale_size(grid, fraction, self.published)
            finer = resize_through(x, grid, size) if scale > 0 else None
            pooled = guided if size == grid else F.adaptive_avg_pool2d(guided, size)
            x = F.relu(self.merge[scale](torch.cat([pooled, resize(probability_map, size)], 1)))
            if finer is not None:
                x = x + F.relu(self.inflow[scale - 1](torch.cat([x, finer], 1)))
            x = x + self.refine[scale](x)
            if auxiliary and len(self.inner):
                inner.append(self.inner[scale](x))
            # A 1×1 convolution of an enlarged map is the enlarged convolution: 4 to 64 times cheaper.
            total = total + resize(F.conv2d(x, part), grid)
        x = F.relu(total)
        x = x + self.smooth(x)
        return Outputs(self.classifier(x), tuple(inner))


def scale_size(grid: Sequence[int], fraction: float, published: bool = False) -> tuple[int, int]:
    """Sides of a scale of a feature grid, at least 1: rounded; or, as published, cut, but for a grid of 60."""
    height, width = (_cut(side, fraction) if published else round(side * fraction) for side in grid)
    return max(height, 1), max(width, 1)


def _cut(side: int, fraction: float) -> int:
    if side == PUBLISHED_GRID:
        return min(PUBLISHED_SIDES, key=lambda published: abs(published - side * fraction))
    return int(side * fraction)
