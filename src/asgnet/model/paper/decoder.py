"""Decoders: from guided query features to object / background (paper section 3.4).

FEM is the feature enrichment of PFENet (Tian 2020), the paper's choice; Atrous the published alternative.
Both take the query, its guide feature and the probability map, and return logits at a grid of their own
with, on request, those of their auxiliary classifiers.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asgnet.model.steps import Outputs

CLASSES = 2


class FEM(nn.Module):
    """Feature enrichment at several scales, coarse ones fed by the finer.

    Args:
        features: channels of query and guide feature together (2c).
        hidden: channels within.
        fractions: scales, as fractions of the feature grid; 1, ½, ¼, ⅛ are 60, 30, 15, 8 at 473 pixels.
        inner: with an auxiliary classifier per scale, for training.
    """

    def __init__(
        self,
        features: int = 512,
        hidden: int = 256,
        fractions: Sequence[float] = (1, 0.5, 0.25, 0.125),
        inner: bool = True,
    ) -> None:
        super().__init__()
        self.fractions = tuple(fractions)
        scales = len(self.fractions)
        self.merge = nn.ModuleList(nn.Conv2d(features + 1, hidden, 1, bias=False) for _ in range(scales))
        self.inflow = nn.ModuleList(nn.Conv2d(2 * hidden, hidden, 1, bias=False) for _ in range(scales - 1))
        self.refine = nn.ModuleList(_pair(hidden) for _ in range(scales))
        self.inner = nn.ModuleList(_classifier(hidden) for _ in range(scales if inner else 0))
        self.fuse = nn.Conv2d(scales * hidden, hidden, 1, bias=False)
        self.smooth = _pair(hidden)
        self.classifier = _classifier(hidden)

    def forward(
        self, guided: Tensor, probability_map: Tensor, low: Tensor | None = None, auxiliary: bool = False
    ) -> Outputs:
        """``b 2c h w`` guided query features, ``b 1 h w`` probability map -> logits on the same grid."""
        grid = guided.shape[-2:]
        inner: list[Tensor] = []
        total = torch.zeros((), device=guided.device)
        x = guided
        for scale, (fraction, fuse) in enumerate(
            zip(self.fractions, self.fuse.weight.chunk(len(self.fractions), 1), strict=True)
        ):
            size = (max(round(grid[0] * fraction), 1), max(round(grid[1] * fraction), 1))
            finer = resize_through(x, grid, size) if scale > 0 else None
            pooled = guided if size == grid else F.adaptive_avg_pool2d(guided, size)
            x = F.relu(self.merge[scale](torch.cat([pooled, resize(probability_map, size)], 1)))
            if finer is not None:
                x = x + F.relu(self.inflow[scale - 1](torch.cat([x, finer], 1)))
            x = x + self.refine[scale](x)
            if auxiliary and len(self.inner):
                inner.append(self.inner[scale](x))
            # A 1×1 convolution of an enlarged map is the enlarged convolution: 4 to 64 times cheaper.
            total = total + resize(F.conv2d(x, fuse), grid)
        x = F.relu(total)
        x = x + self.smooth(x)
        return Outputs(self.classifier(x), tuple(inner))


class Atrous(nn.Module):
    """Atrous spatial pyramid pooling, refined with stage 1 of the backbone (after DeepLabV3+, Chen 2018).

    Args:
        features: channels of query and guide feature together (2c).
        low: channels of the backbone's stage 1.
        hidden: channels within.
        dilations: of the 3×3 branches.
        inner: with an auxiliary classifier before the refinement, for training.
    """

    def __init__(
        self,
        features: int = 512,
        low: int = 256,
        hidden: int = 256,
        dilations: Sequence[int] = (6, 12, 18),
        inner: bool = True,
    ) -> None:
        super().__init__()
        self.merge = nn.Conv2d(features + 1, hidden, 3, padding=1, bias=False)
        self.residual = nn.ModuleList(_pair(hidden, last=False) for _ in range(3))
        self.whole = nn.Conv2d(hidden, hidden, 1)
        self.point = nn.Conv2d(hidden, hidden, 1)
        self.dilated = nn.ModuleList(nn.Conv2d(hidden, hidden, 3, padding=d, dilation=d) for d in dilations)
        self.fuse = nn.Conv2d((2 + len(self.dilated)) * hidden, hidden, 1)
        self.low = nn.Sequential(
            nn.Conv2d(low, hidden // 4, 1, bias=False), nn.BatchNorm2d(hidden // 4), nn.ReLU()
        )
        self.join = nn.Sequential(
            nn.Conv2d(hidden + hidden // 4, hidden, 3, padding=1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
            nn.Dropout(0.5),
        )
        self.classifier = _classifier(hidden)
        self.inner = _classifier(hidden) if inner else None
        self.drop = nn.Dropout2d(0.5)

    def forward(
        self, guided: Tensor, probability_map: Tensor, low: Tensor, auxiliary: bool = False
    ) -> Outputs:
        """``b 2c h w`` guided query features, ``b 1 h w`` map, ``b l h' w'`` stage 1 -> logits as stage 1."""
        x = self.drop(F.relu(self.merge(torch.cat([guided, probability_map], 1))))
        for residual in self.residual:
            x = F.relu(x)  # both branches start from it: published, the ReLU works in place
            x = x + residual(x)
        deep = self._pyramid(x)
        joined = self.join(torch.cat([resize(deep, low.shape[-2:]), self.low(low)], 1))
        inner = (self.inner(deep),) if auxiliary and self.inner is not None else ()
        return Outputs(self.classifier(joined), inner)

    def _pyramid(self, x: Tensor) -> Tensor:
        """``b c h w`` -> ``b c h w`` with the view of five receptive fields."""
        whole = self.drop(F.relu(self.whole(x.mean((2, 3), keepdim=True)))).expand_as(x)
        branches = [self.drop(F.relu(branch(x))) for branch in (self.point, *self.dilated)]
        return self.drop(F.relu(self.fuse(torch.cat([whole, *branches], 1))))


def resize(x: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear with aligned corners, as published throughout; the tensor itself if it has the size."""
    if tuple(x.shape[-2:]) == tuple(size):
        return x
    return F.interpolate(x, tuple(size), mode="bilinear", align_corners=True)


def resize_through(x: Tensor, between: Sequence[int], size: Sequence[int]) -> Tensor:
    """Resized to ``between`` and from there to ``size``, as published, without making what is between.

    Both steps are linear along rows and along columns, so together they are one small matrix for each.
    """
    if tuple(between) in (tuple(x.shape[-2:]), tuple(size)):
        return resize(x, size)
    rows, columns = (
        _interpolated(_interpolated(torch.eye(own, device=x.device), middle), to).to(x.dtype)
        for own, middle, to in zip(x.shape[-2:], between, size, strict=True)
    )
    return rows.mT @ x @ columns


def _interpolated(vectors: Tensor, to: int) -> Tensor:
    """``n s`` -> ``n to``."""
    return F.interpolate(vectors[None], to, mode="linear", align_corners=True)[0]


def episode_loss(outputs: Outputs | Tensor, target: Tensor, weight: float = 1.0, ignore: int = 255) -> Tensor:
    """Cross-entropy of the episode, plus ``weight`` times the mean one of the auxiliary classifiers.

    Args:
        outputs: logits ``b 2 H W`` with or without auxiliary ones.
        target: ``b H W`` int64 in {0, 1, ignore}.
        weight: of the auxiliary loss; 1 as published.
        ignore: label that does not count; a target of nothing else costs 0.
    """
    logits, auxiliary = outputs[:2] if isinstance(outputs, Outputs) else (outputs, ())
    losses = [_cross_entropy(resize(x, target.shape[-2:]), target, ignore) for x in (logits, *auxiliary)]
    return losses[0] + weight * sum(losses[1:]) / max(len(auxiliary), 1)


def _cross_entropy(logits: Tensor, target: Tensor, ignore: int) -> Tensor:
    total = F.cross_entropy(logits, target.long(), ignore_index=ignore, reduction="sum")
    return total / (target != ignore).sum().clamp(min=1)


def _pair(channels: int, last: bool = True) -> nn.Sequential:
    """Two 3×3 convolutions, a ReLU after each (``last``: after the second too)."""
    layers = [
        nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        nn.ReLU(),
        nn.Conv2d(channels, channels, 3, padding=1, bias=False),
    ]
    return nn.Sequential(*layers, *([nn.ReLU()] if last else []))


def _classifier(channels: int) -> nn.Sequential:
    """Channels -> logits."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        nn.ReLU(),
        nn.Dropout2d(0.1),
        nn.Conv2d(channels, CLASSES, 1),
    )
