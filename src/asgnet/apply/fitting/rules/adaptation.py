"""What fitting measures on the supports: whose opinion to trust, and how far.

Three opinions exist about a picture: the decoder's with appearance (it knows objects in photographs), the
decoder's without, and the fine readout's (it knows pixels). They are asked about supports that they have not
learnt from, and overlap with the painted masks decides between the first two, and how much of the third to
mix in. With a single support nothing can be left out: appearance is trusted, and pixels count where what was
painted is of the same kind as what surrounds it, as a crack is and a cow is not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asgnet.apply.concept.adaptation import Adaptation, is_thin
from asgnet.apply.engines.fusion import OWN, fuse
from asgnet.apply.fitting.cross_predict import cross_predict
from asgnet.apply.fitting.rules.prior import Prior
from asgnet.apply.fitting.support_features import side_by_side
from asgnet.apply.inference.edges import follow_edges
from asgnet.apply.inference.preprocess import enlarge
from asgnet.imaging.iou import iou
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

FOLDS = 5
"""Supports are left out one by one, or in this many groups if they are more."""
SHARES = (0.0, 0.25, 0.5, 0.75)
"""Of the fine readout in the mixtures that are tried; alone it never is the best."""


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
    prior: Prior | None = None,
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
        prior: by default :class:`~asgnet.apply.fitting.rules.prior.Prior`'s numbers.
        views: the supports once more under other light; the readout is fitted on them too.
    """
    prior = Prior() if prior is None else prior
    moments = _moments(net, (seen, *views), masks, seed)
    readout = fit_pixel_head(moments, net.config.calibration.pixel_penalty)
    trust, share, agreement = 1.0, 0.0, 0.0
    alike = prior.kinship(kinds)
    if enabled and len(masks) > 1:
        appearance, plain = _left_out(net, seen, masks, examples, moments, prior, kinds)
        trust = float(plain[0] - appearance[0] < prior.lead)
        credit = prior.credit * alike / len(masks) * np.array(SHARES)
        overlaps = appearance if trust else plain
        best = int((overlaps + credit).argmax())
        share, agreement = SHARES[best], float(overlaps[best])
    elif enabled:
        share = prior.alone * alike
    own_doubt = prior.doubt + prior.doubt_gain * math.log(len(masks))
    doubt = min(OWN * len(masks), 1.0) * own_doubt + prior.kin_doubt
    weights, bias = readout.weights[0].cpu().numpy(), float(readout.bias[0])
    return Measured(Adaptation(trust, share, weights, bias, prior.shifted(share), doubt), agreement)


def _left_out(
    net: DefaultNet,
    seen: Sequence[FeatureMaps],
    masks: Sequence[Tensor],
    examples: Sequence[tuple[Picture, Mask]],
    moments: Sequence[GramMatrices],
    prior: Prior,
    kinds: Tensor,
) -> NDArray[np.float64]:
    """Mean overlap with supports that were not learnt from: ``2 s``, of the decoder with appearance and
    without it, mixed with each of SHARES.
    """

    def fit(others: Sequence[int]) -> tuple[SupportStatistics, PixelHead]:
        readout = fit_pixel_head([moments[i] for i in others], net.config.calibration.pixel_penalty)
        return net.learn(*side_by_side([seen[i] for i in others], [masks[i] for i in others])), readout

    def overlaps(model: tuple[SupportStatistics, PixelHead], i: int) -> list[float]:
        knowledge, readout = model
        scores = pixel_scores(seen[i], readout, net.read)[0]
        mixed = _mixtures(_opinions(net, seen[i], knowledge), scores, prior)
        picture, painted = examples[i]
        return [iou(m, painted) for m in _drawn(mixed.cpu(), picture, float(kinds[0] @ kinds[1]))]

    return np.mean(cross_predict(len(masks), fit, overlaps, FOLDS), axis=0).reshape(2, len(SHARES))


def _mixtures(opinions: Tensor, scores: Tensor, prior: Prior) -> Tensor:
    """``2s h' w'``: logits ``2 h w``, each mixed with each of SHARES of ``1 h' w'`` scores."""
    shares = scores.new_tensor(SHARES)
    shifts = scores.new_tensor([prior.shifted(s) for s in SHARES])[:, None, None]
    each = [fuse(one.expand(len(SHARES), -1, -1), scores, shares) + shifts for one in opinions]
    return torch.cat(each)


def _drawn(logits: Tensor, picture: Picture, alike: float) -> NDArray[np.bool_]:
    """Masks ``2s H W`` of logits ``2s h w``: along the picture's edges if one of the mixtures may be of fine
    things, for a line of a pixel is nothing before it follows them. Of others that was found worse.
    """
    fine = [is_thin(share, alike) for share in SHARES] * 2
    return (follow_edges(logits, picture, fine) if any(fine) else enlarge(logits, picture.shape[:2])) > 0


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
