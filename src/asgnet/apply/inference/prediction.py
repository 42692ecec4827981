"""From the engine's logits to a Prediction at the picture's own size; several classes share out the pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from asgnet.apply.concept.tensors import ClassFit
from asgnet.apply.engines.backend import Backend
from asgnet.apply.engines.features import Decoded
from asgnet.apply.inference.edges import close_specks, follow_edges
from asgnet.apply.inference.preprocess import encode
from asgnet.imaging.resize import bilinear, nearest
from asgnet.imaging.separation import Separation, small_grey
from asgnet.model.default.calibration import Calibration
from asgnet.types import Picture, Prediction


def predict(
    backend: Backend, fits: Mapping[bool, ClassFit], classes: Sequence[str], picture: Picture, edges: bool
) -> Prediction:
    """Find the classes in one picture.

    Args:
        backend: of the network that they were fitted with.
        fits: as :func:`~asgnet.apply.concept.tensors.concept_tensors`.
        classes: all of them, in the order that the Prediction counts them in.
        picture: ``h w 3`` uint8.
        edges: the masks follow its edges (:mod:`asgnet.apply.inference.edges`), or are only enlarged.
    """
    found: dict[str, Prediction] = {}
    for fine, fit in fits.items():
        decoded = backend.decode(encode(backend, picture, fine), fit.inputs)
        found |= each_class(decoded, fit, picture, backend.numbers, edges)
    return merge_classes({name: found[name] for name in classes}) if len(found) > 1 else found[classes[0]]


def each_class(
    decoded: Decoded, fit: ClassFit, picture: Picture, numbers: Calibration, edges: bool
) -> dict[str, Prediction]:
    """What the decoding graph found in a picture, of each class."""
    size, grid = picture.shape[:2], decoded.logits.shape[-2:]
    full = (
        follow_edges(decoded.logits, picture, fit.thin(numbers), numbers)
        if edges
        else bilinear(decoded.logits, size)
    )  # n h w
    found = {}
    for i, (name, adaptation) in enumerate(zip(fit.classes, fit.adaptations, strict=True)):
        probability = adaptation.calibrated(full[i], numbers.background_gain)  # h w
        probability = close_specks(probability, grid, numbers) if edges else probability
        here = adaptation.presence(float(decoded.presence[i]))
        guide = nearest(decoded.guide_map[i].astype(np.int32), size)
        found[name] = Prediction(probability > 0.5, probability, here, guide, (name,))
    return found


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
