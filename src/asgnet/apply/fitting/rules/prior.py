"""What is believed of a class before anything is measured on its supports."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from asgnet.apply.concept.adaptation import SIMILAR, sigmoid


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
    alike: float = SIMILAR
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
            kinds: ``2 s``, see :class:`~asgnet.model.default.support_statistics.SupportStatistics`.
        """
        return sigmoid((float(kinds[0] @ kinds[1]) - self.alike) * self.alike_gain)

    def shifted(self, share: float) -> float:
        """By how much a mixture's logits are shifted: the readout, of a share in [0, 1], is not shy."""
        return self.shift * (1 - share)
