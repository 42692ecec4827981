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

from asgnet.apply.sight import side_by_side
from asgnet.model.evidence import Knowledge, repeat
from asgnet.model.evidence_net import EvidenceNet
from asgnet.model.fine import Moments, Seen, fine_scores, fit_fine, pixel_moments
from asgnet.model.grids import to_grid
from asgnet.model.presence import mean_of_first
from asgnet.types import IGNORE

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
like the numbers of :class:`Prior`; it moves no mask.
"""
FOLDS = 5
"""Supports are left out one by one, or in this many groups if they are more."""
SHARES = (0.0, 0.25, 0.5, 0.75)
"""Of the fine readout in the mixtures that are tried; alone it never is the best."""


@dataclass(frozen=True)
class Adaptation:
    """One class's adaptation.

    Attributes:
        trust: 1 with appearance, 0 without; see :meth:`EvidenceNet.decide`.
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
        return _sigmoid(logit - self.doubt)

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


@dataclass(frozen=True)
class Prior:
    """What is believed before anything is measured.

    The numbers were chosen on classes of VOC's fold 2, on clothing and on facades, with models that have seen
    none of them, and on scenes made of scikit-image's photographs (``docs/results.md``).

    Attributes:
        lead: of the decoder without appearance, in overlap, from which it is believed; mixing the two, at any
            ratio, was no better than the one that leads, and takes twice the time.
        alike: cosine of the object's kind with its surroundings' at which they count as half alike;
            ``alike_gain``: steepness of that.
        alone: share of the fine readout where they are alike, with a single support. What the readout and the
            decoder reach on other pixels of that support, also under other light, foretold nothing about
            other pictures.
        credit: overlap that the readout is given in advance there, for a whole share, over all k supports.
        shift: the decoder is too shy: added to its logits. A shift that made the left-out supports' masks
            best was two points worse on other pictures.
        doubt: the network's presence logit, with the strongest, at which one support leaves it open; with k
            supports answers are surer, so ``doubt_gain`` · ln k more is asked.
        kin_doubt: the same of likeness, between what separates best on fold 2 (-2.4) and on the scenes
            (-0.5).
    """

    lead: float = 0.07
    alike: float = 0.75
    alike_gain: float = 20.0
    alone: float = 0.4
    credit: float = 0.3
    shift: float = 0.3
    doubt: float = 3.8
    doubt_gain: float = 0.7
    kin_doubt: float = -2.0

    def kinship(self, kinds: Tensor) -> float:
        """In [0, 1], one half at ``alike``: is what was painted of the same kind as what surrounds it?

        Args:
            kinds: ``2 s``, see :class:`~asgnet.model.evidence.Knowledge`.
        """
        return _sigmoid((float(kinds[0] @ kinds[1]) - self.alike) * self.alike_gain)

    def shifted(self, share: float) -> float:
        """By how much a mixture's logits are shifted: the readout, of a share in [0, 1], is not shy."""
        return self.shift * (1 - share)


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
        likeness: ``n``, see :meth:`EvidenceNet.likeness`.
        shots: ``n``, how many supports taught.
    """
    cells = F.avg_pool2d(logits[:, None], 4, ceil_mode=True).flatten(1)
    ranked = cells.sort(1, descending=True).values
    strongest = mean_of_first(ranked, 400)
    return (OWN * shots).clamp(max=1) * (presence + STRONGEST * strongest) + KIN * likeness


def adapt_to_supports(
    net: EvidenceNet,
    seen: Sequence[Seen],
    masks: Sequence[Tensor],
    kinds: Tensor,
    enabled: bool = True,
    seed: int = 0,
    prior: Prior | None = None,
    views: Sequence[Sequence[Seen]] = (),
) -> Measured:
    """Fit the fine readout and measure whom to trust.

    Args:
        net: in eval mode.
        seen: the k supports.
        masks: each ``H W`` in {0, 1, 255}.
        kinds: ``2 s``, of the object and of what surrounds it, see :class:`~asgnet.model.evidence.Knowledge`.
        enabled: False: the prior's numbers, the readout has no share.
        seed: of the pixels that the readout is fitted on.
        prior: by default :class:`Prior`'s numbers.
        views: the supports once more under other light; the readout is fitted on them too.
    """
    prior = Prior() if prior is None else prior
    moments = _moments(net, (seen, *views), masks, seed)
    readout = fit_fine(moments)
    trust, share, agreement = 1.0, 0.0, 0.0
    alike = prior.kinship(kinds)
    if enabled and len(masks) > 1:
        appearance, plain = _left_out(net, seen, masks, moments, prior)
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
    net: EvidenceNet,
    seen: Sequence[Seen],
    masks: Sequence[Tensor],
    moments: Sequence[Moments],
    prior: Prior,
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
        readout = fit_fine([moments[i] for i in others])
        knowledge = net.learn(*side_by_side([seen[i] for i in others], [masks[i] for i in others]))
        for i in tested:
            scores = fine_scores(seen[i], readout, net.read)
            overlaps.append([_mixed(a, scores, masks[i], prior) for a in _opinions(net, seen[i], knowledge)])
    return np.mean(overlaps, axis=0)


def _mixed(opinion: Tensor, scores: Tensor, mask: Tensor, prior: Prior) -> list[float]:
    """Overlap with a mask: of logits ``h w`` mixed with each of SHARES of ``1 h' w'`` scores."""
    return [
        _overlap(mix(opinion[None], scores, scores.new_tensor([share]))[0] + prior.shifted(share), mask)
        for share in SHARES
    ]


def _moments(
    net: EvidenceNet, views: Sequence[Sequence[Seen]], masks: Sequence[Tensor], seed: int
) -> list[Moments]:
    """Of each support, all its views together."""
    each = [pixel_moments(view, masks, net.read, seed) for view in views]
    return [Moments(*map(sum, zip(*of_one, strict=True))) for of_one in zip(*each, strict=True)]


def _opinions(net: EvidenceNet, seen: Seen, knowledge: Knowledge) -> tuple[Tensor, Tensor]:
    """The decoder's object logits ``h w`` of one picture, with appearance and without."""
    trusts = torch.tensor([1.0, 0.0], device=knowledge.means.device)
    logits = net.decide(seen.maps, repeat(knowledge, 2), appearance=trusts).logits  # 2 2 h w
    with_appearance, without = logits[:, 1] - logits[:, 0]
    return with_appearance, without


def _overlap(logits: Tensor, mask: Tensor) -> float:
    """IoU of ``h w`` logits with a ``H W`` mask, at the mask's size."""
    found = to_grid(logits[None, None], mask.shape)[0, 0] > 0
    there, valid = mask == 1, mask != IGNORE
    union = ((found | there) & valid).sum()
    return float((found & there).sum() / union.clamp(min=1))


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-min(max(x, -30.0), 30.0)))
