"""Read and write pictures and masks: the only place that trusts a file.

Everything here answers with plain arrays or with one sentence: :class:`PictureError` for a picture,
:class:`SupportError` for an example, :class:`OutputError` for a result. What had to be decided for the user
(first frame of an animation, 12-bit values, soft mask edges) is said by an :class:`AsgnetWarning`.

In this order: pictures, masks, writing, listing.
"""

from __future__ import annotations

import errno
import glob
import io
import os
import re
import stat
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, UnidentifiedImageError

from asgnet.errors import AsgnetWarning, DataError, PictureError, SupportError, UsageError
from asgnet.files import PathLike, named, save_bytes
from asgnet.files import atomic_path as atomic_path
from asgnet.types import IGNORE, Mask, Picture, Support

Source = PathLike | Image.Image | NDArray | BinaryIO

MOST_PIXELS = 100_000_000
"""Larger pictures are refused from their header, before anything is decoded."""

SUFFIXES = frozenset(
    (
        *(".avif", ".bmp", ".dds", ".dib", ".gif", ".heic", ".heif", ".ico", ".j2k", ".jfif", ".jp2", ".jpe"),
        *(".jpeg", ".jpg", ".mpo", ".pbm", ".pcx", ".pgm", ".png", ".pnm", ".ppm", ".qoi", ".sgi", ".tga"),
        *(".tif", ".tiff", ".webp"),
    )
)
"""Endings that make a file inside a folder a picture."""

# Pillow knows more, but some of it runs other programs (EPS) or is no picture; HEIF needs the user's plugin.
_FORMATS = (
    *("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "AVIF", "HEIF"),
    *("JPEG2000", "ICO", "PCX", "SGI", "QOI", "DDS", "TGA"),
)
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DAMAGED = "is damaged or cut short ({}); copy it again from its source or leave it out"


def read_picture(source: Source, *, most_pixels: int = MOST_PIXELS) -> Picture:
    """Read any picture as ``h w 3`` uint8, upright.

    Transparent pixels become white: that is the page they were cut out for, and no tool stores a meaningful
    colour under them. 16-bit values are divided by 65535 if they reach the upper half of that range, else by
    their maximum (12-bit cameras); float files beyond [0, 1] by their maximum. Colour profiles are not
    applied.

    Args:
        source: a path, a PIL image of any mode, a binary stream, or an array ``h w``, ``h w 1``, ``h w 3`` or
            ``h w 4`` of uint8, uint16, bool or floats in [0, 1].
        most_pixels: refuse larger pictures, before decoding.

    Raises:
        PictureError: missing, unreadable, damaged, too large, empty, or of an unsupported shape or dtype.
    """
    name = named(source)
    with _refusals(name):
        if isinstance(source, np.ndarray):
            source = _image_of_array(source, name)
        return _rgb(_upright(_decode(source, name, most_pixels)), name)


def _decode(source: Any, name: str, most_pixels: int) -> Image.Image:
    """The first frame, decoded, its size checked before; not yet turned upright."""
    if isinstance(source, Image.Image):
        _check_header(source, name, most_pixels)
        source.load()
        return source
    with _opened(source, name) as stream:
        image = _identify(stream)
        _check_header(image, name, most_pixels)
        image.load()
    return image


def _opened(source: Any, name: str) -> BinaryIO:
    if hasattr(source, "read"):
        stream: BinaryIO = io.BytesIO(source.read())
        empty = not stream.getbuffer().nbytes
    elif isinstance(source, str | bytes | os.PathLike):
        if "\0" in os.fsdecode(source):
            raise FileNotFoundError(errno.ENOENT, "no such file")
        status = os.stat(source)
        if stat.S_ISDIR(status.st_mode):
            raise PictureError(f"{name} is a folder, not a picture; name a picture inside it.")
        if not stat.S_ISREG(status.st_mode):
            raise PictureError(f"{name} is a pipe or a device; save the picture to a file and name that.")
        stream, empty = open(source, "rb"), not status.st_size  # noqa: SIM115 (the caller closes it)
    else:
        raise PictureError(
            f"A {type(source).__name__} is not a picture; give a path, a PIL image or an h×w×3 uint8 array."
        )
    if empty:
        stream.close()
        raise PictureError(f"{name} is an empty file; copy it again from its source or leave it out.")
    return stream


def _identify(stream: BinaryIO) -> Image.Image:
    """What ``Image.open`` does, but leaving the size limit to us: its own is one global for all threads."""
    prefix = stream.read(16)
    Image.preinit()
    if not any(kind in Image.OPEN and _accepts(kind, prefix) for kind in _FORMATS):
        Image.init()
    damage: Exception = UnidentifiedImageError()
    for kind in _FORMATS:
        if kind in Image.OPEN and _accepts(kind, prefix):
            stream.seek(0)
            try:
                return Image.OPEN[kind][0](stream, "")
            except (SyntaxError, IndexError, TypeError, struct.error) as error:
                # TGA has no signature, so its refusal says nothing; that of others means a broken header.
                damage = damage if Image.OPEN[kind][1] is None else error
    raise damage


def _accepts(kind: str, prefix: bytes) -> bool:
    accept = Image.OPEN[kind][1]
    try:
        return accept is None or accept(prefix) is True
    except (struct.error, IndexError):  # a file of a few bytes
        return False


def _check_header(image: Image.Image, name: str, most_pixels: int) -> None:
    w, h = image.size
    if not w or not h:
        raise PictureError(f"{name} has no pixels ({w}×{h}); leave it out.")
    if w * h > most_pixels:
        raise PictureError(_too_large(name, w * h, most_pixels, f" ({w}×{h})"))
    several = False
    with suppress(Exception):  # a broken second frame is no reason to lose the first
        # An MPO is a photograph with a preview or a depth map behind it: one picture.
        several = image.format != "MPO" and getattr(image, "is_animated", False) and image.tell() == 0
    if several:
        _note(f"{name} has several frames or pages; only the first is used.")


def _upright(image: Image.Image) -> Image.Image:
    try:
        turn = _TURNS.get(image.getexif().get(_ORIENTATION))
    except Exception:  # broken EXIF is common and says nothing against the picture
        turn = None
    return image if turn is None else image.transpose(turn)


def _rgb(image: Image.Image, name: str) -> Picture:
    if image.mode[0] in "IF":
        image = Image.fromarray(_eight_bit(np.asarray(image), name))
    if image.mode == "La":
        image = image.convert("LA")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _eight_bit(values: NDArray, name: str) -> NDArray[np.uint8]:
    """16-bit, 32-bit or float values as uint8, the same for all channels."""
    whole = np.issubdtype(values.dtype, np.integer)
    values = np.nan_to_num(values.astype(np.float32), nan=0, posinf=0, neginf=0)
    low, high = min(float(values.min()), 0.0), float(values.max())
    full = 65535.0 if whole and 32767 < high <= 65535 else 1.0 if not whole and high <= 1 else high
    if low < 0 or full not in (0.0, 1.0, 65535.0):
        _note(f"{name} has values from {low:g} to {high:g}; {low:g} is shown as black and {full:g} as white.")
    return ((values - low) * (255 / ((full - low) or 1)) + 0.5).astype(np.uint8)


def _image_of_array(array: NDArray, name: str) -> Image.Image:
    """``h w``, ``h w 1``, ``h w 3``, ``h w 4`` of uint8, bool, uint16 or floats in [0, 1] as a PIL image."""
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim != 2 and (array.ndim != 3 or array.shape[2] not in (3, 4)):
        raise PictureError(
            f"{name} is an array of shape {array.shape}, not h×w×3; put the channels last (np.moveaxis) "
            "and give one picture at a time."
        )
    if not array.size:
        raise PictureError(f"{name} has no pixels (shape {array.shape}); leave it out.")
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    elif array.dtype == np.uint16:
        array = _eight_bit(array, name)
    elif np.issubdtype(array.dtype, np.floating):
        if not (array.min() >= 0 and array.max() <= 1):  # so written, NaN is refused too
            raise PictureError(f"{name} is a float array beyond [0, 1]; divide it by its white value.")
        array = (array * 255 + 0.5).astype(np.uint8)
    elif array.dtype != np.uint8:
        raise PictureError(f"{name} is an array of {array.dtype}; convert it with .astype(np.uint8).")
    return Image.fromarray(np.ascontiguousarray(array))


@contextmanager
def _refusals(name: str) -> Iterator[None]:
    """Turn whatever a file can provoke into one sentence about it."""
    try:
        yield
    except PictureError:
        raise
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PictureError(f"{name} does not exist; check the path.") from error
    except PermissionError as error:
        raise PictureError(f"{name} cannot be opened: permission denied; make it readable.") from error
    except UnidentifiedImageError as error:
        raise PictureError(
            f"{name} is not a picture in a known format; open it in a viewer and save it as PNG or JPEG."
        ) from error
    except Image.DecompressionBombError as error:
        pixels = re.search(r"\d+", str(error))
        raise PictureError(_too_large(name, int(pixels[0]) if pixels else 0, MOST_PIXELS)) from error
    except MemoryError as error:
        raise PictureError(f"{name} does not fit into memory; shrink it and try again.") from error
    except Exception as error:  # a damaged file makes Pillow's decoders raise anything
        if isinstance(error, OSError) and error.errno is not None:
            raise PictureError(f"{name} cannot be opened: {error.strerror}; check the path.") from error
        reason = repr(" ".join(str(error).split())[:100])[1:-1] or type(error).__name__
        raise PictureError(f"{name} {_DAMAGED.format(reason)}.") from error


def _too_large(name: str, pixels: int, most: int, size: str = "") -> str:
    return (
        f"{name} has {pixels / 1e6:.0f} megapixels{size}, more than the {most / 1e6:.0f} that are read; "
        "shrink it or cut it into tiles."
    )


def _note(message: str) -> None:
    warnings.warn(message, AsgnetWarning, stacklevel=3)


def read_mask(
    source: Source, size: tuple[int, int] | None = None, *, name: str = "", ignore: bool = True
) -> Mask:
    """Read a painted object as ``h w`` uint8 in {0, 1, 255}: background, object, ignore.

    Any non-zero value is object, whatever the file: black-and-white, class indices, a palette PNG (the index
    counts, not its colour) or colours on black. A cut-out (alpha that varies) is object where alpha >= 128.
    255 means ignore only beside other non-zero values of a mask of class indices; alone it is the object.
    Soft edges, as anti-aliasing or JPEG leave them, are cut at half the maximum. EXIF orientation is applied
    as in :func:`read_picture`.

    Args:
        source: what :func:`read_picture` takes, or an ``h w`` array of any integers.
        size: ``(h, w)`` of the picture that it belongs to.
        name: what to call it in messages.
        ignore: False makes 255 an object value like any other.

    Raises:
        SupportError: unreadable, of another size than the picture, or nothing painted.
    """
    name = name or named(source, "mask")
    try:
        with _refusals(name):
            levels = _levels(source, name)
    except PictureError as error:
        raise SupportError(f"The mask cannot be used: {error}") from error
    name = name if name.startswith("The mask") else f"The mask {name}"
    if size is not None and levels.values.shape != tuple(size):
        raise SupportError(_other_size(name, levels.values.shape, tuple(size)))
    mask = _mask_of_levels(levels, name, ignore)
    if not (mask == 1).any():
        raise SupportError(f"{name} is empty: nothing is painted; paint the object in any non-zero value.")
    if mask.all():
        _note(f"{name} covers the whole picture, so there is no background to learn from.")
    return mask


def read_support(image: Source, mask: Source, *, name: str = "") -> Support:
    """Read one example, its mask checked against its picture.

    Raises:
        SupportError: the picture or the mask cannot be read, or they do not belong together.
    """
    try:
        picture = read_picture(image)
    except PictureError as error:
        raise SupportError(f"The support cannot be used: {error}") from error
    return Support(picture, read_mask(mask, picture.shape[:2]), name or named(image))


def read_labels(path: PathLike) -> NDArray[np.uint8]:
    """Read class indices as ``h w`` uint8, untouched: palette indices or grey values, no EXIF turn.

    Raises:
        PictureError: missing or unreadable.
        DataError: the file holds colours or values beyond 255 and so no class indices.
    """
    name = named(path)
    with _refusals(name):
        image = _decode(path, name, MOST_PIXELS)
        values = np.array(image)
    if values.ndim != 2 or values.dtype.kind == "f" or values.min() < 0 or values.max() > 255:
        raise DataError(
            f"{name} (mode {image.mode}) holds no class indices from 0 to 255; give a palette or grey PNG."
        )
    return values.astype(np.uint8, copy=False)


class _Levels(NamedTuple):
    """Values ``h w`` of a mask and what they are.

    ``exact`` ones are never soft (indices, colours), ``indices`` may hold IGNORE, ``lossy`` ones were a JPEG.
    """

    values: NDArray
    exact: bool = False
    indices: bool = True
    lossy: bool = False


def _levels(source: Any, name: str) -> _Levels:
    if isinstance(source, np.ndarray):
        source = source[..., 0] if source.ndim == 3 and source.shape[2] == 1 else source
        if source.ndim == 2 and source.size and source.dtype.kind in "buif":
            if not source.min() >= 0:
                raise PictureError(f"{name} has negative or undefined values; use 0 (background) and 1.")
            return _Levels(source)
        source = _image_of_array(source, name)
    image = _decode(source, name, MOST_PIXELS)
    lossy = image.format in ("JPEG", "MPO")
    image = _upright(image)
    if image.mode[-1] in "Aa":
        image = image.convert({"La": "LA", "RGBa": "RGBA"}.get(image.mode, image.mode))
        alpha = np.asarray(image.getchannel("A"))
        if alpha.min() != alpha.max():
            return _Levels(alpha >= 128)
        # Of PA the index, not its colour.
        image = image.convert("RGB") if image.mode == "RGBA" else Image.fromarray(np.asarray(image)[..., 0])
    if image.mode in ("P", "1"):
        return _Levels(np.asarray(image), exact=True)
    if image.mode[0] in "IFL" and image.mode != "LAB":
        return _Levels(np.asarray(image), lossy=lossy)
    colours = np.asarray(image.convert("RGB"))
    if (colours == colours[..., :1]).all():
        return _Levels(colours[..., 0], lossy=lossy)
    return _Levels(colours.max(axis=-1), exact=True, indices=False, lossy=lossy)


def _mask_of_levels(levels: _Levels, name: str, ignore: bool) -> Mask:
    values, top = levels.values, levels.values.max()
    mask = (values != 0).astype(np.uint8)
    between = (mask == 1) & (values < top)
    if not between.any():
        return mask
    if levels.lossy or not (levels.exact or _flat(values, between)):
        _note(f"{name} has soft edges; from half the maximum ({top / 2:g}) on it is object.")
        return (values >= top / 2).astype(np.uint8)
    if ignore and levels.indices and top == IGNORE:
        mask[values == IGNORE] = IGNORE
        if not levels.exact:
            _note(f"{name} has 255 beside other values: 255 is ignored, the others are object.")
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
    return np.count_nonzero(same & between[:-1, :-1]) >= 0.25 * np.count_nonzero(between[:-1, :-1])


def _other_size(name: str, mask: tuple[int, int], picture: tuple[int, int]) -> str:
    (h, w), (ph, pw) = mask, picture
    sizes = f"{name} is {w}×{h} pixels and its picture {pw}×{ph}"
    if (h, w) == (pw, ph):
        return f"{sizes}: it looks rotated by 90°; save both upright, without an EXIF rotation."
    if abs(w * ph - h * pw) <= max(w, h, pw, ph):
        return f"{sizes}: it looks resized; resize the mask to {pw}×{ph} with nearest neighbour."
    return f"{sizes}: it looks like another picture's; paint the mask on the picture itself."


def squash(picture: Picture, side: int) -> Picture:
    """The picture as a square, ``h w 3`` → ``side side 3`` uint8: each side resized for itself.

    Bilinear, and antialiased where it shrinks. A network's training and its use must resize alike, so both
    do it here.
    """
    return np.array(Image.fromarray(picture).resize((side, side), Image.Resampling.BILINEAR))


def squash_mask(mask: NDArray, side: int) -> NDArray:
    """A mask or class indices ``h w`` as :func:`squash` sees their picture: ``side side``, no new values."""
    rows, columns = ((2 * np.arange(side) + 1) * n // (2 * side) for n in mask.shape)
    return mask[rows[:, None], columns]


def save_png(path: PathLike, image: NDArray | Image.Image, palette: ArrayLike | None = None) -> None:
    """Write a PNG, whole or not at all.

    Args:
        path: where; missing folders are made.
        image: ``h w`` bool (written as 0 and 255), uint8 or uint16; ``h w 3`` or ``h w 4`` uint8; or PIL's.
        palette: ``n 3`` colours of the values of an ``h w`` uint8 image, n <= 256.

    Raises:
        OutputError: as :func:`atomic_path`.
    """
    if not isinstance(image, Image.Image):
        image = image.astype(np.uint8) * 255 if image.dtype == bool else np.ascontiguousarray(image)
        image = Image.fromarray(image)
    if palette is not None:
        image.putpalette(np.asarray(palette, np.uint8).tobytes())
    # Encoded in memory: Pillow forgets the errno of a full disk when it writes by itself.
    # 16-bit values seldom repeat: looking for runs alone takes two thirds of the time for the same size.
    runs = zlib.Z_RLE if image.mode.startswith("I") else zlib.Z_DEFAULT_STRATEGY
    encoded = io.BytesIO()
    image.save(encoded, format="PNG", compress_level=1, compress_type=runs)
    save_bytes(path, encoded.getbuffer())


def list_pictures(paths: PathLike | Iterable[PathLike], recursive: bool = True) -> list[Path]:
    """Expand files, folders and patterns to a sorted list of pictures without duplicates.

    A file that is named is always taken, also a missing one: reading it says what is wrong. In folders the
    files with a known ending are taken (:data:`SUFFIXES`); hidden files and folders are skipped.

    Raises:
        UsageError: nothing was found at all.
    """
    paths = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    found: dict[str, Path] = {}
    for path in paths:
        here = _expand(os.fspath(path), recursive)
        if not here:
            _note(f"No pictures in {named(path)}.")
        found.update((os.path.abspath(p), Path(p)) for p in here)
    if not found:
        wanted = ", ".join(named(p) for p in paths) or "an empty list"
        raise UsageError(f"No pictures found in {wanted}; name pictures (PNG, JPEG ...) or a folder of them.")
    return sorted(found.values(), key=os.fspath)


def _expand(path: str, recursive: bool) -> list[str]:
    if os.path.isdir(path):
        return _walk(path, recursive)
    if os.path.lexists(path) or not glob.has_magic(path):
        return [path]
    matches = glob.glob(path, recursive=recursive)
    files = [p for p in matches if not os.path.isdir(p)]
    return files or [p for folder in matches for p in _walk(folder, recursive)]


def _walk(folder: str, recursive: bool) -> list[str]:
    found: list[str] = []

    def skipped(error: OSError) -> None:
        _note(f"The folder {named(error.filename)} is left out: {error.strerror}.")

    for here, folders, files in os.walk(folder, onerror=skipped):
        folders[:] = [f for f in folders if recursive and not f.startswith(".")]
        found += [
            os.path.join(here, f)
            for f in files
            if os.path.splitext(f)[1].lower() in SUFFIXES and not f.startswith(".")
        ]
    return found
