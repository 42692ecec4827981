"""Pictures that neither Pillow nor tifffile reads: numpy's arrays, DICOM, JPEG XL, HEIC.

Each comes with an extra of its own but for numpy's; without it one sentence names the extra.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from asgnet.data.read.bombs import too_large
from asgnet.data.read.raw import Raw
from asgnet.errors import PictureError

_NPY = b"\x93NUMPY"
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")
MOST_CHANNELS = 64
"""More make a first axis rows, not channels."""


def reader_of(head: bytes, name: str) -> Callable[[BinaryIO, str, int], Raw] | None:
    """What reads a file that begins like this; None: Pillow or tifffile, if anything.

    Raises:
        PictureError: HEIC without the package that Pillow needs for it.
    """
    if head.startswith(_NPY) or (head.startswith(b"PK\x03\x04") and b".npy" in head[30:130]):
        return read_numpy
    if head[128:132] == b"DICM":
        return read_dicom
    if head.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")):
        return read_jpegxl
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC:
        _module("pillow_heif", name, "a HEIC picture", "pillow-heif", "phone").register_heif_opener()
    return None


def read_numpy(stream: BinaryIO, name: str, most_pixels: int) -> Raw:
    """An array ``h w``, ``h w c`` or ``c h w``, alone or the first of several; nothing in it is executed."""
    stream.seek(0)
    if stream.read(len(_NPY)) == _NPY:
        return Raw(name, as_channels_last(_array(stream, name, most_pixels), name, most_pixels))
    with zipfile.ZipFile(stream) as archive, archive.open(archive.infolist()[0]) as member:
        return Raw(name, as_channels_last(_array(member, name, most_pixels), name, most_pixels))


def _array(stream: Any, name: str, most_pixels: int) -> NDArray:
    """A file's array, its size checked before it is read."""
    stream.seek(0)
    version = np.lib.format.read_magic(stream)
    read_header = (
        np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
    )
    shape = read_header(stream)[0]
    if math.prod(shape) > most_pixels * 4:
        raise PictureError(too_large(name, math.prod(shape), most_pixels, f" (shape {shape})"))
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)


def as_channels_last(array: NDArray, name: str, most_pixels: int) -> NDArray:
    """``h w c`` of an array whose shape says which axis the channels are.

    Raises:
        PictureError: it is no picture, or too large.
    """
    if array.dtype.kind not in "buif":
        raise PictureError(f"{name} is an array of {array.dtype}, no picture; save numbers.")
    if array.ndim == 2:
        array = array[..., None]
    first, *rest = array.shape
    if array.ndim == 3 and first <= MOST_CHANNELS and (first < min(rest) or rest[1] > MOST_CHANNELS):
        array = np.moveaxis(array, 0, 2)  # c h w
    if array.ndim != 3 or not array.size or array.shape[2] > MOST_CHANNELS:
        raise PictureError(f"{name} is an array of shape {array.shape}, no picture h×w×c; save one picture.")
    h, w = array.shape[:2]
    if h * w > most_pixels:
        raise PictureError(too_large(name, h * w, most_pixels, f" ({w}×{h})"))
    return array


def read_dicom(stream: BinaryIO, name: str, most_pixels: int) -> Raw:
    """The first frame, in the units that the file's slope and intercept give, with the window it asks for."""
    pydicom = _module("pydicom", name, "a DICOM file", "pydicom", "medical")
    pixels = import_module("pydicom.pixels")
    stream.seek(0)
    data = pydicom.dcmread(stream)
    if "PixelData" not in data or not data.get("Rows"):
        raise PictureError(f"{name} is a DICOM file without a picture; leave it out.")
    h, w = int(data.Rows), int(data.Columns)
    if h * w > most_pixels:
        raise PictureError(too_large(name, h * w, most_pixels, f" ({w}×{h})"))
    if data.get("SamplesPerPixel", 1) == 3:
        values = pixels.pixel_array(data, index=0)
        return Raw(name, values.astype(np.uint8) if values.max(initial=0) < 256 else values)
    values = pixels.apply_modality_lut(pixels.pixel_array(data, index=0), data)[..., None]
    window = _window(data)
    if data.get("PhotometricInterpretation") == "MONOCHROME1":  # the least value is white
        values = -values.astype(np.float32)
        window = window and (-window[1], -window[0])
    return Raw(name, values, window=window)


def _window(data: Any) -> tuple[float, float] | None:
    centre, width = (data.get(key) for key in ("WindowCenter", "WindowWidth"))
    try:
        centre, width = (float(v[0]) if hasattr(v, "__getitem__") else float(v) for v in (centre, width))
    except (TypeError, ValueError, IndexError):
        return None
    return (centre - width / 2, centre + width / 2) if width > 0 else None


def read_jpegxl(stream: BinaryIO, name: str, most_pixels: int) -> Raw:
    """JPEG XL of any depth."""
    codecs = _module("imagecodecs", name, "a JPEG XL picture", "imagecodecs", "microscopy")
    stream.seek(0)
    values = codecs.jpegxl_decode(stream.read())
    values = values[0] if values.ndim == 4 else values
    values = as_channels_last(values, name, most_pixels)
    return Raw(name, values[..., :-1] if values.shape[2] in (2, 4) else values)


def _module(module: str, name: str, what: str, package: str, extra: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError as error:
        raise PictureError(_needs(name, what, package, extra)) from error


def _needs(name: str, what: str, package: str, extra: str) -> str:
    return f"{name} is {what}, which takes {package} to read: pip install 'asgnet[{extra}]'."
