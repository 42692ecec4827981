"""What kinds of things the backbone's own classifier sees in a part of a picture.

The maps that segment well say what a pixel looks like; a cow and a horse look much alike. The layers behind
them were trained to tell a thousand kinds of things apart, and things of one kind excite the same scores,
even if their kind is none of the thousand. Presence asks whether what was found is what was shown.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asgnet.model.backbones.lite0 import EPSILON, STAGES, Installed, fill
from asgnet.model.default.evidence import compare
from asgnet.model.default.grids import to_grid
from asgnet.model.default.readout import SMALL

WIDTH, SCORES = 1280, 1000
"""EfficientNet-Lite0's, whose classifier this is."""
KNOWN = 64
"""Typical things of training that a network remembers the scores of."""
UNLIKE = 0.35
"""Cosine that any two things may have: nothing is believed to be less alike to all other things."""


class ImageNetHead(nn.Module):
    """The layers behind the deepest map, frozen; random until loaded.

    Args:
        channels: of the deepest map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):  # what is trained starts from the same draws without it
            self.conv_head = nn.Conv2d(channels, WIDTH, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(WIDTH, EPSILON)
            self.classifier = nn.Linear(WIDTH, SCORES)
        self.train(False).requires_grad_(False)

    def train(self, mode: bool = True) -> ImageNetHead:
        """Stays in eval mode whatever is asked."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, deepest: Tensor, parts: Tensor) -> Tensor:
        """The scores of parts of pictures.

        Args:
            deepest: ``b c h w``, the backbone's last map.
            parts: ``bn 1 H W`` in [0, 1], n parts a picture: how far each pixel belongs to it.

        Returns:
            ``bn s``, around their mean and of unit length: their products are cosines.
        """
        seen = F.relu6(self.bn2(self.conv_head(deepest))).flatten(2)  # b w p
        shares = to_grid(parts, deepest.shape[-2:]).flatten(2)  # bn 1 p
        shares = shares / shares.sum(2, keepdim=True).clamp(min=SMALL)
        scores = self.classifier(compare(shares, seen.transpose(1, 2))[:, 0])  # bn s
        return F.normalize(scores - scores.mean(1, keepdim=True), dim=1)


def likeness(found: Tensor, taught: Tensor, known: Tensor) -> Tensor:
    """How alike are what was found and what was shown, beside how alike either is to anything else?

    Parts of photographs are alike in many ways. Two that are more alike than either is to what surrounded the
    object, or to anything known from training, are of one kind. This is CSLS of one neighbour (Conneau et
    al., Word translation without parallel data, 2018).

    Args:
        found: ``n s`` scores.
        taught: ``n 2 s``, of the object in the supports and of what surrounded it.
        known: ``m s``, of typical things; zeros say nothing.

    Returns:
        ``n``: the cosine of the two less the mean of their cosines with the nearest other thing each.
    """
    shown, around = taught.unbind(1)
    others = [
        torch.maximum((one @ known.T).amax(1), (one * around).sum(1)).clamp(min=UNLIKE)
        for one in (found, shown)
    ]
    return (found * shown).sum(1) - (others[0] + others[1]) / 2


def lite0_kinds(tensors: Installed) -> ImageNetHead:
    """The classifier behind EfficientNet-Lite0's last block.

    Args:
        tensors: of its package, see :func:`~asgnet.model.backbones.lite0.installed`.

    Raises:
        WeightsError: they are of another network.
    """
    kinds = ImageNetHead(STAGES[-1][-1])
    fill(kinds, tensors, head=True)
    return kinds
