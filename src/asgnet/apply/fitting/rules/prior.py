"""What is believed of a class before anything is measured on its supports.

The numbers were chosen on classes of VOC's fold 2, on clothing and on facades, with models that have seen none of
them, and on scenes made of scikit-image's photographs (``docs/results.md``): see
:class:`~asgnet.model.default.calibration.Calibration`.
"""

from __future__ import annotations

import math

from asgnet.apply.concept.adaptation import sigmoid
from asgnet.model.default.calibration import Calibration


def kinship(similarity: float, numbers: Calibration) -> float:
    """In [0, 1], one half at ``similar_surroundings``: is what was painted of the same kind as what surrounds it?

    Args:
        similarity: cosine of the ImageNet logits of the two.
        numbers: where, and how steep.
    """
    beyond = similarity - numbers.similar_surroundings
    return sigmoid(beyond * numbers.similar_surroundings_gain)


def shifted(share: float, numbers: Calibration, windows: bool = False) -> float:
    """By how much a mixture's logits are shifted: the decoder is too shy, the readout, of a share in [0, 1], is not.

    In windows the decoder sees objects larger, and draws them too broad.

    A shift that made the left-out supports' masks best was two points worse on other pictures.
    """
    return (numbers.window_shift if windows else numbers.logit_shift) * (1 - share)


def asked_of_presence(shots: int, numbers: Calibration) -> float:
    """The presence logit that leaves it open: with more supports answers are surer, so more is asked."""
    own = numbers.presence_bias + numbers.presence_bias_gain * math.log(shots)
    return min(numbers.presence_per_shot * shots, 1.0) * own + numbers.class_bias
