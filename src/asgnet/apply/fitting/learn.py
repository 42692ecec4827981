"""What fitting makes of supports: a Concept's tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.concept.adaptation import Adaptation
from asgnet.apply.concept.edit import origin
from asgnet.apply.concept.file import Concept, Effort
from asgnet.apply.concept.scale import Scale, scales_of, scales_to_arrays
from asgnet.apply.concept.tensors import expected_tensors, for_windows, stacked
from asgnet.apply.engines.backend import Backend
from asgnet.apply.fitting.class_supports import ClassSupports, LearnedClass
from asgnet.apply.fitting.examples import Example
from asgnet.apply.fitting.rules import best_scale
from asgnet.apply.fitting.support_features import SupportFeatures
from asgnet.apply.fitting.unpainted import Filled, filled_examples
from asgnet.errors import UsageError
from asgnet.model.default.pooling import PooledStatistics, pixel_head, pooled
from asgnet.model.default.spatial_head import blank_head
from asgnet.types import Support


def check_options(adapt: object, seed: object, effort: object) -> None:
    """UsageError if these are none of ``Segmenter.fit``."""
    if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise UsageError(f"The seed is a whole number from 0 on, not {seed!r}.")
    if adapt not in (True, False, "auto"):
        raise UsageError(f"adapt must be True, False or 'auto', not {adapt!r}.")
    if effort not in get_args(Effort):
        raise UsageError(f"The effort is 'quick', 'auto' or 'best', not {effort!r}.")


def learn_classes(
    backend: Backend,
    examples: Sequence[Example],
    classes: Sequence[str],
    adapt: bool,
    seed: int,
    scale: Scale | None,
    effort: Effort,
) -> dict[str, NDArray]:
    """A Concept's tensors. Every class is learned from the supports that show it, whatever others there are.

    Args:
        backend: of the network.
        examples: the supports.
        classes: each is shown in one of them at least.
        adapt: as for ``Segmenter.fit``.
        seed: the same.
        scale: of all classes; None: the best of each.
        effort: as for ``Segmenter.fit``.
    """
    features = SupportFeatures(backend, [example.picture for example in examples])
    learned = []
    for name in classes:
        own = ClassSupports(features, examples, name, adapt, seed)
        if scale is not None:
            one = own.learned(scale)
        else:
            one = best_scale(own.learned, own.looks, backend.numbers, backend.side, adapt)
        learned.append(own.with_spatial_head(one, effort) if adapt and effort != "quick" else one)
    arrays = _arrays([one.whole or one for one in learned])
    windows = [_arrays([one]) for one in learned if one.whole is not None]
    if windows:
        blank = {key: np.zeros_like(array) for key, array in windows[0].items()}
        rows = [blank if one.whole is None else _arrays([one]) for one in learned]
        arrays |= for_windows({key: stacked([row[key] for row in rows]) for key in blank})
    return arrays | scales_to_arrays([one.scale for one in learned], [one.breadth for one in learned])


def _arrays(learned: Sequence[LearnedClass]) -> dict[str, NDArray]:
    """Statistics and adaptations of classes, by name."""
    statistics = {
        field: stacked([getattr(one.statistics, field) for one in learned])
        for field in PooledStatistics._fields
    }
    return statistics | Adaptation.to_arrays([one.measured.adaptation for one in learned])


def expected_of(backend: Backend) -> dict[str, NDArray]:
    """A concept's tensors as this network makes them, see :func:`~asgnet.apply.concept.tensors.check_concept`."""
    supports, levels = [backend.blank], backend.network.levels
    head = pixel_head(supports, backend.numbers.pixel_penalty)[0]
    spatial = blank_head(head.shape[1] + levels.channels[-1], backend.numbers)
    return expected_tensors(pooled(supports, levels, backend.numbers), head, spatial)


class Learned(NamedTuple):
    """What was learned.

    Attributes:
        concept: without the supports themselves.
        examples: the supports as they were learned from: what was unknown in them is filled in.
        filled: what of them was.
    """

    concept: Concept
    examples: list[Example]
    filled: Filled


def learned_concept(backend: Backend, examples: Sequence[Example], blank: Concept) -> Learned:
    """What is learned from examples.

    Args:
        backend: of the network.
        examples: the supports, as they are kept.
        blank: says which classes, and how they are fitted.
    """
    classes = blank.classes
    own, filled = filled_examples(backend, examples, classes, blank.of_each, blank.seed)
    new = replace(
        blank,
        tensors=learn_classes(backend, own, classes, blank.adapt, blank.seed, blank.scale, blank.effort),
        network=backend.fingerprint,
        counts=tuple(sum(one.masks.get(name) is not None for one in examples) for name in classes),
        **origin(),
    )
    return Learned(new, own, filled)


def superpixels_of(
    backend: Backend, learned: Learned, supports: Sequence[Support]
) -> list[NDArray[np.int32]]:
    """Per support ``h w`` at its own size: the superpixel of the first class's object, else -1.

    Args:
        backend: of the network.
        learned: from the supports.
        supports: as they were given.
    """
    concept, examples = learned.concept, learned.examples
    features = SupportFeatures(backend, [example.picture for example in examples])
    supports_of_class = ClassSupports(features, examples, concept.classes[0], True, 0)
    return supports_of_class.superpixels(scales_of(concept.tensors, len(concept.classes))[0], supports)
