"""How the objects of a class are told apart, chosen on the examples by leave-one-out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from asgnet.apply.concept.file import Concept
from asgnet.apply.concept.scale import Scale, scales_of
from asgnet.apply.fitting.examples import Example, Painted
from asgnet.apply.fitting.learn import Learned
from asgnet.imaging.interior import learn, lesson
from asgnet.imaging.resize import nearest, resized
from asgnet.imaging.separation import FEWEST_RATIOS, Separation, f1_at_half, renumbered, small_grey
from asgnet.types import IGNORE, Box, Mask, Picture, Prediction

PIECES = Separation()
NO_SPECKS = Separation(least=0.01)
NO_SMALL = Separation(least=0.05)
USUAL = Separation(0.1, 0.15, 0.05)
"""Best of those that see only the outline, on electron micrographs (benchmarks/accuracy/instances.py)."""
CANDIDATES = (PIECES, NO_SPECKS, NO_SMALL, USUAL, Separation(0.2, 0.3, 0.05))
BY_INTERIOR = Separation(0.06, 5, 0.1)
"""With what the examples teach of an object's interior, where there are two or more. Best of depths of 0.06, 0.12 and
0.2 on micrographs that are not asked about in benchmarks/accuracy/instances.json.
"""
MARGIN = 0.03
"""By how much F1 another one must be better on the examples than the usual one."""
INTERIOR_MARGIN = 0.05
"""The same where the usual one sees the interior: masks of the examples are cleaner than those of other pictures, which
favours the outline.
"""

MOST = 8
"""So many examples of a class are asked."""
Objects = Mapping[str, Sequence[NDArray[np.int32] | None]]
"""Of each class the objects ``h w`` of every example, numbered; None where it is not shown."""


@dataclass(frozen=True, eq=False)
class Shown:
    """An example, ``h w``: what was predicted in it, its objects, numbered from 1 without gaps, its luminance,
    and of which pixels it is known what they are.
    """

    mask: NDArray[np.bool_]
    probability: NDArray[np.float32]
    objects: NDArray[np.int32]
    grey: NDArray[np.uint8]
    known: NDArray[np.bool_]


def learn_separations(
    predict: Callable[[Picture], Prediction],
    examples: Sequence[Example],
    objects: Objects,
    known: Painted,
    scales: Mapping[str, Scale],
) -> dict[str, Separation]:
    """The separation of each class whose examples show several objects in a picture, where one helps.

    Args:
        predict: with what was fitted.
        examples: as they are kept.
        objects: theirs, at the pictures' own sizes or as the examples are kept.
        known: masks ``h w`` as they are kept; pixels of 255 are not judged.
        scales: of each class: of one with a zoom the window with most object is asked about.
    """
    chosen = {}
    found: dict[tuple[int, Box | None], Prediction] = {}
    for name, own in objects.items():
        shown = {i: one for i, one in enumerate(own) if one is not None}
        if all(one.max(initial=0) < 2 for one in shown.values()):
            continue
        told = []
        for i, one in list(shown.items())[:MOST]:
            asked = _asked(examples[i], one, known[name][i], scales[name], i, name)
            if asked.key not in found:
                found[asked.key] = predict(asked.picture)
            here = found[asked.key]
            mask = (here.mask == here.classes.index(name) + 1) & asked.judged
            probability = here.by_class.get(name, here).probability
            true = renumbered(nearest(asked.objects, asked.picture.shape[:2]))
            told.append(Shown(mask, probability, true, small_grey(asked.picture), asked.judged))
        separation = choose_separation(told)
        if separation != PIECES:
            chosen[name] = separation
    return chosen


class Asked(NamedTuple):
    """What is predicted of an example: the whole picture, or a window.

    Attributes:
        picture: ``h w 3``.
        objects: numbered, of any size.
        judged: ``h w``, where it is known what is there.
        key: which it is.
    """

    picture: Picture
    objects: NDArray[np.int32]
    judged: NDArray[np.bool_]
    key: tuple[int, Box | None]


def _asked(
    example: Example, objects: NDArray[np.int32], known: Mask | None, scale: Scale, number: int, name: str
) -> Asked:
    patches = example.patches.get(name, ())
    if not scale.zoom or not patches:
        judged = np.ones(example.picture.shape[:2], bool) if known is None else known != IGNORE
        return Asked(example.picture, objects, judged, (number, None))
    patch = max(patches, key=lambda one: np.count_nonzero(one.mask == 1))
    top, left, bottom, right = patch.box
    picture = resized(patch.picture, (bottom - top, right - left))
    judged = nearest(patch.mask, picture.shape[:2]) != IGNORE
    inside = objects[top:bottom, left:right] if objects.shape == example.size else label(patch.mask == 1)[0]
    return Asked(picture, inside, judged, (number, patch.box))


def with_separations_of(
    predict: Callable[[Picture], Prediction], learned: Learned, objects: Objects
) -> Concept:
    """What was learned with its :func:`learn_separations`."""
    concept = learned.concept
    scales = dict(zip(concept.classes, scales_of(concept.tensors, len(concept.classes)), strict=True))
    found = learn_separations(predict, learned.examples, objects, learned.filled.known, scales)
    return replace(concept, separations=found)


def choose_separation(examples: Sequence[Shown]) -> Separation:
    """The separation that finds the examples' objects best; connected pieces unless it is better.

    What an interior teaches is asked about examples that it was not learned from.

    Returns:
        What is best on all examples, if a choice on the others alone is better than connected pieces for the
        example left out; else connected pieces, without specks or small ones if that is no worse. On the
        examples it is never worse than connected pieces.
    """
    everyone, tried = _candidates(examples)
    labels = [
        [one(e.mask, e.probability, e.grey) for one in own] for e, own in zip(examples, tried, strict=True)
    ]
    f1 = np.array(
        [[f1_at_half(found, e.objects) for found in row] for e, row in zip(examples, labels, strict=True)]
    )
    folds = [np.delete(f1, i, axis=0) for i in range(len(f1))] if len(f1) > 1 else [f1]
    tested = np.mean([row[_best(others)] for row, others in zip(f1, folds, strict=True)])
    means, best = f1.mean(0), _best(f1)
    pieces = means[everyone.index(PIECES)]
    if not (tested > pieces and means[best] >= pieces):
        best = max((everyone.index(one) for one in (NO_SPECKS, NO_SMALL, PIECES)), key=lambda i: means[i])
    return replace(everyone[best], ratios=_ratios(examples, [row[best] for row in labels]))


def _candidates(examples: Sequence[Shown]) -> tuple[list[Separation], list[list[Separation]]]:
    """All of them; and for each example the same ones as its others teach them."""
    if len(examples) < 2:
        return [*CANDIDATES], [[*CANDIDATES] for _ in examples]
    lessons = [lesson(e.grey, e.mask, e.probability, e.objects, e.known) for e in examples]
    everyone, *tried = (
        [*CANDIDATES, replace(BY_INTERIOR, interior=interior.numbers)] for interior in learn(lessons)
    )
    return everyone, tried


def _best(f1: NDArray[np.float64]) -> int:
    """Which candidate has the best mean over ``k c``; the usual one unless another is better by a margin.

    The usual one sees the interior, unless the outline alone tells all apart.
    """
    means, usual, margin = f1.mean(0), CANDIDATES.index(USUAL), MARGIN
    if len(means) > len(CANDIDATES) and means[usual] < 1:
        usual, margin = len(CANDIDATES), INTERIOR_MARGIN
    return usual if means[usual] >= means.max() - margin else int(means.argmax())


def _ratios(examples: Sequence[Shown], labels: Sequence[NDArray[np.int32]]) -> tuple[float, float] | None:
    """The least and the largest true count as a multiple of the found one."""
    ratios = [
        float(e.objects.max() / found.max()) for e, found in zip(examples, labels, strict=True) if found.any()
    ]
    return (min(ratios), max(ratios)) if len(ratios) >= FEWEST_RATIOS else None
