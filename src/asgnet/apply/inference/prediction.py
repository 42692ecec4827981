"""From engines' answers to a Prediction at the picture's own size; several classes share out the pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asgnet.apply.concept.tensors import ClassFit
from asgnet.apply.engines.graph import GraphOutput
from asgnet.apply.inference.edges import follow_edges, settled
from asgnet.apply.inference.grid import enlarge
from asgnet.imaging.resize import nearest
from asgnet.types import Picture, Prediction


def prediction_of(
    answers: Sequence[tuple[GraphOutput, ClassFit]], classes: Sequence[str], picture: Picture, edges: bool
) -> Prediction:
    """What answers say about one picture.

    Args:
        answers: about this picture alone (b = 1), each with the classes that it is about.
        classes: all of them, in the order that the Prediction counts them in.
        picture: ``h w 3`` uint8.
        edges: the masks follow its edges (:mod:`asgnet.apply.inference.edges`), or are only enlarged.
    """
    found = {name: one for part in answers for name, one in _each(*part, picture, edges).items()}
    return _merged({name: found[name] for name in classes}) if len(found) > 1 else found[classes[0]]


def _each(answer: GraphOutput, learnt: ClassFit, picture: Picture, edges: bool) -> dict[str, Prediction]:
    """What one answer says of each of its classes."""
    size = picture.shape[:2]
    logits, presence, guides = (part[0] for part in answer)  # n h' w', n, n h'' w''
    grid = logits.shape[-2:]
    logits = follow_edges(logits, picture, learnt.fine) if edges else enlarge(logits, size)  # n h w
    found = {}
    for i, (name, adaptation) in enumerate(zip(learnt.classes, learnt.adaptations, strict=True)):
        probability = adaptation.calibrated(logits[i])  # h w
        probability = settled(probability, grid) if edges else probability
        here = adaptation.presence(float(presence[i]))
        guide = nearest(guides[i].numpy().astype(np.int32), size)
        found[name] = Prediction(probability > 0.5, probability, here, guide, (name,))
    return found


def _merged(found: dict[str, Prediction]) -> Prediction:
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
    return Prediction(winner, best, max(p.presence for p in found.values()), guide, tuple(found), found)
