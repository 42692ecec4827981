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
from numpy.typing import NDArray

from asgnet.apply.concept.adaptation import Adaptation, is_thin
from asgnet.apply.concept.tensors import decode_inputs
from asgnet.apply.engines.backend import Backend
from asgnet.apply.engines.features import Features
from asgnet.apply.fitting.cross_predict import cross_predict
from asgnet.apply.fitting.rules.prior import asked_of_presence, kinship, shifted
from asgnet.apply.inference.edges import follow_edges
from asgnet.imaging.iou import iou
from asgnet.imaging.resize import bilinear
from asgnet.model.default.calibration import Calibration
from asgnet.model.default.pooling import PooledStatistics, pixel_head, pooled
from asgnet.model.default.support import SupportStatistics
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


Example = tuple[Features, Picture, Mask]
"""Of a support its features, and its picture and mask as they are kept."""


def adapt_to_supports(
    backend: Backend,
    supports: Sequence[SupportStatistics],
    statistics: PooledStatistics,
    examples: Sequence[Example],
    enabled: bool = True,
) -> Measured:
    """Fit the fine readout and measure whom to trust.

    Args:
        backend: of the network.
        supports: statistics of each of k supports.
        statistics: those of all of them, pooled.
        examples: the supports.
        enabled: False: the prior's numbers, the readout has no share.
    """
    numbers = backend.numbers
    weights, bias = pixel_head(supports, numbers.pixel_penalty)
    trust, share, agreement = 1.0, 0.0, 0.0
    similarity = float(statistics.kinds[0, 0] @ statistics.kinds[0, 1])
    alike = kinship(similarity, numbers)
    if enabled and len(supports) > 1:
        appearance, plain = _left_out(backend, supports, examples, similarity)
        # Mixing the two, at any ratio, was no better than the one that leads, and takes twice the time.
        trust = float(plain[0] - appearance[0] < numbers.appearance_margin)
        credit = numbers.prior_bonus * alike / len(supports) * np.array(numbers.fusion_weights)
        overlaps = appearance if trust else plain
        best = int((overlaps + credit).argmax())
        share, agreement = numbers.fusion_weights[best], float(overlaps[best])
    elif enabled:
        # What readout and decoder reach on other pixels of that support foretold nothing about other pictures.
        share = numbers.single_fusion_weight * alike
    doubt = asked_of_presence(len(supports), numbers)
    adaptation = Adaptation(trust, share, weights[0], float(bias[0]), shifted(share, numbers), doubt)
    return Measured(adaptation, agreement)


def _left_out(
    backend: Backend,
    supports: Sequence[SupportStatistics],
    examples: Sequence[Example],
    similarity: float,
) -> NDArray[np.float64]:
    """Mean overlap with supports that were not learnt from: ``2 s``, of the decoder with appearance and
    without it, mixed with each of the fusion weights.
    """
    numbers = backend.numbers

    def fit(others: Sequence[int]) -> dict[str, NDArray]:
        chosen = [supports[i] for i in others]
        weights, bias = pixel_head(chosen, backend.numbers.pixel_penalty)
        both = [Adaptation(trust, 0.0, weights[0], float(bias[0])) for trust in (1.0, 0.0)]
        statistics = pooled(chosen, backend.network.levels, backend.numbers)
        twice = {name: np.repeat(array, 2, 0) for name, array in statistics._asdict().items()}
        return decode_inputs(statistics._replace(**twice), both)

    def overlaps(inputs: dict[str, NDArray], i: int) -> list[float]:
        features, picture, painted = examples[i]
        decoded = backend.decode(features, inputs)
        mixed = [
            (1 - share) * logits + share * numbers.pixel_gain * decoded.scores[0] + shifted(share, numbers)
            for logits in decoded.logits
            for share in numbers.fusion_weights
        ]
        return [iou(mask, painted) for mask in _drawn(np.stack(mixed), picture, similarity, numbers)]

    found = cross_predict(len(supports), fit, overlaps, numbers.folds)
    return np.mean(found, axis=0).reshape(2, len(numbers.fusion_weights))


def _drawn(
    logits: NDArray[np.float32], picture: Picture, similarity: float, numbers: Calibration
) -> NDArray[np.bool_]:
    """Masks ``2s H W`` of logits ``2s h w``: along the picture's edges if one of the mixtures may be of fine
    things, for a line of a pixel is nothing before it follows them. Of others that was found worse.
    """
    fine = [is_thin(share, similarity, numbers) for share in numbers.fusion_weights] * 2
    size = picture.shape[:2]
    return (follow_edges(logits, picture, fine, numbers) if any(fine) else bilinear(logits, size)) > 0
