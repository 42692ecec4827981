"""The prompt network: a window's features and its prompts -> logits of the object that is meant.

Clicks go a long way by similarity: what the features under the clicks, in the box and in the mask before have in
common is compared with every pixel's, and a small U-Net decides by these maps, the features and the prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asgnet.model.prompts.channels import CHANNELS

DEPTHS, STRIDES = (40, 80, 112, 192, 320, 24, 9), (8, 16, 16, 32, 32, 4, 2)
"""Of the features READ, channels and strides."""
HEADS, EMBEDDED = 2, 16
SIDES = 6
"""What similarities are measured to: on, beside, core and outside of the box, mask before, what it left out."""


class Read(NamedTuple):
    """What is the same for all prompts of a window: ``b c h w`` at strides 4, 8, 16, and two embeddings."""

    fine: Tensor
    middle: Tensor
    coarse: Tensor
    fine_embedding: Tensor
    embedding: Tensor


class PromptNet(nn.Module):
    """See the module.

    Args:
        widths: channels at strides 4, 8 and 16.
    """

    def __init__(self, widths: Sequence[int] = (24, 48, 64)) -> None:
        super().__init__()
        fine, middle, coarse = widths
        self.scale = nn.ModuleList(nn.BatchNorm2d(depth, affine=False) for depth in DEPTHS)
        self.read_deep = _point(DEPTHS[3] + DEPTHS[4], coarse)
        self.read_coarse = _point(DEPTHS[1] + DEPTHS[2], coarse)
        self.read_middle = _point(DEPTHS[0], middle)
        self.read_fine = _point(DEPTHS[5] + 4 * DEPTHS[6], fine)
        self.embed = nn.Conv2d(middle + 2 * coarse, HEADS * EMBEDDED, 1)
        self.embed_fine = nn.Conv2d(fine, EMBEDDED, 1)
        extra = CHANNELS + HEADS * SIDES
        self.coarse = nn.Sequential(
            _point(2 * coarse + extra, coarse), *(Residual(coarse, dilation) for dilation in (1, 2, 4))
        )
        self.whole = nn.Linear(coarse, coarse)
        self.middle = Join(coarse, middle + extra, middle)
        self.middle_layers = nn.Sequential(Residual(middle), Residual(middle))
        self.fine = Join(middle, fine + CHANNELS + SIDES, fine)
        self.fine_layers = Residual(fine)
        self.out = nn.Conv2d(fine, 4, 3, padding=1)

    def forward(self, prompts: Tensor, *features: Tensor) -> Tensor:
        """``b 5 64 64`` and the features READ, ``b c h w`` each -> logits ``b 128 128``."""
        return self.decode(prompts, self.read(*features))

    def read(self, *features: Tensor) -> Read:
        """What is the same for all prompts."""
        maps = [scale(one) for scale, one in zip(self.scale, features, strict=True)]
        deep = self.read_deep(torch.cat(maps[3:5], 1))
        coarse = torch.cat([self.read_coarse(torch.cat(maps[1:3], 1)), _up(deep)], 1)
        middle = self.read_middle(maps[0])
        fine = self.read_fine(torch.cat([maps[5], F.pixel_unshuffle(maps[6], 2)], 1))
        embedding = self.embed(torch.cat([middle, _up(coarse)], 1))
        return Read(fine, middle, coarse, self.embed_fine(fine), embedding)

    def decode(self, prompts: Tensor, read: Read) -> Tensor:
        """``b 5 64 64`` and what was read -> logits ``b 128 128``."""
        at_8 = F.avg_pool2d(prompts, 2)
        parts = torch.chunk(read.embedding, HEADS, 1)
        similar = torch.cat([similarities(one, at_8) for one in parts], 1)
        clicks = F.max_pool2d(prompts, 4)
        coarse = self.coarse(torch.cat([read.coarse, clicks, F.avg_pool2d(similar, 2)], 1))
        coarse = coarse + self.whole(coarse.mean((2, 3)))[:, :, None, None]
        clicks = F.max_pool2d(prompts, 2)
        middle = self.middle(coarse, torch.cat([read.middle, clicks, similar], 1))
        middle = self.middle_layers(middle)
        similar = similarities(read.fine_embedding, prompts)
        fine = self.fine_layers(self.fine(middle, torch.cat([read.fine, prompts, similar], 1)))
        return F.pixel_shuffle(self.out(fine), 2)[:, 0]


class Join(nn.Module):
    """A map of half the side and one of all of it, together."""

    def __init__(self, small: int, large: int, out: int) -> None:
        super().__init__()
        self.small, self.large = nn.Conv2d(small, out, 1, bias=False), nn.Conv2d(large, out, 1, bias=False)
        self.norm = nn.BatchNorm2d(out)

    def forward(self, small: Tensor, large: Tensor) -> Tensor:
        """``b c h/2 w/2`` and ``b d h w`` -> ``b e h w``."""
        return F.relu(self.norm(_up(self.small(small)) + self.large(large)), inplace=True)


class Residual(nn.Module):
    """Two convolutions, added to what came."""

    def __init__(self, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """``b c h w`` -> the same shape."""
        return F.relu(x + self.layers(x))


def similarities(embedding: Tensor, prompts: Tensor) -> Tensor:
    """Cosine to what lies under each prompt, 0 where it is not given.

    Args:
        embedding: ``b d h w``.
        prompts: ``b 5 h w``.

    Returns:
        ``b 6 h w`` in [-1, 1].
    """
    on, beside, box, core, before = prompts.split(1, 1)
    given = box.amax((2, 3), keepdim=True)
    earlier = (before.amax((2, 3), keepdim=True) > 0.5).float()
    weights = torch.cat(
        [on, beside, core, given * (1 - box), earlier * before, earlier * (1 - before)], 1
    ).flatten(2)  # b 6 p
    vectors = F.normalize(embedding.flatten(2), dim=1, eps=1e-4)  # b d p
    total = weights.sum(2, keepdim=True)
    means = F.normalize(weights @ vectors.transpose(1, 2) / total.clamp(min=1e-3), dim=2, eps=1e-4)  # b 6 d
    return (means @ vectors * (total > 1e-3).float()).unflatten(2, embedding.shape[-2:])


def _point(into: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(into, out, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True))


def _up(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
