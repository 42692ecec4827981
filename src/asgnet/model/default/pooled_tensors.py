"""What the supports of an episode come to: prototypes, readouts, pixels, and how well they separate."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class PooledTensors(NamedTuple):
    """Of ``k`` supports, for ``b`` episodes; C is all levels' channels side by side.

    The fields are the tensors of a concept file and the inputs of exported graphs, so their names stay.

    Attributes:
        object, background: ``b n C`` prototypes, unit length within each level.
        object_valid, background_valid: ``b n`` bool.
        means: ``b 2 C``, one mean prototype each of object and background.
        readouts: ``b r C``; biases: ``b r``.
        pixels: ``b 2 m D``, object and background pixels at the fused levels, D channels; seen: ``b 2`` bool.
        centre, spread: ``b e``, mean and standard deviation of each similarity map on the supports.
        facts: ``b f``, the episode statistics: separation of the maps on the supports, 1 / shots, and the
            square root of the object's part of what is not ignored.
        kinds: ``b 2 s``, ImageNet logits of the object and of what surrounds it, see
            :class:`~asgnet.model.default.imagenet.ImageNetHead`; ``b 2 0`` where they are not needed.
    """

    object: Tensor
    background: Tensor
    object_valid: Tensor
    background_valid: Tensor
    means: Tensor
    readouts: Tensor
    biases: Tensor
    pixels: Tensor
    seen: Tensor
    centre: Tensor
    spread: Tensor
    facts: Tensor
    kinds: Tensor

    @property
    def episode(self) -> Tensor:
        """``b f``, the episode statistics."""
        return self.facts

    @property
    def imagenet_logits(self) -> Tensor:
        """``b 2 s``."""
        return self.kinds

    @property
    def shots(self) -> Tensor:
        """``b``, the number of supports."""
        return 1 / self.facts[:, -2]


def repeat(statistics: PooledTensors, times: int) -> PooledTensors:
    """Every episode's statistics for each of its shots: ``b …`` -> ``bk …``."""
    return PooledTensors(*(t if t.numel() == 0 else t.repeat_interleave(times, 0) for t in statistics))
