"""A concept's tensors, checked and made ready for the network that is to apply it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.concept.adaptation import Adaptation, heads_to_arrays, is_thin
from asgnet.apply.concept.file import Concept
from asgnet.apply.concept.scale import (
    BREADTH,
    SCALE,
    USUAL,
    Scale,
    check_scale,
    scales_of,
    scales_to_arrays,
    with_scale,
)
from asgnet.errors import WeightsError
from asgnet.model.default.calibration import Calibration
from asgnet.model.default.pooling import PooledStatistics
from asgnet.model.default.spatial_head import SpatialHead

REMEDY = "; the concept is damaged or of another version of asgnet: fit it again from its examples."
WINDOW = "window."
"""Begins the names of the tensors that classes have for windows, beside those for one view; zeros for others."""
SPATIAL = "spatial_"
"""Begins the names of a spatial head's tensors; a concept has all of them or none."""
PER_PROTOTYPE = ("object", "object_valid"), ("background", "background_valid")
"""Tensors that have as many entries as there are prototypes, in pairs."""


class ClassFit(NamedTuple):
    """What n classes' predictions need.

    Attributes:
        classes: n names.
        statistics: of n classes.
        adaptations: n.
        breadths: n; how broad their objects are at their working scale, in network pixels; 0: unknown.
        whole: of classes that are seen in windows what one view of the whole picture needs.
    """

    classes: tuple[str, ...]
    statistics: PooledStatistics
    adaptations: tuple[Adaptation, ...]
    breadths: tuple[float, ...]
    whole: ClassFit | None = None

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
        **heads_to_arrays(adaptations),
    }


def concept_tensors(concept: Concept) -> dict[Scale, ClassFit]:
    """A concept's tensors, of the classes at each working scale."""
    tensors = with_scale(concept.tensors, len(concept.classes))
    scales = scales_of(tensors, len(concept.classes))
    found = {}
    for scale in sorted(set(scales)):
        those = [i for i, own in enumerate(scales) if own == scale]
        fit = _class_fit(tensors, concept.classes, those, tensors[BREADTH])
        if scale.in_windows:
            fit = _class_fit(in_windows(tensors), concept.classes, those, tensors[BREADTH])._replace(
                whole=fit
            )
        found[scale] = fit
    return found


def _class_fit(
    arrays: Mapping[str, NDArray], classes: Sequence[str], those: Sequence[int], breadths: NDArray
) -> ClassFit:
    adaptations = Adaptation.from_arrays(arrays)
    return ClassFit(
        tuple(classes[i] for i in those),
        PooledStatistics(*(arrays[name][those] for name in PooledStatistics._fields)),
        tuple(adaptations[i] for i in those),
        tuple(map(float, breadths[those])),
    )


def in_windows(tensors: Mapping[str, NDArray]) -> dict[str, NDArray]:
    """Those for windows, by the names of the others; empty if no class is seen so."""
    return {name[len(WINDOW) :]: array for name, array in tensors.items() if name.startswith(WINDOW)}


def for_windows(arrays: Mapping[str, NDArray]) -> dict[str, NDArray]:
    """The other way round."""
    return {WINDOW + name: array for name, array in arrays.items()}


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
    n, arrays = len(concept.classes), concept.tensors
    unsaid = {SCALE, BREADTH} - set(arrays)  # of an earlier asgnet
    wanted = {name: one for name, one in expected.items() if len(unsaid) < 2 or name not in unsaid}
    _check_tensors(arrays, wanted, n)
    scales = scales_of(arrays, n)
    if not all(map(check_scale, scales)):
        raise WeightsError(f"The concept's {SCALE} is none{REMEDY}")
    if any(scale.in_windows for scale in scales):
        own = {name: one for name, one in expected.items() if name not in (SCALE, BREADTH)}
        _check_tensors(in_windows(arrays), own, n)


def _check_tensors(arrays: Mapping[str, NDArray], expected: Mapping[str, NDArray], classes: int) -> None:
    for name, example in expected.items():
        if name.startswith(SPATIAL) and not any(key.startswith(SPATIAL) for key in arrays):
            continue  # fitted quickly, in windows, or by an earlier version
        if name not in arrays:
            raise WeightsError(f"The concept lacks {name}{REMEDY}")
        array = arrays[name]
        wanted = (classes, *example.shape[1:])
        if any(name in pair for pair in PER_PROTOTYPE):  # any number of them
            wanted = (wanted[0], max((*array.shape, 1, 1)[1], 1), *wanted[2:])
        if array.shape != wanted or array.dtype != example.dtype:
            found = f"{array.dtype} of shape {array.shape}, not {example.dtype} of shape {wanted}"
            raise WeightsError(f"The concept's {name} is {found}{REMEDY}")
        if not np.isfinite(array).all():
            raise WeightsError(f"The concept's {name} holds numbers that are not finite{REMEDY}")
    for vectors, valid in PER_PROTOTYPE:
        if arrays[vectors].shape[1] != arrays[valid].shape[1]:
            raise WeightsError(f"The concept's {vectors} and {valid} are of different numbers{REMEDY}")


def expected_tensors(statistics: PooledStatistics, head: NDArray, spatial: SpatialHead) -> dict[str, NDArray]:
    """A concept's tensors as a network makes them.

    Args:
        statistics: of any class of one support.
        head: ``1 d``, the pixel head's weights.
        spatial: of any class.
    """
    one = Adaptation(1.0, 0.0, head[0], 0.0, spatial=spatial)
    arrays = statistics._asdict() | Adaptation.to_arrays([one])
    return arrays | scales_to_arrays([USUAL], [0.0])
