"""A concept made ready to predict with, once it is known to fit the network that is to apply it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from asgnet.apply.fitting.rules.adaptation import Adaptation, adapt_to_supports
from asgnet.apply.fitting.rules.prior import Prior
from asgnet.errors import WeightsError
from asgnet.model.default.network import DefaultNet
from asgnet.model.default.pixel_head import PixelHead
from asgnet.model.default.support_statistics import SupportStatistics
from asgnet.types import Concept

CLOSER = "closer"
"""Tensor ``n``, bool: the classes that are seen closer, see :func:`asgnet.apply.inference.grid.side_of`."""
BLANK = 64
"""Side of the blank picture that shows what tensors a network makes."""
PER_PROTOTYPE = ("object", "object_valid"), ("background", "background_valid")
"""Tensors that have as many entries as there are prototypes, in pairs."""


class ClassFit(NamedTuple):
    """What n classes' predictions need.

    Attributes:
        classes: n names.
        knowledge: with n as its batch.
        adaptations: n.
        readout: the fine one, of n classes.
        trusts: ``n``, in appearance, 0 or 1; shares: ``n``, of the fine readout.
    """

    classes: tuple[str, ...]
    knowledge: SupportStatistics
    adaptations: tuple[Adaptation, ...]
    readout: PixelHead
    trusts: Tensor
    shares: Tensor

    @property
    def fine(self) -> list[bool]:
        """n; is it a class of fine things, see :meth:`~asgnet.apply.fitting.rules.prior.Prior.fine`?"""
        prior, pairs = Prior(), zip(self.adaptations, self.knowledge.kinds, strict=True)
        return [prior.fine(one.share, prior.kinship(kinds)) for one, kinds in pairs]


def recall(concept: Concept, device: torch.device) -> dict[bool, ClassFit]:
    """A concept's tensors on a device: of the classes that are seen as usual, and of those seen closer."""
    adaptations, closer = Adaptation.from_arrays(concept.tensors), closer_of(concept)
    found = {}
    for near in sorted(set(closer)):
        those = [i for i, own in enumerate(closer) if own == near]
        tensors = {name: torch.from_numpy(array[those]).to(device) for name, array in concept.tensors.items()}
        found[near] = ClassFit(
            tuple(concept.classes[i] for i in those),
            SupportStatistics(**{name: tensors[name] for name in SupportStatistics._fields}),
            tuple(adaptations[i] for i in those),
            PixelHead(tensors["adapted_weights"], tensors["adapted_bias"]),
            tensors["adapted_trust"],
            tensors["adapted_share"],
        )
    return found


def closer_of(concept: Concept) -> list[bool]:
    """Which classes are seen closer; concepts made before any was do not say."""
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


def check_concept(concept: Concept, net: DefaultNet, device: torch.device) -> None:
    """Is every tensor there, and of the shape and type that this network makes?

    Raises:
        WeightsError: one is missing, of another shape or type, or holds numbers that are not finite.
    """
    remedy = "; the concept is damaged or of another version of asgnet: fit it again from its examples."
    for name, example in _blank(net, device).items():
        if name not in concept.tensors and name == CLOSER:
            continue  # made before any class was
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


def _blank(net: DefaultNet, device: torch.device) -> dict[str, NDArray]:
    """What a blank picture of one class teaches: a concept's tensors, as this network makes them."""
    masks = torch.ones(1, BLANK, BLANK, dtype=torch.uint8, device=device)
    with torch.inference_mode():
        seen = net.encode(torch.zeros(1, 3, BLANK, BLANK, device=device))
        knowledge = net.learn(seen, masks[None])
        adaptation, _ = adapt_to_supports(net, [seen], masks, knowledge.kinds[0], (), enabled=False)
    arrays = {name: tensor.cpu().numpy() for name, tensor in knowledge._asdict().items()}
    return arrays | Adaptation.to_arrays([adaptation]) | {CLOSER: np.array([False])}
