"""Pictures and masks that arrive as bytes, from people whose files nobody has seen."""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from asgnet.data.read import MOST_PIXELS, read_labels, read_mask, read_picture
from asgnet.errors import AsgnetWarning, DataError, PictureError, SupportError
from asgnet.types import GROUND, IGNORE, Mask, Picture

_local = threading.local()


class Named(io.BytesIO):
    """Bytes with the name that messages call them by."""

    def __init__(self, data: bytes, name: str):
        super().__init__(data)
        self.name = name


def picture_of(data: bytes, name: str, most_pixels: int = MOST_PIXELS) -> Picture:
    """A picture's bytes as ``h w 3`` uint8, upright.

    Raises:
        PictureError: as :func:`asgnet.data.read.read_picture`.
    """
    return read_picture(Named(data, name), most_pixels=most_pixels)


def labels_in(data: bytes, name: str, most_pixels: int = MOST_PIXELS) -> Mask:
    """A mask's bytes as ``h w`` class indices, untouched.

    Raises:
        PictureError, DataError: as :func:`asgnet.data.read.read_labels`.
    """
    return read_labels(Named(data, name), most_pixels=most_pixels)


def labels_of(
    data: bytes, size: tuple[int, int], classes: int, name: str, most_pixels: int = MOST_PIXELS
) -> Mask:
    """A mask's bytes as ``h w`` class indices: 1 .. classes, 0 unpainted, 254 background, 255 ignore.

    With one class anything else that :func:`asgnet.data.read.read_mask` takes: any non-zero value is the object,
    and nothing at all says that the object is not in the picture.

    Raises:
        SupportError: unreadable, of another size, or with indices beyond the classes.
    """
    if classes == 1 and not _is_plain(data, most_pixels):
        return read_mask(Named(data, name), size, most_pixels=most_pixels)
    try:
        labels = labels_in(data, name, most_pixels)
    except (PictureError, DataError) as error:
        raise SupportError(f"The mask cannot be used: {error}") from error
    if labels.shape != size:
        raise SupportError(
            f"The mask {name!r} is {labels.shape[1]}×{labels.shape[0]} pixels and its picture "
            f"{size[1]}×{size[0]}; paint it on the picture itself."
        )
    top = int(labels.max(where=labels < GROUND, initial=0))
    if top > classes:
        raise SupportError(
            f"The mask {name!r} has the value {top}, but there are {classes} classes; use 1 to {classes}."
        )
    return labels


@contextmanager
def guesses() -> Iterator[list[str]]:
    """What was guessed for the user in here, in this thread, one sentence each, once."""
    with _listening:
        _install()
    before, _local.notes = getattr(_local, "notes", None), []
    try:
        yield _local.notes
    finally:
        _local.notes = before


_listening = threading.Lock()


def _install() -> None:
    """Have our warnings shown always, to the thread that listens; ``warnings`` knows no threads itself."""
    if getattr(warnings.showwarning, "of_asgnet", False):
        return
    others = warnings.showwarning

    def show(message: Any, category: type[Warning], *where: Any, **more: Any) -> None:
        notes = getattr(_local, "notes", None)
        if notes is None or not issubclass(category, AsgnetWarning):
            others(message, category, *where, **more)
        elif str(message) not in notes:
            notes.append(str(message))

    show.of_asgnet = True  # type: ignore[attr-defined]
    warnings.showwarning = show
    warnings.simplefilter("always", AsgnetWarning)


def _is_plain(data: bytes, most_pixels: int) -> bool:
    """A mask, readable, in which nothing is painted, or the page painted background beside one class."""
    try:
        values = set(np.unique(labels_in(data, "", most_pixels)).tolist())
    except (PictureError, DataError):
        return False
    return values == {0} or ({1, GROUND} <= values <= {0, 1, GROUND, IGNORE})
