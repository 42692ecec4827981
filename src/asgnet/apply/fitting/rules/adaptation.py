"""What fitting measures on the supports: whose opinion to trust, and how far.

Three opinions exist about a picture: the decoder's with appearance (it knows objects in photographs), the
decoder's without, and the fine readout's (it knows pixels). They are asked about supports that they have not
learnt from, and overlap with the painted masks decides between the first two, and how much of the third to
mix in. With a single support nothing can be left out: appearance is trusted, and pixels count where what was
painted is of the same kind as what surrounds it, as a crack is and a cow is not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from asgnet.apply.fitting.rules.prior import Prior, sigmoid
from asgnet.apply.inference.edges import follow_edges
from asgnet.apply.inference.grid import enlarge
from asgnet.apply.inference.preprocess import side_by_side
from asgnet.imaging.iou import iou
from asgnet.model.default.grids import to_grid
from asgnet.model.default.network import DefaultNet
from asgnet.model.default.pixel_head import (
    FeatureMaps,
    GramMatrices,
    fit_pixel_head,
    gram_matrices,
    pixel_scores,
)
from asgnet.model.default.presence import mean_of_first
from asgnet.model.default.support_statistics import SupportStatistics, repeat
from asgnet.types import Mask, Picture

GAIN = 4.0
"""Logits per unit of the fine readout's score, which is ±1 on the supports."""
STRONGEST = 0.8
"""Presence per logit of the strongest four-hundredth of an answer."""
OWN = 0.2
"""Weight, per shot, of the network's judgement and the strongest beside likeness; at most 1."""
KIN = 8.0
"""Presence per unit of likeness. Both chosen on fold 2, at one shot and at five."""
OUTSIDE = 2.0
"""By how much logits below 0 are multiplied: around objects the decoder doubts too little. Chosen on fold 2,
like the numbers of :class:`~asgnet.apply.fitting.rules.prior.Prior`; it moves no mask.
"""
FOLDS = 5
"""Supports are left out one by one, or in this many groups if they are more."""
SHARES = (0.0, 0.25, 0.5, 0.75)
"""Of the fine readout in the mixtures that are tried; alone it never is the best."""


@dataclass(frozen=True)
class Adaptation:
    """One class's adaptation.

    Attributes:
        trust: 1 with appearance, 0 without; see :meth:`DefaultNet.decide`.
        share: of the fine readout in the answer, in [0, 1].
        weights: ``d``, the fine readout's; bias: its bias.
        shift: added to the logits.
        doubt: taken from the presence logit of :func:`believe`.
    """

    trust: float
    share: float
    weights: NDArray[np.float32]
    bias: float
    shift: float = 0.0
    doubt: float = 0.0

    def calibrated(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits of any shape -> probabilities of the same shape."""
        shifted = torch.from_numpy(logits) + self.shift
        return torch.minimum(shifted, OUTSIDE * shifted).sigmoid_().numpy()

    def presence(self, logit: float) -> float:
        """Probability that the object is in a picture, from the logit of :func:`believe`."""
        return sigmoid(logit - self.doubt)

    @staticmethod
    def to_arrays(adaptations: Sequence[Adaptation]) -> dict[str, NDArray]:
        """One entry per class, for the Concept."""
        names = Adaptation.__dataclass_fields__
        return {f"adapted_{n}": np.array([getattr(a, n) for a in adaptations], np.float32) for n in names}

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray]) -> list[Adaptation]:
        """What :meth:`to_arrays` made; KeyError if something is missing."""
        columns = [arrays[f"adapted_{name}"] for name in Adaptation.__dataclass_fields__]
        return [
            Adaptation(*(v if np.ndim(v) else float(v) for v in values))
            for values in zip(*columns, strict=True)
        ]


class Measured(NamedTuple):
    """What was measured on one class's supports.

    Attributes:
        adaptation: with what follows from it.
        agreement: mean overlap of left-out supports with what is found in them by that adaptation; 0 where
            none was left out.
    """

    adaptation: Adaptation
    agreement: float


def mix(decided: Tensor, scores: Tensor, share: Tensor) -> Tensor:
    """``n h w`` decoder logits and ``n h' w'`` fine scores -> ``n h' w'`` logits.

    Args:
        decided: the decoder's object logits.
        scores: of the fine readout.
        share: ``n`` in [0, 1], of the latter.
    """
    share = share[:, None, None]
    return (1 - share) * to_grid(decided[None], scores.shape[-2:])[0] + share * GAIN * scores


def believe(presence: Tensor, logits: Tensor, likeness: Tensor, shots: Tensor) -> Tensor:
    """Three signs of presence -> ``n`` logits.

    An object that is there is found with certainty somewhere, on classes that training never saw more
    reliably so than the network's own judgement; and what is found is then of the kind that was shown. With
    few supports kinds are the better sign.

    Args:
        presence: ``n`` logits of the network.
        logits: ``n h w``, the answer's.
        likeness: ``n``, see :meth:`DefaultNet.class_similarity`.
        shots: ``n``, how many supports taught.
    """
    cells = F.avg_pool2d(logits[:, None], 4, ceil_mode=True).flatten(1)
    ranked = cells.sort(1, descending=True).values
    strongest = mean_of_first(ranked, 400)
    return (OWN * shots).clamp(max=1) * (presence + STRONGEST * strongest) + KIN * likeness


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
        appearance, plain = _left_out(net, seen, masks, examples, moments, prior, alike)
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
    kinship: float,
) -> NDArray[np.float64]:
    """Mean overlap with supports that were not learnt from: ``2 s``, of the decoder with appearance and
    without it, mixed with each of SHARES.
    """
    count = len(masks)
    folds = min(count, FOLDS)
    overlaps = []
    for fold in range(folds):
        tested = list(range(fold, count, folds))
        others = [i for i in range(count) if i not in tested]
        readout = fit_pixel_head([moments[i] for i in others], net.config.calibration.pixel_penalty)
        knowledge = net.learn(*side_by_side([seen[i] for i in others], [masks[i] for i in others]))
        for i in tested:
            scores = pixel_scores(seen[i], readout, net.read)[0]
            mixed = _mixtures(_opinions(net, seen[i], knowledge), scores, prior)
            picture, painted = examples[i]
            overlaps.append([iou(m, painted) for m in _drawn(mixed.cpu(), picture, prior, kinship)])
    return np.mean(overlaps, axis=0).reshape(2, len(SHARES))


def _mixtures(opinions: Tensor, scores: Tensor, prior: Prior) -> Tensor:
    """``2s h' w'``: logits ``2 h w``, each mixed with each of SHARES of ``1 h' w'`` scores."""
    shares = scores.new_tensor(SHARES)
    shifts = scores.new_tensor([prior.shifted(s) for s in SHARES])[:, None, None]
    each = [mix(one.expand(len(SHARES), -1, -1), scores, shares) + shifts for one in opinions]
    return torch.cat(each)


def _drawn(logits: Tensor, picture: Picture, prior: Prior, kinship: float) -> NDArray[np.bool_]:
    """Masks ``2s H W`` of logits ``2s h w``: along the picture's edges if one of the mixtures may be of fine
    things, for a line of a pixel is nothing before it follows them. Of others that was found worse.
    """
    fine = [prior.fine(share, kinship) for share in SHARES] * 2
    return (follow_edges(logits, picture, fine) if any(fine) else enlarge(logits, picture.shape[:2])) > 0


def _moments(
    net: DefaultNet, views: Sequence[Sequence[FeatureMaps]], masks: Sequence[Tensor], seed: int
) -> list[GramMatrices]:
    """Of each support, all its views together."""
    each = [gram_matrices(view, masks, net.read, net.config.calibration, seed) for view in views]
    return [GramMatrices(*map(sum, zip(*of_one, strict=True))) for of_one in zip(*each, strict=True)]


def _opinions(net: DefaultNet, seen: FeatureMaps, knowledge: SupportStatistics) -> Tensor:
    """``2 h w``: the decoder's object logits of one picture, with appearance and without."""
    trusts = torch.tensor([1.0, 0.0], device=knowledge.means.device)
    allocation = net.allocate(seen, repeat(knowledge, 2))
    logits = net.decode(seen, allocation, appearance=trusts).logits  # 2 2 h w
    return logits[:, 1] - logits[:, 0]
