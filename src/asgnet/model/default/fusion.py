"""How the network's heads are combined: decoder and pixel head to one mask, three signs to one presence."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from asgnet.model.default.calibration import Calibration
from asgnet.model.default.grids import to_grid
from asgnet.model.default.presence import mean_of_first


def fused_logits(decoded: Tensor, scores: Tensor, weights: Tensor, gain: float) -> Tensor:
    """Mask logits of the decoder and the pixel head.

    Args:
        decoded: ``n h w``, the decoder's object logits.
        scores: ``n h' w'``, of the pixel head.
        weights: ``n`` in [0, 1], of the pixel head.
        gain: logits per score.

    Returns:
        ``n h' w'``.
    """
    weights = weights[:, None, None]
    return (1 - weights) * to_grid(decoded[None], scores.shape[-2:])[0] + weights * gain * scores


def presence_logit(
    presence: Tensor, logits: Tensor, similarity: Tensor, shots: Tensor, numbers: Calibration
) -> Tensor:
    """Three signs of presence -> ``n`` logits.

    An object that is there is found with certainty somewhere, on classes that training never saw more
    reliably so than the network's own presence head; and what is found is then of the class that was shown.
    With few supports the class is the better sign.

    Args:
        presence: ``n`` logits of the network.
        logits: ``n h w``, the fused ones.
        similarity: ``n``, see :meth:`DefaultNet.class_similarity`.
        shots: ``n``, how many supports there are.
        numbers: how they are weighted.
    """
    cells = F.avg_pool2d(logits[:, None], 4, ceil_mode=True).flatten(1)
    ranked = cells.sort(1, descending=True).values
    strongest = mean_of_first(ranked, numbers.presence_peak_part)
    own = (numbers.presence_per_shot * shots).clamp(max=1)
    return (
        own * (presence + numbers.presence_peak * strongest) + numbers.presence_class_similarity * similarity
    )
