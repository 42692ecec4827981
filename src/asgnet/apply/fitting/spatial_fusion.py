"""How far a class's spatial head is followed beside what the other heads make together: found by leave-one-out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.concept.adaptation import Adaptation, is_thin
from asgnet.apply.concept.tensors import decode_inputs
from asgnet.apply.engines.backend import Backend
from asgnet.apply.engines.features import Features
from asgnet.apply.fitting.cross_predict import cross_predict
from asgnet.apply.fitting.spatial import SpatialHeads
from asgnet.apply.inference.edges import follow_edges
from asgnet.imaging.iou import iou
from asgnet.imaging.resize import bilinear, nearest, resized
from asgnet.model.default.pooling import pixel_head, pooled
from asgnet.model.default.spatial_head import SpatialHead, levels_of, spatial_logits
from asgnet.model.default.support import SupportStatistics
from asgnet.types import Mask, Picture

Example = tuple[Features, Picture, Mask]
"""Of a support its features, and its picture and mask as they are kept."""


def with_spatial_head(
    backend: Backend,
    supports: Sequence[SupportStatistics],
    examples: Sequence[Example],
    adaptation: Adaptation,
    heads: SpatialHeads,
) -> Adaptation:
    """An adaptation with a spatial head, if leave-one-out finds more with one.

    With a single support nothing could be left out, and no sign was found of when to follow the head: its weight
    would be nothing.

    Args:
        backend: of the network.
        supports: statistics of each of k supports, at least two.
        examples: the same supports.
        adaptation: of them, without one.
        heads: that can be fitted on them.
    """
    overlaps = _overlaps(backend, supports, examples, adaptation, heads)
    weight = backend.numbers.spatial_weights[int(overlaps.argmax())]
    if not weight:
        return adaptation
    return replace(
        adaptation,
        shift=(1 - weight) * adaptation.shift,
        spatial=heads.fitted(range(len(supports))),
        spatial_weight=weight,
    )


def _overlaps(
    backend: Backend,
    supports: Sequence[SupportStatistics],
    examples: Sequence[Example],
    adaptation: Adaptation,
    heads: SpatialHeads,
) -> NDArray[np.float64]:
    """Mean overlap of supports with what the others find in them, at each weight of the spatial head.

    Masks follow the picture's edges, as later ones will: which head is rough without them does not matter.
    """
    numbers, weights = backend.numbers, backend.numbers.spatial_weights

    def fit(others: Sequence[int]) -> tuple[dict[str, NDArray], list[bool], SpatialHead]:
        chosen = [supports[i] for i in others]
        own, bias = pixel_head(chosen, numbers.pixel_penalty)
        statistics = pooled(chosen, backend.network.levels, numbers)
        fitted = replace(adaptation, weights=own[0], bias=float(bias[0]))
        similarity = float(statistics.kinds[0, 0] @ statistics.kinds[0, 1])
        thin = is_thin(adaptation.fusion_weight, similarity, numbers)
        return decode_inputs(statistics, [fitted]), [thin] * len(weights), heads.fitted(others)

    def overlaps(fitted: tuple[dict[str, NDArray], list[bool], SpatialHead], i: int) -> list[float]:
        (inputs, thin, head), (features, picture, painted) = fitted, examples[i]
        logits = backend.decode(features, inputs).logits[0] + np.float32(adaptation.shift)  # h w
        found = spatial_logits(levels_of(features.fine, features.maps), head)
        spatial = bilinear(found.logits, logits.shape)
        mixed = np.stack([(1 - weight) * logits + weight * spatial for weight in weights], dtype=np.float32)
        masks = follow_edges(mixed, resized(picture, logits.shape), thin, numbers) > 0
        return [iou(mask, nearest(painted, logits.shape)) for mask in masks]

    return np.mean(cross_predict(len(supports), fit, overlaps, numbers.folds), axis=0)
