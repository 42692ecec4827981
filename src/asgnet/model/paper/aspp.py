"""ASPP, the published alternative decoder: five receptive fields, refined with the backbone's stage 1.

Atrous spatial pyramid pooling after DeepLabV3+ (Chen 2018).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asgnet.model.paper.blocks import classifier, pair
from asgnet.model.paper.resize import resize
from asgnet.model.steps import Outputs


class ASPP(nn.Module):
    """Guided query features and stage 1 -> logits on the grid of stage 1.

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
        self.residual = nn.ModuleList(pair(hidden, last=False) for _ in range(3))
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
        self.classifier = classifier(hidden)
        self.inner = classifier(hidden) if inner else None
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
