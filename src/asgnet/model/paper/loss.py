"""The published loss: cross-entropy of the prediction and of the auxiliary classifiers (paper section 3.4)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from asgnet.model.paper.resize import resize
from asgnet.model.steps import Outputs


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
