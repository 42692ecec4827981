"""ImageNet logits of a part of a picture, by the backbone's own classifier, and their similarity.

The maps that segment well say what a pixel looks like; a cow and a horse look much the same. The layers behind
them were trained to tell a thousand classes apart, and objects of one class have similar logits, even if their
class is none of the thousand. Presence compares what was found with what the supports show.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asgnet.model.backbones.lite0 import EPSILON, STAGES, Installed, fill
from asgnet.model.default.grids import to_grid
from asgnet.model.default.similarity import compare

WIDTH, SCORES = 1280, 1000
"""EfficientNet-Lite0's, whose classifier this is."""
SMALL = 1e-3
"""Least area that is divided by."""


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
        """The logits of parts of pictures.

        Args:
            deepest: ``b c h w``, the backbone's last map.
            parts: ``bn 1 H W`` in [0, 1], n parts a picture: how far each pixel belongs to it.

        Returns:
            ``bn s``, around their mean and of unit length: their products are cosines.
        """
        features = F.relu6(self.bn2(self.conv_head(deepest))).flatten(2)  # b w p
        weights = to_grid(parts, deepest.shape[-2:]).flatten(2)  # bn 1 p
        weights = weights / weights.sum(2, keepdim=True).clamp(min=SMALL)
        logits = self.classifier(compare(weights, features.transpose(1, 2))[:, 0])  # bn s
        return F.normalize(logits - logits.mean(1, keepdim=True), dim=1)


def class_similarity(found: Tensor, shown: Tensor, reference_bank: Tensor, least: float) -> Tensor:
    """How similar what was found is to what was shown, beside the similarity of either to anything else.

    Parts of photographs are similar in many ways. Two that are more similar than either is to what surrounded
    the object, or to any typical object of training, are of one class. This is CSLS of one neighbour (Conneau
    et al., Word translation without parallel data, 2018).

    Args:
        found: ``n s`` logits.
        shown: ``n 2 s``, of the object in the supports and of what surrounded it.
        reference_bank: ``m s``, of typical objects; zeros say nothing.
        least: cosine that any two objects may have.

    Returns:
        ``n``: the cosine of the two less the mean of their cosines with the nearest other object each.
    """
    own, around = shown.unbind(1)
    others = [
        torch.maximum((one @ reference_bank.T).amax(1), (one * around).sum(1)).clamp(min=least)
        for one in (found, own)
    ]
    return (found * own).sum(1) - (others[0] + others[1]) / 2


def lite0_head(tensors: Installed) -> ImageNetHead:
    """The classifier behind EfficientNet-Lite0's last block.

    Args:
        tensors: of its package, see :func:`~asgnet.model.backbones.lite0.installed`.

    Raises:
        WeightsError: they are of another network.
    """
    head = ImageNetHead(STAGES[-1][-1])
    fill(head, tensors, head=True)
    return head
