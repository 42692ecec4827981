"""A concept's tensors, checked and made ready for the network that is to apply it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from asgnet.apply.concept.adaptation import Adaptation, is_thin
from asgnet.apply.concept.file import Concept
from asgnet.errors import WeightsError
from asgnet.model.default.calibration import Calibration
from asgnet.model.default.network import DefaultNet
from asgnet.model.default.pixel_head import PixelHead, levels_of
from asgnet.model.default.support_statistics import SupportStatistics

CLOSER = "closer"
"""Tensor ``n``, bool: the classes at the fine working scale, see :mod:`asgnet.apply.inference.working_scale`."""
BLANK = 64
"""Side of the blank picture that shows what tensors a network makes."""
PER_PROTOTYPE = ("object", "object_valid"), ("background", "background_valid")
"""Tensors that have as many entries as there are prototypes, in pairs."""


class ClassFit(NamedTuple):
    """What n classes' predictions need.

    Attributes:
        classes: n names.
        statistics: with n as its batch.
        adaptations: n.
        pixel_head: of n classes.
        use_appearance: ``n``, 0 or 1.
        fusion_weights: ``n`` in [0, 1], of the pixel head.
    """

    classes: tuple[str, ...]
    statistics: SupportStatistics
    adaptations: tuple[Adaptation, ...]
    pixel_head: PixelHead
    use_appearance: Tensor
    fusion_weights: Tensor

    def thin(self, numbers: Calibration) -> list[bool]:
        """n; is the class a thin structure?"""
        pairs = zip(self.adaptations, self.statistics.imagenet_logits, strict=True)
        return [is_thin(one.fusion_weight, float(own @ around), numbers) for one, (own, around) in pairs]


def concept_tensors(concept: Concept, device: torch.device) -> dict[bool, ClassFit]:
    """A concept's tensors on a device, of the classes at the usual working scale (False) and the fine one."""
    adaptations, fine = Adaptation.from_arrays(concept.tensors), at_fine_scale(concept)
    found = {}
    for scale in sorted(set(fine)):
        those = [i for i, own in enumerate(fine) if own == scale]
        tensors = {name: torch.from_numpy(array[those]).to(device) for name, array in concept.tensors.items()}
        found[scale] = ClassFit(
            tuple(concept.classes[i] for i in those),
            SupportStatistics(**{name: tensors[name] for name in SupportStatistics._fields}),
            tuple(adaptations[i] for i in those),
            PixelHead(tensors["adapted_weights"], tensors["adapted_bias"]),
            tensors["adapted_trust"],
            tensors["adapted_share"],
        )
    return found


def at_fine_scale(concept: Concept) -> list[bool]:
    """Which classes are at the fine working scale; concepts of the first version do not say: none is."""
    return concept.tensors[CLOSER].tolist() if CLOSER in concept.tensors else [False] * len(concept.classes)


def stacked(parts: Sequence[Tensor]) -> NDArray:
    """SupportStatistics of several classes side by side; missing prototypes are padding, which is not valid."""
    most = [max(sizes) for sizes in zip(*(p.shape for p in parts), strict=True)]
    padded = [
        F.pad(
            p, [end for size, to in zip(p.shape[:0:-1], most[:0:-1], strict=True) for end in (0, to - size)]
        )
        for p in parts
    ]
    return torch.cat(padded).cpu().numpy()


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


def expected_tensors(net: DefaultNet, device: torch.device) -> dict[str, NDArray]:
    """A concept's tensors as this network makes them, of a blank picture with one class."""
    masks = torch.ones(1, 1, BLANK, BLANK, dtype=torch.uint8, device=device)
    with torch.inference_mode():
        features = net.encode(torch.zeros(1, 3, BLANK, BLANK, device=device))
        statistics = net.learn(features, masks)
    width = sum(level.shape[1] for level in levels_of(features, net.read))
    adaptation = Adaptation(1.0, 0.0, np.zeros(width, np.float32), 0.0)
    arrays = {name: tensor.cpu().numpy() for name, tensor in statistics._asdict().items()}
    return arrays | Adaptation.to_arrays([adaptation]) | {CLOSER: np.array([False])}
