"""The default recipe's loss: soft targets on a grid, cross-entropy and Dice per episode."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from asgnet.model.steps import Outputs
from asgnet.types import IGNORE

SMALLEST_SHARE = 1e-3


def soft_episode_loss(
    outputs: Outputs,
    target: Tensor,
    grid: int = 96,
    dice: float = 0.5,
    auxiliary: float = 1.0,
    absent: float = 1.0,
) -> Tensor:
    """Mean over the episodes of cross-entropy plus ``dice`` times the soft Dice loss.

    Each cell of the grid is asked for the object's share of its valid pixels, and weighs as much as it has of
    them. An edge that the grid cannot draw thus costs nothing. Auxiliary answers are averaged in: with the
    weight 1 and one of them, both count half.

    Args:
        outputs: logits ``b 2 h w`` of any size; auxiliary ones too.
        target: ``b H W`` in {0, 1, 255}.
        grid: cells per side.
        dice: weight of 1 − Dice (Milletari et al., V-Net, 2016), smoothed by 1.
        auxiliary: weight of the mean auxiliary loss.
        absent: weight of an episode whose target shows nothing, beside 1 of the others.
    """
    share, valid = soft_target(target, grid)
    weights = torch.where((target == 1).flatten(1).any(1), 1.0, absent)  # b
    main = _loss(outputs.logits, share, valid, dice, weights)
    if not outputs.auxiliary or not auxiliary:
        return main
    others = [_loss(logits, share, valid, dice, weights) for logits in outputs.auxiliary]
    return (main + auxiliary * sum(others) / len(others)) / (1 + auxiliary)


def soft_target(target: Tensor, grid: int) -> tuple[Tensor, Tensor]:
    """``b H W`` → ``b g g`` object's share of a cell's valid pixels, ``b g g`` valid share of the cell."""
    parts = F.adaptive_avg_pool2d((target == 1).float()[:, None], grid)[:, 0]
    valid = F.adaptive_avg_pool2d((target != IGNORE).float()[:, None], grid)[:, 0]
    return parts / valid.clamp(min=SMALLEST_SHARE), valid


def presence_loss(presence: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of ``b`` logits: does the target show any object pixel?"""
    return F.binary_cross_entropy_with_logits(presence.float(), (target == 1).flatten(1).any(1).float())


def _loss(logits: Tensor, share: Tensor, valid: Tensor, dice: float, weights: Tensor) -> Tensor:
    odds = (logits[:, 1:] - logits[:, :1]).float()
    if odds.shape[-2:] != share.shape[-2:]:
        odds = F.interpolate(odds, share.shape[-2:], mode="bilinear", align_corners=False)
    odds = odds[:, 0]  # b g g
    total = (F.binary_cross_entropy_with_logits(odds, share, reduction="none") * valid).sum((1, 2))
    entropy = total / valid.sum((1, 2)).clamp(min=1)
    found, there = odds.sigmoid() * valid, share * valid
    both = (found * there).sum((1, 2))
    overlap = (2 * both + 1) / (found.sum((1, 2)) + there.sum((1, 2)) + 1)
    return ((entropy + dice * (1 - overlap)) * weights).mean()
