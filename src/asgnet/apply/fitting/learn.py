"""What fitting makes of supports: a Concept's tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from asgnet.apply.concept.adaptation import Adaptation
from asgnet.apply.concept.tensors import CLOSER, stacked
from asgnet.apply.fitting.rules import Measured, adapt_to_supports, closest, lights
from asgnet.apply.fitting.support_features import SupportFeatures, side_by_side
from asgnet.apply.inference.working_scale import working_mask, working_side
from asgnet.model.default.support_statistics import SupportStatistics
from asgnet.types import Mask

Painted = Mapping[str, Sequence[Mask | None]]
"""Of each class a mask ``h w`` per support, None where it is not shown."""


class LearnedClass(NamedTuple):
    """One class (n = 1): its supports' statistics, what was measured on them, and its working scale."""

    statistics: SupportStatistics
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
    classes, numbers = [], features.backend.net.config.calibration
    for masks in painted.values():
        shown = {i: mask for i, mask in enumerate(masks) if mask is not None}
        learn = partial(learn_class, features, shown, adapt, seed)
        classes.append(closest(learn, list(shown.values()), numbers) if adapt else learn(False))
    arrays = {
        name: stacked([getattr(one.statistics, name) for one in classes])
        for name in SupportStatistics._fields
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
    net, side = backend.net, working_side(backend.side, fine)
    grid_masks = [torch.from_numpy(working_mask(m, side)).to(backend.device) for m in masks.values()]  # h w
    encoded = [features(i, fine) for i in masks]
    relit = [
        [features(i, fine, gamma) for i in masks]
        for gamma in lights(adapt, len(masks), net.config.calibration)
    ]
    with torch.inference_mode():
        statistics = net.learn(*side_by_side(encoded, grid_masks))
        kinds, examples = statistics.kinds[0], [(features.pictures[i], mask) for i, mask in masks.items()]
        measured = adapt_to_supports(net, encoded, grid_masks, kinds, examples, adapt, seed, views=relit)
    return LearnedClass(statistics, measured, fine)
