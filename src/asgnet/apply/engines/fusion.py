"""How the network's heads are combined: decoder and pixel head to one mask, three signs to one presence."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from asgnet.model.default.grids import to_grid
from asgnet.model.default.presence import mean_of_first

GAIN = 4.0
"""Logits per unit of the pixel head's score, which is ±1 on the supports."""
STRONGEST = 0.8
"""Presence per logit of the strongest four-hundredth of the logits."""
OWN = 0.2
"""Weight, per shot, of the network's presence and the strongest beside likeness; at most 1."""
LIKENESS = 8.0
"""Presence per unit of likeness. Both chosen on fold 2, at one shot and at five."""


def fuse(decoded: Tensor, scores: Tensor, weights: Tensor) -> Tensor:
    """Mask logits of the decoder and the pixel head.

    Args:
        decoded: ``n h w``, the decoder's object logits.
        scores: ``n h' w'``, of the pixel head.
        weights: ``n`` in [0, 1], of the pixel head.

    Returns:
        ``n h' w'``.
    """
    weights = weights[:, None, None]
    return (1 - weights) * to_grid(decoded[None], scores.shape[-2:])[0] + weights * GAIN * scores


def presence_logit(presence: Tensor, logits: Tensor, likeness: Tensor, shots: Tensor) -> Tensor:
    """Three signs of presence -> ``n`` logits.

    An object that is there is found with certainty somewhere, on classes that training never saw more
    reliably so than the network's own presence head; and what is found is then of the class that was shown.
    With few supports the class is the better sign.

    Args:
        presence: ``n`` logits of the network.
        logits: ``n h w``, the fused ones.
        likeness: ``n``, see :meth:`DefaultNet.class_similarity`.
        shots: ``n``, how many supports taught.
    """
    cells = F.avg_pool2d(logits[:, None], 4, ceil_mode=True).flatten(1)
    ranked = cells.sort(1, descending=True).values
    strongest = mean_of_first(ranked, 400)
    return (OWN * shots).clamp(max=1) * (presence + STRONGEST * strongest) + LIKENESS * likeness
