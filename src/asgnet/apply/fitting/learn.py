"""What fitting makes of supports: a Concept's tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.concept.adaptation import Adaptation
from asgnet.apply.concept.tensors import CLOSER, expected_tensors, stacked
from asgnet.apply.engines.backend import Backend
from asgnet.apply.fitting.rules import Measured, adapt_to_supports, closest, lights
from asgnet.apply.fitting.support_features import SupportFeatures
from asgnet.apply.inference.working_scale import working_mask, working_side
from asgnet.model.default.pooling import PooledStatistics, pixel_head, pooled
from asgnet.model.default.support import SupportStatistics
from asgnet.types import Mask

Painted = Mapping[str, Sequence[Mask | None]]
"""Of each class a mask ``h w`` per support, None where it is not shown."""


class LearnedClass(NamedTuple):
    """One class (n = 1): its supports' statistics, what was measured on them, and its working scale."""

    statistics: PooledStatistics
    measured: Measured
    fine: bool


def learn_classes(features: SupportFeatures, painted: Painted, adapt: bool, seed: int) -> dict[str, NDArray]:
    """A Concept's tensors. Every class is learned from the supports that show it, whatever others there are.

    Args:
        features: of the k supports.
        painted: k masks a class, at least one of them there, of the pictures' sizes.
        adapt: as for ``Segmenter.fit``.
        seed: the same.
    """
    classes, numbers = [], features.backend.numbers
    for masks in painted.values():
        shown = {i: mask for i, mask in enumerate(masks) if mask is not None}
        learn = partial(learn_class, features, shown, adapt, seed)
        classes.append(closest(learn, list(shown.values()), numbers) if adapt else learn(False))
    arrays = {
        name: stacked([getattr(one.statistics, name) for one in classes]) for name in PooledStatistics._fields
    }
    arrays |= Adaptation.to_arrays([one.measured.adaptation for one in classes])
    return arrays | {CLOSER: np.array([one.fine for one in classes])}


def learn_class(
    features: SupportFeatures, masks: Mapping[int, Mask], adapt: bool, seed: int, fine: bool
) -> LearnedClass:
    """One class from the supports of those numbers, at a working scale.

    Args:
        features: of all supports.
        masks: by the supports' numbers.
        adapt: as for ``Segmenter.fit``.
        seed: the same.
        fine: at the fine working scale.
    """
    backend = features.backend
    side = working_side(backend.side, fine)
    small = {i: working_mask(mask, side) for i, mask in masks.items()}
    supports = [backend.statistics(features(i, fine), mask, seed)[0] for i, mask in small.items()]
    for gamma in lights(adapt, len(masks), backend.numbers):
        supports = [
            _with_grams(support, backend.pixel_grams(features(i, fine, gamma), mask, seed))
            for support, (i, mask) in zip(supports, small.items(), strict=True)
        ]
    examples = [(features(i, fine), features.pictures[i], mask) for i, mask in masks.items()]
    statistics = pooled(supports, backend.network.levels, backend.numbers)
    return LearnedClass(statistics, adapt_to_supports(backend, supports, statistics, examples, adapt), fine)


def _with_grams(support: SupportStatistics, grams: Sequence[NDArray]) -> SupportStatistics:
    """The pixel head's gram matrices of another view added."""
    return SupportStatistics(
        *(side._replace(pixel_gram=side.pixel_gram + gram) for side, gram in zip(support, grams, strict=True))
    )


def expected_of(backend: Backend) -> dict[str, NDArray]:
    """A concept's tensors as this network makes them, see :func:`~asgnet.apply.concept.tensors.check_concept`."""
    supports = [backend.blank]
    return expected_tensors(
        pooled(supports, backend.network.levels, backend.numbers),
        pixel_head(supports, backend.numbers.pixel_penalty)[0],
    )
