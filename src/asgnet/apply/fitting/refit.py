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

from asgnet.apply.concept.file import Concept, stated_words
from asgnet.apply.concept.shots import KeptPatch, Shot, of_classes
from asgnet.apply.engines.backend import Backend
from asgnet.apply.examples.read import read_examples
from asgnet.apply.fitting.examples import Example, picture_hash, shots_of, stored_examples
from asgnet.apply.fitting.learn import learned_concept
from asgnet.apply.fitting.patches import Patch
from asgnet.apply.inference.working_scale import stored_size, working_size
from asgnet.data.names import check_chosen
from asgnet.data.read import read_picture
from asgnet.errors import AsgnetError, UsageError, WeightsError
from asgnet.types import IGNORE, Mask, Picture, Unpainted

MOST_PATCH = 4096 * 4096
"""Pixels of a kept window, at most."""
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
    before = _unpacked(backend, concept)
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
    more = stored_examples(pictures, every, backend.side, backend.numbers, concept.scale)
    places = [*range(len(concept.classes)), *[None] * (len(classes) - len(concept.classes))]
    seen = replace(
        concept,
        rendering=rendering,
        classes=classes,
        supports=concept.supports + digests,
        unpainted=stated_words((*concept.of_each, *words)),
        shots=(*(of_classes(shot, places) for shot in concept.shots), *shots_of(more, classes)),
    )
    return learned_concept(backend, [*before, *more], seen).concept


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
    examples = _unpacked(backend, concept)
    gone = _position(concept, which)
    left = [i for i in range(len(concept.shots)) if i != gone]
    for name in concept.classes:
        if all(examples[i].masks[name] is None for i in left):
            raise UsageError(f"That is the only example of {name!r}; remove the class, or fit again.")
    seen = replace(
        concept,
        supports=tuple(concept.supports[i] for i in left),
        unpainted=stated_words([concept.of_each[i] for i in left]),
        shots=tuple(concept.shots[i] for i in left),
    )
    return learned_concept(backend, [examples[i] for i in left], seen).concept


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


def _unpacked(backend: Backend, concept: Concept) -> list[Example]:
    """The supports as they are kept, checked: the file may be anybody's."""
    if concept.network != backend.fingerprint:
        raise WeightsError(
            "This concept was fitted with other weights than these; fit it again from its examples."
        )
    if not concept.shots:
        raise UsageError(
            "This concept keeps no pictures of its examples, so none can be added or removed; fit it again."
        )
    try:
        return [_example(shot, concept.classes, backend.side) for shot in concept.shots]
    except (AsgnetError, ValueError) as error:
        raise WeightsError(
            "The concept's pictures are damaged or of another version of asgnet; fit it again from its "
            "examples."
        ) from error


def _example(shot: Shot, classes: Sequence[str], side: int) -> Example:
    picture = _stored_picture(shot, side)
    masks = {
        name: None if data is None else _mask(data, picture.shape[:2])
        for name, data in zip(classes, shot.masks, strict=True)
    }
    patches: dict[str, list[Patch]] = {}
    for kept in shot.patches:
        patches.setdefault(classes[kept.place], []).append(_patch(kept, shot.size))
    return Example(picture, masks, shot.size, patches)


def _patch(kept: KeptPatch, size: tuple[int, int]) -> Patch:
    if kept.box[2] > size[0] or kept.box[3] > size[1]:
        raise ValueError("a window outside of its picture")
    picture = _read(kept.picture, MOST_PATCH)
    return Patch(kept.box, picture, _mask(kept.mask, picture.shape[:2], empty=True))


def _stored_picture(shot: Shot, side: int) -> Picture:
    """Concepts of the first version store it at the usual working scale."""
    return _picture(shot.picture, stored_size(shot.size, side), working_size(shot.size, side))


def _picture(data: bytes, *sizes: tuple[int, int]) -> Picture:
    """Of one of these sizes."""
    picture = _read(data, max(h * w for h, w in sizes))
    if picture.shape[:2] not in sizes:
        raise ValueError("of another size")
    return picture


def _read(data: bytes, most_pixels: int) -> Picture:
    if not data.startswith(_PNG):
        raise ValueError("no PNG")
    return read_picture(io.BytesIO(data), most_pixels=most_pixels)


def _mask(data: bytes | None, size: tuple[int, int], empty: bool = False) -> Mask:
    mask = _picture(data or b"", size)[..., 0]  # grey: all channels are the same
    if not np.isin(mask, (0, 1, IGNORE)).all() or not (empty or (mask == 1).any()):
        raise ValueError("no mask")
    return np.ascontiguousarray(mask)
