"""What fitting measures on the supports: whose opinion to trust, and how far.

Three opinions exist about a picture: the decoder's with appearance (it knows objects in photographs), the
decoder's without, and the fine readout's (it knows pixels). They are asked about supports that they have not
learnt from, and overlap with the painted masks decides between the first two, and how much of the third to
mix in. With a single support nothing can be left out: appearance is trusted, and pixels count where what was
painted is of the same kind as what surrounds it, as a crack is and a cow is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asgnet.apply.concept.adaptation import Adaptation, is_thin
from asgnet.apply.engines.fusion import fused_logits
from asgnet.apply.fitting.cross_predict import cross_predict
from asgnet.apply.fitting.rules.prior import asked_of_presence, kinship, shifted
from asgnet.apply.fitting.support_features import side_by_side
from asgnet.apply.inference.edges import follow_edges
from asgnet.apply.inference.preprocess import enlarge
from asgnet.imaging.iou import iou
from asgnet.model.default.calibration import Calibration
from asgnet.model.default.network import DefaultNet
from asgnet.model.default.pixel_head import (
    FeatureMaps,
    GramMatrices,
    PixelHead,
    fit_pixel_head,
    gram_matrices,
    pixel_scores,
)
from asgnet.model.default.support_statistics import SupportStatistics, repeat
from asgnet.types import Mask, Picture


class Measured(NamedTuple):
    """What was measured on one class's supports.

    Attributes:
        adaptation: with what follows from it.
        agreement: mean overlap of left-out supports with what is found in them by that adaptation; 0 where
            none was left out.
    """

    adaptation: Adaptation
    agreement: float


def adapt_to_supports(
    net: DefaultNet,
    seen: Sequence[FeatureMaps],
    masks: Sequence[Tensor],
    kinds: Tensor,
    examples: Sequence[tuple[Picture, Mask]],
    enabled: bool = True,
    seed: int = 0,
    views: Sequence[Sequence[FeatureMaps]] = (),
) -> Measured:
    """Fit the fine readout and measure whom to trust.

    Args:
        net: in eval mode.
        seen: the k supports.
        masks: each ``H W`` in {0, 1, 255}.
        kinds: ``2 s``, of the object and of what surrounds it, as in :class:`SupportStatistics`.
        examples: the supports and their masks as they are kept, where ``enabled`` and there are several.
        enabled: False: the prior's numbers, the readout has no share.
        seed: of the pixels that the readout is fitted on.
        views: the supports once more under other light; the readout is fitted on them too.
    """
    numbers = net.config.calibration
    moments = _moments(net, (seen, *views), masks, seed)
    readout = fit_pixel_head(moments, numbers.pixel_penalty)
    trust, share, agreement = 1.0, 0.0, 0.0
    alike = kinship(kinds, numbers)
    if enabled and len(masks) > 1:
        appearance, plain = _left_out(net, seen, masks, examples, moments, kinds)
        # Mixing the two, at any ratio, was no better than the one that leads, and takes twice the time.
        trust = float(plain[0] - appearance[0] < numbers.appearance_margin)
        credit = numbers.prior_bonus * alike / len(masks) * np.array(numbers.fusion_weights)
        overlaps = appearance if trust else plain
        best = int((overlaps + credit).argmax())
        share, agreement = numbers.fusion_weights[best], float(overlaps[best])
    elif enabled:
        # What readout and decoder reach on other pixels of that support foretold nothing about other pictures.
        share = numbers.single_fusion_weight * alike
    weights, bias = readout.weights[0].cpu().numpy(), float(readout.bias[0])
    doubt = asked_of_presence(len(masks), numbers)
    return Measured(Adaptation(trust, share, weights, bias, shifted(share, numbers), doubt), agreement)


def _left_out(
    net: DefaultNet,
    seen: Sequence[FeatureMaps],
    masks: Sequence[Tensor],
    examples: Sequence[tuple[Picture, Mask]],
    moments: Sequence[GramMatrices],
    kinds: Tensor,
) -> NDArray[np.float64]:
    """Mean overlap with supports that were not learnt from: ``2 s``, of the decoder with appearance and
    without it, mixed with each of the fusion weights.
    """
    numbers = net.config.calibration

    def fit(others: Sequence[int]) -> tuple[SupportStatistics, PixelHead]:
        readout = fit_pixel_head([moments[i] for i in others], numbers.pixel_penalty)
        return net.learn(*side_by_side([seen[i] for i in others], [masks[i] for i in others])), readout

    def overlaps(model: tuple[SupportStatistics, PixelHead], i: int) -> list[float]:
        knowledge, readout = model
        scores = pixel_scores(seen[i], readout, net.read)[0]
        mixed = _mixtures(_opinions(net, seen[i], knowledge), scores, numbers)
        picture, painted = examples[i]
        drawn = _drawn(mixed.cpu(), picture, float(kinds[0] @ kinds[1]), numbers)
        return [iou(m, painted) for m in drawn]

    found = cross_predict(len(masks), fit, overlaps, numbers.folds)
    return np.mean(found, axis=0).reshape(2, len(numbers.fusion_weights))


def _mixtures(opinions: Tensor, scores: Tensor, numbers: Calibration) -> Tensor:
    """``2s h' w'``: logits ``2 h w``, each mixed with each fusion weight of ``1 h' w'`` scores."""
    shares = scores.new_tensor(numbers.fusion_weights)
    shifts = scores.new_tensor([shifted(s, numbers) for s in numbers.fusion_weights])[:, None, None]
    each = [
        fused_logits(one.expand(len(shares), -1, -1), scores, shares, numbers.pixel_gain) + shifts
        for one in opinions
    ]
    return torch.cat(each)


def _drawn(logits: Tensor, picture: Picture, alike: float, numbers: Calibration) -> NDArray[np.bool_]:
    """Masks ``2s H W`` of logits ``2s h w``: along the picture's edges if one of the mixtures may be of fine
    things, for a line of a pixel is nothing before it follows them. Of others that was found worse.
    """
    fine = [is_thin(share, alike, numbers) for share in numbers.fusion_weights] * 2
    size = picture.shape[:2]
    return (follow_edges(logits, picture, fine, numbers) if any(fine) else enlarge(logits, size)) > 0


def _moments(
    net: DefaultNet, views: Sequence[Sequence[FeatureMaps]], masks: Sequence[Tensor], seed: int
) -> list[GramMatrices]:
    """Of each support, all its views together."""
    each = [gram_matrices(view, masks, net.read, net.config.calibration, seed) for view in views]
    return [
        GramMatrices(sum(g.object for g in of_one), sum(g.background for g in of_one))
        for of_one in zip(*each, strict=True)
    ]


def _opinions(net: DefaultNet, seen: FeatureMaps, knowledge: SupportStatistics) -> Tensor:
    """``2 h w``: the decoder's object logits of one picture, with appearance and without."""
    trusts = torch.tensor([1.0, 0.0], device=knowledge.means.device)
    allocation = net.allocate(seen, repeat(knowledge, 2))
    logits = net.decode(seen, allocation, appearance=trusts).logits  # 2 2 h w
    return logits[:, 1] - logits[:, 0]
