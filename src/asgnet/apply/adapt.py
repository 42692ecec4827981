"""What fitting measures on the supports: how far to trust appearance, where to cut, is it there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from asgnet.model.evidence_net import EvidenceNet


@dataclass(frozen=True)
class Adaptation:
    """One class's adaptation.

    Attributes:
        trust: in appearance, in [0, 1]; see :meth:`EvidenceNet.decide`.
        shift: added to the object logits.
        scale: the shifted logits are multiplied by it.
    """

    trust: float = 1.0
    shift: float = 0.0
    scale: float = 1.0

    def calibrated(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits of any shape -> probabilities."""
        return (1 / (1 + np.exp(-np.clip((logits + self.shift) * self.scale, -30, 30)))).astype(np.float32)

    def presence(self, logit: float, probability: NDArray[np.float32]) -> float:
        """Probability that the object is in a picture, from the network's own logit."""
        return float(1 / (1 + np.exp(-np.clip(logit, -30, 30))))

    @staticmethod
    def to_arrays(adaptations: Sequence[Adaptation]) -> dict[str, NDArray]:
        """One entry per class, for the Concept."""
        names = ("trust", "shift", "scale")
        return {name: np.array([getattr(a, name) for a in adaptations], np.float32) for name in names}

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray]) -> list[Adaptation]:
        """What :meth:`to_arrays` made."""
        columns = (arrays[name].tolist() for name in ("trust", "shift", "scale"))
        return [Adaptation(*values) for values in zip(*columns, strict=True)]


def adapt_to_supports(
    net: EvidenceNet, maps: Sequence[Tensor], masks: Tensor, enabled: bool = True, seed: int = 0
) -> Adaptation:
    """Measure on the supports."""
    return Adaptation()
