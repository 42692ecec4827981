"""Add examples to a Concept, and remove one: fitted again from the pictures that it keeps.

Fitting uses nothing but the pictures as a Concept stores them, so the result is that of fitting all examples at
once.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from asgnet.apply.concept.edit import origin
from asgnet.apply.concept.file import Concept, stated_words
from asgnet.apply.concept.shots import Shot
from asgnet.apply.engines.backend import Backend
from asgnet.apply.examples.read import read_examples
from asgnet.apply.fitting.examples import picture_hash, shots_of, stored_examples
from asgnet.apply.fitting.learn import learn_classes
from asgnet.apply.fitting.support_features import SupportFeatures
from asgnet.apply.fitting.unpainted import Filled, filled, said
from asgnet.apply.inference.working_scale import stored_size, working_size
from asgnet.data.names import check_chosen
from asgnet.data.read import read_picture
from asgnet.errors import AsgnetError, UsageError, WeightsError
from asgnet.types import IGNORE, Mask, Picture, Unpainted

_PNG = b"\x89PNG\r\n\x1a\n"


def added(
    backend: Backend,
    concept: Concept,
    images: Any,
    masks: Any,
    unpainted: Unpainted | Sequence[Unpainted] = "background",
    background: Any = None,
) -> Concept:
    """A concept with more examples: every tensor equals that of fitting all examples at once.

    Args:
        backend: of the weights that it was fitted with.
        concept: keeps its pictures.
        images: as for ``Segmenter.fit``.
        masks: as for ``Segmenter.fit``: of the only class, or ``{class: masks}``; unknown classes are new.
        unpainted: as for ``Segmenter.fit``, of these pictures.
        background: as for ``Segmenter.fit``.

    Raises:
        UsageError: the concept keeps no pictures or has one of these, or it is not said which class is shown.
        SupportError: an example teaches nothing.
        WeightsError: the concept was fitted with other weights, or is damaged.
    """
    prepared, old = _unpacked(backend, concept)
    if not isinstance(masks, Mapping):
        if len(concept.classes) > 1:
            raise UsageError(
                f"The concept has {len(concept.classes)} classes; say which one the examples show: "
                f"{', '.join(concept.classes)}."
            )
        masks = {concept.classes[0]: masks}
    shown, pictures, rendering, words = read_examples(images, masks, concept.rendering, unpainted, background)
    digests = tuple(picture_hash(p) for p in pictures)
    for number, digest in enumerate(digests, 1):
        if digest in concept.supports or digest in digests[: number - 1]:
            raise UsageError(f"Picture {number} of those to add is in the concept already; remove it first.")
    classes = (*concept.classes, *(name for name in shown if name not in concept.classes))
    check_chosen(classes)
    every = {name: shown.get(name, [None] * len(pictures)) for name in classes}
    small, more = stored_examples(pictures, every, backend.side)
    painted = {name: [*old.get(name, [None] * len(prepared)), *more[name]] for name in classes}
    shots = tuple(replace(s, masks=s.masks + (None,) * (len(classes) - len(s.masks))) for s in concept.shots)
    shots += shots_of(small, more, [p.shape[:2] for p in pictures])
    seen, words = replace(concept, rendering=rendering), (*concept.of_each, *words)
    features = SupportFeatures(backend, [*prepared, *small])
    return fitted(features, seen, painted, concept.supports + digests, words, shots)[0]


def without_shot(backend: Backend, concept: Concept, which: int | str) -> Concept:
    """A concept without one of its examples: every tensor equals that of fitting without it.

    Args:
        backend: of the weights that it was fitted with.
        concept: keeps its pictures.
        which: number from 1, or the beginning of the picture's SHA-256, at least 6 digits.

    Raises:
        UsageError: there is no such example, or it is the last one of a class, or pictures were not kept.
        WeightsError: the concept was fitted with other weights, or is damaged.
    """
    prepared, painted = _unpacked(backend, concept)
    gone = _position(concept, which)
    left = [i for i in range(len(concept.shots)) if i != gone]
    for name, masks in painted.items():
        if all(masks[i] is None for i in left):
            raise UsageError(f"That is the only example of {name!r}; remove the class, or fit again.")
    return fitted(
        SupportFeatures(backend, [prepared[i] for i in left]),
        concept,
        {name: [masks[i] for i in left] for name, masks in painted.items()},
        [concept.supports[i] for i in left],
        [concept.of_each[i] for i in left],
        tuple(concept.shots[i] for i in left),
    )[0]


def _position(concept: Concept, which: int | str) -> int:
    """From 0."""
    if isinstance(which, int):
        found = [which - 1] if 0 < which <= len(concept.shots) else []
    else:
        wanted = which.lower()
        found = [i for i, d in enumerate(concept.supports) if d.startswith(wanted) and len(wanted) >= 6]
    if len(found) != 1:
        raise UsageError(
            f"There {'are several examples' if found else 'is no example'} {which}; give a number from 1 to "
            f"{len(concept.shots)}, or at least 6 digits of its SHA-256 (asgnet concept info shows them)."
        )
    return found[0]


def fitted(
    features: SupportFeatures,
    concept: Concept,
    painted: Mapping[str, Sequence[Mask | None]],
    supports: Sequence[str],
    unpainted: Sequence[Unpainted],
    shots: tuple[Shot, ...] = (),
) -> tuple[Concept, Filled]:
    """A concept with what these examples show in place of what it knew, and the masks that it learned from.

    Args:
        features: of the k supports.
        concept: says how it is fitted.
        painted: k masks of each class.
        supports: the pictures' hashes.
        unpainted: k times, what unpainted pixels are.
        shots: what is kept of the supports.
    """
    own = filled(features, painted, unpainted, concept.seed)
    said(own, unpainted)
    new = replace(
        concept,
        classes=tuple(painted),
        tensors=learn_classes(features, own.masks, concept.adapt, concept.seed),
        supports=tuple(supports),
        counts=tuple(sum(m is not None for m in masks) for masks in painted.values()),
        shots=shots,
        unpainted=stated_words(unpainted),
        **origin(),
    )
    return new, own


def _unpacked(backend: Backend, concept: Concept) -> tuple[list[Picture], dict[str, list[Mask | None]]]:
    """The supports as they are kept, and ``{class: masks}``, checked: the file may be anybody's."""
    if concept.network != backend.fingerprint:
        raise WeightsError(
            "This concept was fitted with other weights than these; fit it again from its examples."
        )
    if not concept.shots:
        raise UsageError(
            "This concept keeps no pictures of its examples, so none can be added or removed; fit it again."
        )
    try:
        pictures = [_stored_picture(shot, backend.side) for shot in concept.shots]
        shots = list(zip(concept.shots, (p.shape[:2] for p in pictures), strict=True))
        painted: dict[str, list[Mask | None]] = {
            name: [None if s.masks[c] is None else _mask(s.masks[c], size) for s, size in shots]
            for c, name in enumerate(concept.classes)
        }
    except (AsgnetError, ValueError) as error:
        raise WeightsError(
            "The concept's pictures are damaged or of another version of asgnet; fit it again from its "
            "examples."
        ) from error
    return pictures, painted


def _stored_picture(shot: Shot, side: int) -> Picture:
    """Concepts of the first version store it at the usual working scale."""
    return _picture(shot.picture, stored_size(shot.size, side), working_size(shot.size, side))


def _picture(data: bytes, *sizes: tuple[int, int]) -> Picture:
    """Of one of these sizes."""
    if not data.startswith(_PNG):
        raise ValueError("no PNG")
    picture = read_picture(io.BytesIO(data), most_pixels=max(h * w for h, w in sizes))
    if picture.shape[:2] not in sizes:
        raise ValueError("of another size")
    return picture


def _mask(data: bytes | None, size: tuple[int, int]) -> Mask:
    mask = _picture(data or b"", size)[..., 0]  # grey: all channels are the same
    if not np.isin(mask, (0, 1, IGNORE)).all() or not (mask == 1).any():
        raise ValueError("no mask")
    return np.ascontiguousarray(mask)
