"""From strips to a Prediction of the whole picture; several classes share out the pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from asgnet.apply.concept.scale import Scale
from asgnet.apply.concept.tensors import ClassFit
from asgnet.apply.engines.backend import Backend
from asgnet.apply.inference.strips import Strips
from asgnet.data.read import ArrayParts
from asgnet.imaging.separation import Separation, small_grey
from asgnet.types import Picture, Prediction, Thoroughness


def predict(
    backend: Backend,
    fits: Mapping[Scale, ClassFit],
    classes: Sequence[str],
    picture: Picture,
    edges: bool,
    thoroughness: Thoroughness = "auto",
) -> Prediction:
    """Find the classes in one picture.

    Args:
        backend: of the network that they were fitted with.
        fits: as :func:`~asgnet.apply.concept.tensors.concept_tensors`.
        classes: all of them, in the order that the Prediction counts them in.
        picture: ``h w 3`` uint8.
        edges: see :class:`~asgnet.apply.inference.strips.Strips`.
        thoroughness: the same.
    """
    strips = Strips(backend, fits, classes, ArrayParts(picture), edges, thoroughness)
    size = (len(classes), *picture.shape[:2])
    probability, guide = np.empty(size, np.float32), np.empty(size, np.int32)  # n h w
    for strip in strips:
        rows = slice(strip.top, strip.top + strip.probability.shape[1])
        probability[:, rows], guide[:, rows] = strip.probability, strip.guide
        del strip  # not to be in memory beside the next one
    presence = strips.presence
    ones = {
        name: Prediction(probability[i] > 0.5, probability[i], presence[name], guide[i], (name,))
        for i, name in enumerate(classes)
    }
    return merge_classes(ones) if len(ones) > 1 else ones[classes[0]]


def merge_classes(found: Mapping[str, Prediction]) -> Prediction:
    """Each pixel goes to the most probable class, to the first of equals, and to none below one half."""
    first, *others = found.values()
    best, guide = first.probability.copy(), first.guide.copy()  # h w
    winner = np.ones(best.shape, np.int32)
    for number, one in enumerate(others, 2):
        better = one.probability > best
        np.copyto(best, one.probability, where=better)
        np.copyto(guide, one.guide, where=better)
        winner[better] = number
    winner[best <= 0.5] = 0
    return Prediction(winner, best, max(p.presence for p in found.values()), guide, tuple(found), dict(found))


def with_separations(
    prediction: Prediction, separations: Mapping[str, Separation], picture: Picture
) -> Prediction:
    """The same, the objects of these classes told apart so."""
    if not separations:
        return prediction
    grey = small_grey(picture) if any(one.interior for one in separations.values()) else None

    def apart(found: Prediction, name: str) -> Prediction:
        one = separations.get(name)
        return (
            found
            if one is None
            else replace(found, separate=partial(one, grey=grey), count_ratios=one.ratios)
        )

    by_class = {name: apart(one, name) for name, one in prediction.by_class.items()}
    return apart(replace(prediction, by_class=by_class), prediction.classes[0])
