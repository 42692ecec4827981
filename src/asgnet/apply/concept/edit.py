"""Look into Concepts, join them, take classes or pictures out of them; no network is needed for that.

Whatever is done, the result is what fitting would have made of the examples that are then in it: a class is
learned from the supports that show it and from nothing else (:mod:`asgnet.apply.fitting.learn`). Examples are
added and removed by :mod:`asgnet.apply.fitting.refit`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

import asgnet
from asgnet.apply.concept.file import Concept, stated_words
from asgnet.apply.concept.scale import scales_of, with_scale
from asgnet.apply.concept.shots import Shot, of_classes, packed
from asgnet.apply.concept.tensors import PER_PROTOTYPE, SPATIAL, WINDOW, stacked
from asgnet.data.names import check_chosen
from asgnet.errors import UsageError, WeightsError
from asgnet.imaging.separation import Separation


def about(concept: Concept) -> dict[str, Any]:
    """What is in it, as plain values for ``json.dumps``."""
    sizes: Sequence[Any] = [shot.size for shot in concept.shots] or [None] * len(concept.supports)
    kept: Sequence[Any] = concept.shots or [None] * len(concept.supports)
    return {
        "classes": [
            {"name": name, "shots": shots, "scale": scale}
            for name, shots, scale in zip(
                concept.classes,
                concept.counts or [None] * len(concept.classes),
                [str(one) for one in scales_of(concept.tensors, len(concept.classes))],
                strict=True,
            )
        ],
        "pictures_kept": bool(concept.shots),
        "made": concept.made or None,
        "asgnet": concept.version or None,
        "network": concept.network,
        "adapted": concept.adapt,
        "pictures": [
            {
                "number": i,
                "sha256": digest,
                "width": size and size[1],
                "height": size and size[0],
                "unpainted": word,
                "shows": shot
                and [n for n, mask in zip(concept.classes, shot.masks, strict=True) if mask is not None],
            }
            for i, (digest, size, shot, word) in enumerate(
                zip(concept.supports, sizes, kept, concept.of_each, strict=True), 1
            )
        ],
        "bytes": sum(array.nbytes for array in concept.tensors.values())
        + sum(array.nbytes for array in packed(concept.shots).values()),
    }


def merged(concepts: Sequence[Concept], names: Sequence[str] = ()) -> Concept:
    """One concept of all classes, in order.

    Every tensor equals what ``fit`` makes of all the examples with all the classes at once. The result keeps
    pictures if all of them do.

    Args:
        concepts: fitted with the same weights.
        names: new names for all classes, in order; by default they keep theirs.

    Raises:
        UsageError: a class has no name or that of another, or the number of names is not that of the classes.
        WeightsError: they were fitted with different weights, or are of different asgnets.
    """
    if len(concepts) < 2:
        raise UsageError("Give at least two concepts to merge.")
    first = concepts[0]
    if any(one.network != first.network for one in concepts):
        raise WeightsError(
            "The concepts were fitted with different weights and cannot be merged; fit them again from their "
            "examples with the same ones."
        )
    classes = tuple(name for one in concepts for name in one.classes)
    if names and len(names) != len(classes):
        raise UsageError(f"There are {len(classes)} classes but {len(names)} names; give one for each class.")
    classes = tuple(names) or classes
    check_chosen(classes)
    renderings = {one.rendering for one in concepts} - {None}
    if len(renderings) > 1:
        raise UsageError(
            "The concepts show values of more than 8 bits, or channels, in different ways; fit them again "
            "with the same --range and --channels."
        )
    parts = _alike(concepts)
    if len({frozenset(one) for one in parts}) > 1:
        raise WeightsError("The concepts are of different versions of asgnet; fit them again.")
    try:
        tensors = {name: stacked([one[name] for one in parts]) for name in parts[0]}
    except (ValueError, RuntimeError, TypeError) as error:
        raise WeightsError("A concept is damaged; fit it again from its examples.") from error
    shots: list[Shot] = []
    keep = all(one.shots for one in concepts) and len({(c.adapt, c.seed, c.effort) for c in concepts}) == 1
    before = 0
    for one in concepts if keep else ():
        own = range(len(one.classes))
        after = len(classes) - before - len(own)
        places = [*[None] * before, *own, *[None] * after]
        shots += [of_classes(shot, places) for shot in one.shots]
        before += len(own)
    counts = tuple(count for one in concepts for count in one.counts)
    return replace(
        first,
        classes=classes,
        tensors=tensors,
        supports=tuple(digest for one in concepts for digest in one.supports),
        unpainted=stated_words([word for one in concepts for word in one.of_each]),
        counts=counts if len(counts) == len(classes) else (),
        rendering=next(iter(renderings), None),
        shots=tuple(shots),
        separations=_renamed(concepts, classes),
        **origin(),
    )


def _alike(concepts: Sequence[Concept]) -> list[dict[str, NDArray]]:
    """The concepts' tensors, with zeros for windows and spatial heads where only others' classes have any."""
    some = {k: a for one in concepts for k, a in one.tensors.items() if k.startswith((WINDOW, SPATIAL))}
    blank = {name: np.zeros_like(array[:1]) for name, array in some.items()}
    return [
        {name: np.repeat(array, len(one.classes), 0) for name, array in blank.items()}
        | with_scale(one.tensors, len(one.classes))
        for one in concepts
    ]


def _renamed(concepts: Sequence[Concept], classes: Sequence[str]) -> dict[str, Separation]:
    """The concepts' separations by the classes' new names, in order."""
    before = [one.separations.get(name) for one in concepts for name in one.classes]
    return {name: one for name, one in zip(classes, before, strict=True) if one is not None}


def without_class(concept: Concept, name: str) -> Concept:
    """A concept without one of its classes: every tensor equals that of fitting the others alone.

    Pictures that show none of the others are left out; without kept pictures it is unknown which those are,
    and their hashes stay.

    Raises:
        UsageError: there is no such class, or no other.
    """
    if name not in concept.classes:
        raise UsageError(f"The concept has no class {name!r}; it has {', '.join(concept.classes)}.")
    if len(concept.classes) == 1:
        raise UsageError(f"{name!r} is the only class; delete the file instead.")
    left = [i for i, other in enumerate(concept.classes) if other != name]
    tensors = {key: array[left] for key, array in concept.tensors.items()}
    if not any(scale.in_windows for scale in scales_of(tensors, len(left))):
        tensors = {key: array for key, array in tensors.items() if not key.startswith(WINDOW)}
    if not any(array.any() for key, array in tensors.items() if key.startswith(SPATIAL)):
        tensors = {key: array for key, array in tensors.items() if not key.startswith(SPATIAL)}
    pairs = [*PER_PROTOTYPE, *((WINDOW + one, WINDOW + other) for one, other in PER_PROTOTYPE)]
    for vectors, valid in pairs:  # as many places as the class with most prototypes needs
        places = np.flatnonzero(tensors[valid].any(0)) if valid in tensors else np.zeros(0, int)
        for key in {vectors, valid} & set(tensors):
            tensors[key] = np.ascontiguousarray(tensors[key][:, : places.max(initial=0) + 1])
    shots = [of_classes(shot, left) for shot in concept.shots]
    stay = [i for i, shot in enumerate(shots) if any(mask is not None for mask in shot.masks)]
    return replace(
        concept,
        classes=tuple(concept.classes[i] for i in left),
        tensors=tensors,
        supports=tuple(concept.supports[i] for i in stay) if shots else concept.supports,
        unpainted=stated_words([concept.of_each[i] for i in stay]) if shots else concept.unpainted,
        counts=tuple(concept.counts[i] for i in left) if concept.counts else (),
        shots=tuple(shots[i] for i in stay),
        separations={other: one for other, one in concept.separations.items() if other != name},
        **origin(),
    )


def without_pictures(concept: Concept) -> Concept:
    """The same, to be given to people who must not see the examples; nothing can be added to it."""
    return replace(concept, shots=())


class Origin(TypedDict):
    """When a Concept is made, ISO 8601 in UTC, and by which asgnet."""

    made: str
    version: str


def origin() -> Origin:
    """Of a Concept that is made now."""
    return {"made": datetime.now(UTC).isoformat(timespec="seconds"), "version": asgnet.__version__}
