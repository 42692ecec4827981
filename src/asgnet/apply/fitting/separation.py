"""How the objects of a class are told apart, chosen on the examples by leave-one-out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.fitting.learn import Painted
from asgnet.imaging.resize import nearest
from asgnet.imaging.separation import Separation, f1_at_half, renumbered
from asgnet.types import IGNORE, Picture, Prediction

PIECES = Separation()
NO_SPECKS = Separation(least=0.01)
NO_SMALL = Separation(least=0.05)
USUAL = Separation(0.1, 0.15, 0.05)
"""Best on electron micrographs (benchmarks/accuracy/instances.py)."""
CANDIDATES = (
    PIECES,
    NO_SPECKS,
    NO_SMALL,
    Separation(0.05, 0.3, 0.05),
    USUAL,
    Separation(0.2, 0.15, 0.05),
    Separation(0.2, 0.3, 0.05),
)
MARGIN = 0.03
"""By how much F1 another one must be better on the examples than the usual one."""

MOST = 8
"""So many examples of a class are asked."""
Objects = Mapping[str, Sequence[NDArray[np.int32] | None]]
"""Of each class the objects ``h w`` of every example, numbered; None where it is not shown."""


def learn_separations(
    predict: Callable[[Picture], Prediction],
    pictures: Sequence[Picture],
    objects: Objects,
    known: Painted,
) -> dict[str, Separation]:
    """The separation of each class whose examples show several objects in a picture, where one helps.

    Args:
        predict: with what was fitted.
        pictures: ``h w 3`` uint8, the examples as they are kept.
        objects: theirs, at the pictures' own sizes.
        known: masks ``h w`` as they are kept; pixels of 255 are not judged.
    """
    chosen = {}
    found: dict[int, Prediction] = {}
    for name, labels in objects.items():
        shown = {i: one for i, one in enumerate(labels) if one is not None}
        if all(one.max(initial=0) < 2 for one in shown.values()):
            continue
        masks, true = [], []
        for i, one in list(shown.items())[:MOST]:
            found[i] = found[i] if i in found else predict(pictures[i])
            masks.append((found[i].mask == found[i].classes.index(name) + 1) & (known[name][i] != IGNORE))
            true.append(renumbered(nearest(one, pictures[i].shape[:2])))
        separation = choose_separation(masks, true)
        if separation != PIECES:
            chosen[name] = separation
    return chosen


def choose_separation(masks: Sequence[NDArray[np.bool_]], objects: Sequence[NDArray[np.int32]]) -> Separation:
    """The separation that finds the examples' objects best; connected pieces unless it is better.

    Args:
        masks: ``h w`` each, what was predicted in the examples.
        objects: ``h w`` each, what is painted there, numbered from 1 without gaps.

    Returns:
        What is best on all examples, if a choice on the others alone is better than connected pieces for the
        example left out; else connected pieces, without specks or small ones if that is no worse. On the
        examples it is never worse than connected pieces.
    """
    f1 = np.array(
        [[f1_at_half(one(m), o) for one in CANDIDATES] for m, o in zip(masks, objects, strict=True)]
    )
    folds = [np.delete(f1, i, axis=0) for i in range(len(f1))] if len(f1) > 1 else [f1]
    tested = np.mean([row[_best(others)] for row, others in zip(f1, folds, strict=True)])
    means, best = dict(zip(CANDIDATES, f1.mean(0), strict=True)), CANDIDATES[_best(f1)]
    if tested > means[PIECES] and means[best] >= means[PIECES]:
        return best
    return max((NO_SPECKS, NO_SMALL, PIECES), key=lambda one: means[one])  # of equals the first


def _best(f1: NDArray[np.float64]) -> int:
    """Which candidate has the best mean over ``k c``; the usual one unless another is better by a margin."""
    means = f1.mean(0)
    usual = CANDIDATES.index(USUAL)
    return usual if means[usual] >= means.max() - MARGIN else int(means.argmax())
