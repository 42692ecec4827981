"""A concept's tensors, checked and made ready for the network that is to apply it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.concept.adaptation import Adaptation, is_thin
from asgnet.apply.concept.file import Concept
from asgnet.errors import WeightsError
from asgnet.model.default.calibration import Calibration
from asgnet.model.default.pooling import PooledStatistics

CLOSER = "closer"
"""Tensor ``n``, bool: the classes at the fine working scale, see :mod:`asgnet.apply.inference.working_scale`."""
PER_PROTOTYPE = ("object", "object_valid"), ("background", "background_valid")
"""Tensors that have as many entries as there are prototypes, in pairs."""


class ClassFit(NamedTuple):
    """What n classes' predictions need.

    Attributes:
        classes: n names.
        statistics: of n classes.
        adaptations: n.
    """

    classes: tuple[str, ...]
    statistics: PooledStatistics
    adaptations: tuple[Adaptation, ...]

    @property
    def inputs(self) -> dict[str, NDArray]:
        """What the decoding graph takes of classes, by name."""
        return decode_inputs(self.statistics, self.adaptations)

    def thin(self, numbers: Calibration) -> list[bool]:
        """n; is the class a thin structure?"""
        pairs = zip(self.adaptations, self.statistics.kinds, strict=True)
        return [is_thin(one.fusion_weight, float(own @ around), numbers) for one, (own, around) in pairs]


def decode_inputs(statistics: PooledStatistics, adaptations: Sequence[Adaptation]) -> dict[str, NDArray]:
    """Of n classes, the decoding graph's inputs by name."""
    return {
        "use_appearance": np.array([one.use_appearance for one in adaptations], np.float32),
        "fusion_weight": np.array([one.fusion_weight for one in adaptations], np.float32),
        "head_weights": np.stack([one.weights for one in adaptations]).astype(np.float32),
        "head_bias": np.array([one.bias for one in adaptations], np.float32),
        **statistics._asdict(),
    }


def concept_tensors(concept: Concept) -> dict[bool, ClassFit]:
    """A concept's tensors, of the classes at the usual working scale (False) and the fine one."""
    adaptations, fine = Adaptation.from_arrays(concept.tensors), at_fine_scale(concept)
    found = {}
    for scale in sorted(set(fine)):
        those = [i for i, own in enumerate(fine) if own == scale]
        found[scale] = ClassFit(
            tuple(concept.classes[i] for i in those),
            PooledStatistics(*(concept.tensors[name][those] for name in PooledStatistics._fields)),
            tuple(adaptations[i] for i in those),
        )
    return found


def at_fine_scale(concept: Concept) -> list[bool]:
    """Which classes are at the fine working scale; concepts of the first version do not say: none is."""
    return concept.tensors[CLOSER].tolist() if CLOSER in concept.tensors else [False] * len(concept.classes)


def stacked(parts: Sequence[NDArray]) -> NDArray:
    """Arrays of several classes side by side; missing prototypes are padding, which is not valid."""
    most = np.max([part.shape[1:] for part in parts], axis=0).astype(int)
    padded = [
        np.pad(part, [(0, 0), *((0, to - size) for size, to in zip(part.shape[1:], most, strict=True))])
        for part in parts
    ]
    return np.concatenate(padded)


def check_concept(concept: Concept, expected: Mapping[str, NDArray]) -> None:
    """Is every tensor there, and of the shape and type that the network makes?

    Args:
        concept: may come from anybody.
        expected: as :func:`expected_tensors`.

    Raises:
        WeightsError: one is missing, of another shape or type, or holds numbers that are not finite.
    """
    remedy = "; the concept is damaged or of another version of asgnet: fit it again from its examples."
    for name, example in expected.items():
        if name not in concept.tensors and name == CLOSER:
            continue  # of the first version
        if name not in concept.tensors:
            raise WeightsError(f"The concept lacks {name}{remedy}")
        array = concept.tensors[name]
        wanted = (len(concept.classes), *example.shape[1:])
        if any(name in pair for pair in PER_PROTOTYPE):  # any number of them
            wanted = (wanted[0], max((*array.shape, 1, 1)[1], 1), *wanted[2:])
        if array.shape != wanted or array.dtype != example.dtype:
            found = f"{array.dtype} of shape {array.shape}, not {example.dtype} of shape {wanted}"
            raise WeightsError(f"The concept's {name} is {found}{remedy}")
        if not np.isfinite(array).all():
            raise WeightsError(f"The concept's {name} holds numbers that are not finite{remedy}")
    for vectors, valid in PER_PROTOTYPE:
        if concept.tensors[vectors].shape[1] != concept.tensors[valid].shape[1]:
            raise WeightsError(f"The concept's {vectors} and {valid} are of different numbers{remedy}")


def expected_tensors(statistics: PooledStatistics, head: NDArray) -> dict[str, NDArray]:
    """A concept's tensors as a network makes them.

    Args:
        statistics: of any class of one support.
        head: ``1 d``, the pixel head's weights.
    """
    arrays = statistics._asdict() | Adaptation.to_arrays([Adaptation(1.0, 0.0, head[0], 0.0)])
    return arrays | {CLOSER: np.array([False])}
