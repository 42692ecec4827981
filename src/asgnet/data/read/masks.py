"""Read painted objects as masks in {0, 1, 255}.

What had to be decided for the user (soft edges, 255 beside other values) is said by an
:class:`AsgnetWarning`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from asgnet.data.read.decode import MOST_PIXELS, Source, decoded, orientation_of, refusals, undecoded, upright
from asgnet.data.read.drawing import drawing_of, framed_in_white
from asgnet.data.read.images import image_of_array, read_raw
from asgnet.data.read.raw import Raw, decide, render
from asgnet.errors import PictureError, SupportError, note
from asgnet.files import named
from asgnet.imaging.orientation import painted_unturned
from asgnet.imaging.orientation import upright as upright_array
from asgnet.types import IGNORE, Mask, Picture, Support

MOST_INSTANCES = 65_535
CUT_OUT = 0.005
"""Share of the pixels from which on transparency is the mask, not a slip of the brush."""


def read_mask(
    source: Source,
    size: tuple[int, int] | None = None,
    *,
    name: str = "",
    ignore: bool = True,
    most_pixels: int = MOST_PIXELS,
    of: Raw | None = None,
) -> Mask:
    """Read a painted object as ``h w`` uint8 in {0, 1, 255}: background, object, ignore.

    Any non-zero value is object, whatever the file: black-and-white, class indices, a palette PNG (the index
    counts, not its colour) or colours on black, or on the white or other
    colour that surrounds them. A cut-out (alpha that varies) is object where alpha >= 128.
    255 means ignore only beside other non-zero values of a mask of class indices; alone it is the object.
    Soft edges, as anti-aliasing or JPEG leave them, are cut at half the maximum. EXIF orientation is applied
    as in :func:`asgnet.data.read.read_picture`.

    Args:
        source: what :func:`~asgnet.data.read.read_picture` takes, or an ``h w`` array of any integers.
        size: ``(h, w)`` of the picture that it belongs to.
        name: what to call it in messages.
        ignore: False makes 255 an object value like any other.
        most_pixels: refuse larger masks, before decoding.
        of: the picture, where it may have been turned upright after the mask was painted.

    Raises:
        SupportError: unreadable, of another size than the picture, or nothing painted.
    """
    name = name or named(source, "mask")
    try:
        with refusals(name):
            levels = _levels(source, name, most_pixels)
    except PictureError as error:
        raise SupportError(f"The mask cannot be used: {error}") from error
    name = name if name.startswith("The mask") else f"The mask {name}"
    if of is not None and not levels.turned and painted_unturned(levels.values, of.values[..., :3], of.turn):
        note(f"{name} was painted before its picture was turned upright; it is turned with it.")
        levels = levels._replace(values=upright_array(levels.values, of.turn))
    if size is not None and levels.values.shape != tuple(size):
        raise SupportError(_other_size(name, levels.values.shape, size))
    mask = _mask_of_levels(levels, name, ignore)
    if not (mask == 1).any():
        raise SupportError(f"{name} is empty: nothing is painted; paint the object in any non-zero value.")
    if mask.all():
        note(f"{name} covers the whole picture, so there is no background to learn from.")
    return mask


def read_instances(
    source: Source, mask: Mask, *, name: str = "", most_pixels: int = MOST_PIXELS
) -> NDArray[np.int32]:
    """Number the objects of a painted mask: ``h w``, from 1; 0 is none.

    In a mask of several values (numbered objects, or class indices) pieces of different values are different
    objects even where they touch; in any other each connected piece is one.

    Args:
        source: as for :func:`read_mask`, and
        mask: what that made of it.
        name: what to call it in messages.
        most_pixels: refuse larger masks, before decoding.

    Raises:
        SupportError: there are more than 65,535 objects.
    """
    from skimage.measure import label

    painted = mask == 1
    levels = _levels(source, name or named(source, "mask"), most_pixels)
    values, top = levels.values, levels.values.max()
    between = painted & (values < top)
    numbered = levels.indices and not levels.lossy and values.dtype.kind in "ui" and between.any()
    if numbered and (levels.exact or _flat(values, between)):
        labels = label(np.where(painted, values, 0), connectivity=1, background=0)
    else:
        labels = label(painted, connectivity=1)
    if labels.max(initial=0) > MOST_INSTANCES:
        raise SupportError(
            f"The mask {name or named(source, 'mask')} has {labels.max():,} objects, more than "
            f"{MOST_INSTANCES:,}; paint fewer, or remove its specks."
        )
    return labels.astype(np.int32)


def read_support(image: Source, mask: Source, *, name: str = "") -> Support:
    """Read one example, its mask checked against its picture.

    Raises:
        SupportError: the picture or the mask cannot be read, or they do not belong together.
    """
    try:
        raw = read_raw(image)
        picture = render(raw, decide([raw]))
    except PictureError as error:
        raise SupportError(f"The support cannot be used: {error}") from error
    return Support(picture, read_mask(mask, picture.shape[:2], of=raw), name or named(image))


def index_values(source: Source) -> list[int]:
    """The class indices of a mask file that :func:`read_mask` takes for one object; none if there is only one."""
    levels = _levels(source, named(source, "mask"), MOST_PIXELS)
    values, hard = levels.values, levels.indices and not levels.lossy
    between = (values != 0) & (values < values.max())
    flat = hard and between.any() and (levels.exact or _flat(values, between))
    return [int(value) for value in np.unique(values) if value not in (0, IGNORE)] if flat else []


class _Levels(NamedTuple):
    """Values ``h w`` of a mask and what they are.

    ``turned`` ones had an orientation of their own, ``exact`` ones are never soft (indices, colours), ``indices``
    may hold IGNORE, ``lossy`` ones were a JPEG.
    """

    values: NDArray
    exact: bool = False
    indices: bool = True
    lossy: bool = False
    turned: bool = False


def _levels(source: Any, name: str, most_pixels: int) -> _Levels:
    if isinstance(source, np.ndarray):
        source = source[..., 0] if source.ndim == 3 and source.shape[2] == 1 else source
        if source.ndim == 2 and source.size and source.dtype.kind in "buif":
            if not source.min() >= 0:
                raise PictureError(f"{name} has negative or undefined values; use 0 (background) and 1.")
            return _Levels(source)
        source = image_of_array(source, name)
    image = decoded(source, name, most_pixels)
    lossy = image.format in ("JPEG", "MPO")
    turned, image = orientation_of(image) != 1, upright(image)
    return _levels_of(image, source, name, lossy)._replace(turned=turned)


def _levels_of(image: Image.Image, source: Any, name: str, lossy: bool) -> _Levels:
    if image.mode[-1] in "Aa":
        image = image.convert({"La": "LA", "RGBa": "RGBA"}.get(image.mode, image.mode))
        alpha = np.asarray(image.getchannel("A"))
        cut = alpha >= 128
        if min(cut.mean(), 1 - cut.mean()) >= CUT_OUT or _plain_below(image, cut):
            return _Levels(cut)
        # Of PA the index, not its colour.
        image = image.convert("RGB") if image.mode == "RGBA" else Image.fromarray(np.asarray(image)[..., 0])
    if image.mode in ("P", "1"):
        return _Levels(np.asarray(image), exact=True)
    if image.mode[0] in "IFL" and image.mode != "LAB":
        return _grey(np.asarray(image), name, lossy)
    colours = np.asarray(image.convert("RGB"))
    if (colours == colours[..., :1]).all():
        return _grey(colours[..., 0], name, lossy)
    drawing = drawing_of(colours, _luminance(source, name, colours) if lossy else None)
    if drawing is not None:
        note(f"{name}: {drawing.said}.")
        return _Levels(drawing.object)
    return _Levels(colours.max(axis=-1), exact=True, indices=False, lossy=lossy)


def _luminance(source: Any, name: str, colours: Picture) -> NDArray[np.uint8]:
    """``h w`` as a JPEG stores it; from its colours it cannot be had where they were cut off."""
    if hasattr(source, "seek"):
        source.seek(0)
    if isinstance(source, Image.Image) or not (
        hasattr(source, "seek") or isinstance(source, str | os.PathLike)
    ):
        return np.asarray(Image.fromarray(colours).convert("L"))
    with undecoded(source, name) as image:
        image.draft("L", image.size)
        luminance = np.asarray(upright(image).convert("L"))
    return (
        luminance
        if luminance.shape == colours.shape[:2]
        else np.asarray(Image.fromarray(colours).convert("L"))
    )


def _grey(values: NDArray, name: str, lossy: bool) -> _Levels:
    """What is not 0 is the object, also where that is surely unusual; then it is said."""
    if values.max() == IGNORE and framed_in_white(values):
        note(
            f"{name}: white is taken for the object, and it surrounds all; invert the mask if black is meant."
        )
    return _Levels(values, lossy=lossy)


def _plain_below(image: Image.Image, cut: NDArray[np.bool_]) -> bool:
    """A transparent speck is a cut-out only where the colours say nothing either."""
    if cut.all() or not cut.any():
        return False
    colours = np.asarray(image.convert("RGB"))[cut]
    return bool((colours == colours[0]).all())


def _mask_of_levels(levels: _Levels, name: str, ignore: bool) -> Mask:
    values, top = levels.values, levels.values.max()
    mask = (values != 0).astype(np.uint8)
    between = (mask == 1) & (values < top)
    if not between.any():
        return mask
    if levels.lossy or not (levels.exact or _flat(values, between)):
        note(f"{name} has soft edges; from half the maximum ({top / 2:g}) on it is object.")
        return (values >= top / 2).astype(np.uint8)
    if ignore and levels.indices and top == IGNORE:
        mask[values == IGNORE] = IGNORE
        plain = values[mask == 1].max() == 1  # {0, 1, 255}, asgnet's own masks: nothing is guessed
        if not (levels.exact or plain):
            note(f"{name} has 255 beside other values: 255 is ignored, the others are object.")
    return mask


def _flat(values: NDArray, between: NDArray[np.bool_]) -> bool:
    """Are the values between 0 and the maximum class indices, and not the ramp of a soft edge?

    Regions of an index are flat in both directions; across an edge values change from pixel to pixel. Small
    values are indices in any case: thin strokes of class 1 are not flat either.
    """
    inside = values[between]
    if values.dtype.kind == "f" and (inside != np.round(inside)).any():
        return False
    if inside.max() <= 32:
        return True
    same = (values[:-1, :-1] == values[:-1, 1:]) & (values[:-1, :-1] == values[1:, :-1])
    return bool(np.count_nonzero(same & between[:-1, :-1]) >= 0.25 * np.count_nonzero(between[:-1, :-1]))


def _other_size(name: str, mask: Sequence[int], picture: Sequence[int]) -> str:
    (h, w), (ph, pw) = mask, picture
    sizes = f"{name} is {w}×{h} pixels and its picture {pw}×{ph}"
    if (h, w) == (pw, ph):
        return f"{sizes}: it looks rotated by 90°; save both upright, without an EXIF rotation."
    if abs(w * ph - h * pw) <= max(w, h, pw, ph):
        return f"{sizes}: it looks resized; resize the mask to {pw}×{ph} with nearest neighbour."
    return f"{sizes}: it looks like another picture's; paint the mask on the picture itself."
