"""What fitting measured of one class: how the network's heads are combined and calibrated for it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from asgnet.model.default.calibration import Calibration
from asgnet.model.default.spatial_head import SpatialHead, split_heads, stacked_heads

TENSORS = {
    "use_appearance": "adapted_trust",
    "fusion_weight": "adapted_share",
    "weights": "adapted_weights",
    "bias": "adapted_bias",
    "shift": "adapted_shift",
    "presence_bias": "adapted_doubt",
}
"""The names of an adaptation's tensors in a concept file, see :mod:`asgnet.apply.concept.file`."""


@dataclass(frozen=True)
class Adaptation:
    """One class's adaptation.

    Attributes:
        use_appearance: 1 if the decoder sees the query's projected features, else 0.
        fusion_weight: of the pixel head in the fused logits, in [0, 1].
        weights: ``d``, the pixel head's.
        bias: the pixel head's.
        shift: added to the logits.
        presence_bias: subtracted from the presence logit.
        spatial: the spatial head, if one was fitted.
        spatial_weight: of its logits beside the fused ones, in [0, 1].
    """

    use_appearance: float
    fusion_weight: float
    weights: NDArray[np.float32]
    bias: float
    shift: float = 0.0
    presence_bias: float = 0.0
    spatial: SpatialHead | None = None
    spatial_weight: float = 0.0

    def calibrated(self, logits: NDArray[np.float32], background_gain: float) -> NDArray[np.float32]:
        """Logits of any shape -> probabilities of the same shape.

        Args:
            logits: fused ones.
            background_gain: logits below 0 are multiplied by it, at least 1: around objects the decoder is
                not certain enough. It moves no mask.
        """
        shifted = logits + np.float32(self.shift)
        return expit(np.minimum(shifted, np.float32(background_gain) * shifted))

    def presence(self, logit: float) -> float:
        """Probability that the object is in a picture, from :func:`~asgnet.model.default.fusion.presence_logit`."""
        return sigmoid(logit - self.presence_bias)

    @staticmethod
    def to_arrays(adaptations: Sequence[Adaptation]) -> dict[str, NDArray]:
        """One entry per class, for the Concept."""
        arrays: dict[str, NDArray] = {
            key: np.array([getattr(one, name) for one in adaptations], np.float32)
            for name, key in TENSORS.items()
        }
        return arrays | heads_to_arrays(adaptations)

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray]) -> list[Adaptation]:
        """What :meth:`to_arrays` made; KeyError if something is missing."""
        columns = {name: arrays[key] for name, key in TENSORS.items()}
        weights = columns.pop("weights")
        found, followed, _ = split_heads(arrays)
        heads: Sequence[SpatialHead | None] = found or [None] * len(weights)
        followed = followed or [0.0] * len(weights)
        return [
            Adaptation(
                weights=own,
                spatial=head,
                spatial_weight=weight,
                **dict(zip(columns, map(float, numbers), strict=True)),
            )
            for own, head, weight, *numbers in zip(weights, heads, followed, *columns.values(), strict=True)
        ]


def heads_to_arrays(adaptations: Sequence[Adaptation]) -> dict[str, NDArray]:
    """The spatial heads of n classes, ``n …`` each; nothing if there is none. One that is missing is zeros."""
    heads = [one.spatial for one in adaptations]
    some = next((head for head in heads if head is not None), None)
    if some is None:
        return {}
    blank = SpatialHead(*map(np.zeros_like, some))
    return stacked_heads([head or blank for head in heads], [one.spatial_weight for one in adaptations])


def is_thin(fusion_weight: float, similarity: float, numbers: Calibration) -> bool:
    """Is a class a thin structure, as threads and letters are, whose masks narrow windows draw best?

    Pixels have a large part in its masks, and the object looks like what surrounds it. Pixels tell much of
    clothes, too, but they are as broad as other objects.

    Args:
        fusion_weight: of the pixel head.
        similarity: cosine of the object's ImageNet logits with its surroundings'.
        numbers: the bounds of both.
    """
    return fusion_weight >= numbers.thin_fusion_weight and similarity > numbers.similar_surroundings


def sigmoid(x: float) -> float:
    """In (0, 1), of any number."""
    return 1 / (1 + math.exp(-min(max(x, -30.0), 30.0)))
