"""Read painted examples: everything is checked before anything is fitted."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from asgnet.apply.examples.unpainted import Ground, stated, three_valued
from asgnet.data.names import check_chosen
from asgnet.data.read import Raw, decide, read_mask, read_picture, read_raw, render
from asgnet.errors import PictureError, SupportError, UsageError
from asgnet.files import named
from asgnet.types import Mask, Picture, Rendering, Support, Unpainted

ONE_CLASS = "object"
"""Name of the class that was given none."""
MASK_COLOURS = 256
"""No mask has more, not even one with soft edges in a colour."""


def is_one(image: Any) -> bool:
    """A single picture or mask, rather than several."""
    return isinstance(image, str | bytes | os.PathLike | np.ndarray) or any(
        hasattr(image, does) for does in ("convert", "read")
    )


class Examples(NamedTuple):
    """Painted examples, read and checked.

    Attributes:
        masks: by class a mask per picture, None where it is absent; 255 where it is unknown what a pixel is.
        pictures: ``h w 3`` uint8 each.
        rendering: how their deep values were shown; None if all are of 8 bits.
        unpainted: what the unpainted pixels of each picture are.
    """

    masks: dict[str, list[Mask | None]]
    pictures: list[Picture]
    rendering: Rendering | None
    unpainted: tuple[Unpainted, ...]


def read_examples(
    images: Any,
    masks: Any,
    rendering: Rendering | None = None,
    unpainted: Unpainted | Sequence[Unpainted] = "background",
    background: Any = None,
) -> Examples:
    """Read and check everything.

    Args:
        images: a picture or several.
        masks: as many masks, or ``{class: masks}``.
        rendering: of deep values and other channels; what it leaves open is decided for all pictures at once.
        unpainted: what unpainted pixels are, of all pictures or of each.
        background: as many masks of painted background, None where there is none.

    Raises:
        SupportError: an example teaches nothing: unreadable, other size, nothing painted, or a pixel is object
            and background.
        UsageError: numbers of pictures and masks differ, something is no picture or list of pictures, or a
            class has no name or that of another.
    """
    sources = listed(images, "pictures")
    if not sources:
        raise SupportError("There is no example: give at least one picture with its mask.")
    words = stated(unpainted, len(sources))
    several = isinstance(masks, Mapping)
    given = {str(name): m for name, m in masks.items()} if several else {ONE_CLASS: masks}
    if not given:
        raise UsageError("There is no class: give {name: masks}.")
    check_chosen(given)
    try:
        raws = [read_raw(source) for source in sources]
        wanted = rendering or Rendering()
        decided = wanted if wanted.values else decide(raws, wanted.channels)
        pictures = [render(raw, decided) for raw in raws]
    except PictureError as error:
        raise SupportError(f"An example cannot be used: {error}") from error
    read: dict[str, list[Mask | None]] = {}
    for name, painted in given.items():
        own = [None] if painted is None else listed(painted, f"masks of {name}")
        check_numbers(pictures, own, name)
        for source, picture, mask in zip(sources, pictures, own, strict=True):
            _not_swapped(source, picture, mask)
        read[name] = [
            None
            if several and absent(m)
            else read_mask(
                m, r.values.shape[:2], name="" if isinstance(m, str | os.PathLike) else f"{i + 1}", of=r
            )
            for i, (m, r) in enumerate(zip(own, raws, strict=True))
        ]
        if all(m is None for m in read[name]):
            raise SupportError(f"No example shows {name}: paint it in at least one picture.")
    grounds = _grounds(background, raws)
    for i, ground in enumerate(grounds):
        own, words[i] = three_valued(
            [masks[i] for masks in read.values()], ground, words[i], f"picture {i + 1}"
        )
        for masks, mask in zip(read.values(), own, strict=True):
            masks[i] = mask
    return Examples(read, pictures, None if decided == Rendering() else decided, tuple(words))


def _grounds(background: Any, raws: Sequence[Raw]) -> list[Ground | None]:
    """Where background is painted in each picture; None where it is not."""
    if background is None:
        return [None] * len(raws)
    given = listed(background, "masks of background")
    check_numbers(raws, given, "background")
    return [
        None if absent(one) else read_mask(one, raw.values.shape[:2], name=_named(one, i), of=raw) == 1
        for i, (one, raw) in enumerate(zip(given, raws, strict=True), 1)
    ]


def _named(mask: Any, number: int) -> str:
    return "" if isinstance(mask, str | os.PathLike) else f"of background {number}"


def supports_of(pictures: Sequence[Picture], masks: Sequence[Mask | None]) -> list[Support]:
    """One class's examples as read; its mask is empty where it is absent."""
    return [
        Support(p, np.zeros(p.shape[:2], np.uint8) if m is None else m, f"example {i + 1}")
        for i, (p, m) in enumerate(zip(pictures, masks, strict=True))
    ]


def check_numbers(pictures: Sequence[Any], masks: Sequence[Any], name: str) -> None:
    """UsageError unless there are as many masks of a class as pictures."""
    if len(masks) != len(pictures):
        raise UsageError(
            f"There are {len(pictures)} pictures but {len(masks)} masks of {name}; give one each."
        )


def listed(given: Any, what: str) -> list[Any]:
    """One or several, of any kind, as a list; UsageError if it is neither."""
    if is_one(given):
        return [given]
    try:
        return list(given)
    except TypeError as error:
        raise UsageError(
            f"The {what} cannot be a {type(given).__name__}; "
            "give a path, a PIL image, an array, or a list of them."
        ) from error


def _not_swapped(source: Any, picture: Picture, mask: Any) -> None:
    """Refuse a black and white file as picture of a mask that is a colour photograph."""
    if not isinstance(source, str | os.PathLike) or not isinstance(mask, str | os.PathLike):
        return
    if not np.isin(picture, (0, 255)).all():
        return
    try:
        colours = np.unique(read_picture(mask).reshape(-1, 3), axis=0)
    except PictureError:
        return  # read_mask says what is wrong with it
    if len(colours) > MASK_COLOURS and (colours != colours[:, :1]).any():
        raise SupportError(
            f"{named(source)} is black and white, and its mask {named(mask)} is a photograph: they seem "
            "to be swapped; give the picture first, then its mask."
        )


def absent(mask: Any) -> bool:
    """A class is not in this picture: None, or an array of zeros."""
    return mask is None or (isinstance(mask, np.ndarray) and not mask.any())
