"""A linear readout in closed form: what an object's pixels have in common, against the background's.

The fit-time adaptation of the default network: ridge regression of the painted mask on multi-level features,
object and background weighing the same. No steps, no learning rate; a few milliseconds for any number of
shots. (Ridge regression as a differentiable learner: Bertinetto 2019, R2-D2; on nine domains a linear or
small readout on the supports is what five shots gain from, see ``docs/results.md``.)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

SMALL = 1e-3


def fit_readouts(
    pixels: Tensor,
    on_object: Tensor,
    on_background: Tensor,
    selections: Sequence[slice],
    penalty: float = 0.01,
) -> tuple[Tensor, Tensor]:
    """One ridge regression to ±1 per selection of channels, object and background balanced.

    Args:
        pixels: ``b p c`` features of the supports' pixels.
        on_object: ``b p`` in [0, 1], how much of each pixel is object; an object without any is allowed.
        on_background: ``b p`` in [0, 1], likewise; pixels to ignore have neither.
        selections: the channels that each regression may use.
        penalty: of the squared weights, for features of unit length per level.

    Returns:
        weights: ``b r c``, zero outside each selection; biases: ``b r``. Scores are near +1 on the object and
        near -1 on the background.
    """
    balance_object = on_object / on_object.sum(1, keepdim=True).clamp(min=SMALL)  # b p
    balance_background = on_background / on_background.sum(1, keepdim=True).clamp(min=SMALL)
    centre = pixels.mean(1, keepdim=True)  # b 1 c
    ones = torch.ones_like(on_object)[..., None]
    inputs = torch.cat([pixels - centre, ones], 2)  # b p c+1
    weighted = inputs * (balance_object + balance_background)[..., None]
    gram = weighted.mT @ inputs  # b c+1 c+1
    target = inputs.mT @ (balance_object - balance_background)[..., None]  # b c+1 1
    channels = pixels.shape[2]
    weights = pixels.new_zeros(len(pixels), len(selections), channels + 1)
    for r, selection in enumerate(selections):
        chosen = torch.tensor([*range(*selection.indices(channels)), channels], device=pixels.device)
        ridge = torch.full((len(chosen),), penalty, device=pixels.device)
        ridge[-1] = 1e-6  # the bias is free
        system = gram[:, chosen[:, None], chosen] + torch.diag(ridge)
        weights[:, r, chosen] = torch.linalg.solve(system, target[:, chosen])[..., 0]
    biases = weights[..., -1] - (weights[..., :-1] @ centre.mT)[..., 0]
    return weights[..., :-1], biases
