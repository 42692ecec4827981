"""How large a pixel is, as a file's tags have it: OME, ImageJ, GeoTIFF, TIFF in centimetres, DICOM."""

from __future__ import annotations

import math
import re
from typing import Any

from asgnet.data.read.decode import Source, opened
from asgnet.data.read.images import HEAD
from asgnet.data.read.tiff import MAGIC
from asgnet.errors import PictureError
from asgnet.files import named
from asgnet.imaging.units import PixelSize

_SPELLINGS = {
    "micron": "um",
    "microns": "um",
    "micrometer": "um",
    "\\u00b5m": "um",
    "metre": "m",
    "meter": "m",
}
_GEO_SCALE, _GEO_KEYS, _MODEL, _LINEAR_UNIT = 33550, 34735, 1024, 3076
_PROJECTED = 1
_GEO_UNITS = {9001: 1.0, 9002: 0.3048, 9003: 1200 / 3937}
"""EPSG's codes of metre, foot and US survey foot, in metres."""
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT, _CENTIMETRE = 282, 283, 296, 3
_SQUARE = 0.01
"""Sides may differ by this share of the larger one."""

Sides = tuple[float, float, str]
"""Of a pixel: its width, its height, their unit."""


def read_pixel_size(source: Source, *, name: str = "") -> PixelSize | None:
    """The size of a picture's pixels; nothing is decoded.

    Dots per inch are of print or of a screen, and are not used.

    Args:
        source: a path or a binary stream; anything else has no tags.
        name: what to call it in messages.

    Returns:
        None where the tags say nothing, or the file is none that has such tags.

    Raises:
        PictureError: its pixels are not square, so that areas and lengths have no one unit.
    """
    name = name or named(source)
    try:
        with opened(source, name) as stream:
            head = stream.read(HEAD)
            stream.seek(0)
            if head[128:132] == b"DICM":
                sides = _of_dicom(stream)
            else:
                sides = _of_tiff(stream) if head.startswith(MAGIC) else None
    except Exception:  # a damaged file may raise anything; reading it as a picture says what is wrong
        return None
    if sides is None or not all(math.isfinite(side) and side > 0 for side in sides[:2]):
        return None
    width, height, unit = sides
    if abs(width - height) > _SQUARE * max(width, height):
        raise PictureError(
            f"{name} has pixels of {width:g} by {height:g} {unit}, which are not square; resample it, or give "
            "--pixel-size and measure in pixels of that size."
        )
    return PixelSize(width, unit)


def _of_dicom(stream: Any) -> Sides | None:
    import pydicom

    data = pydicom.dcmread(stream, stop_before_pixels=True)
    spacing = data.get("PixelSpacing") or data.get("ImagerPixelSpacing")
    return (float(spacing[1]), float(spacing[0]), "mm") if spacing else None


def _of_tiff(stream: Any) -> Sides | None:
    import tifffile

    with tifffile.TiffFile(stream) as file:
        page: Any = file.pages[0]
        tags = page.tags
        if file.is_ome:
            return _of_ome(file.ome_metadata or "")
        if file.is_imagej:
            unit = _unit(str((file.imagej_metadata or {}).get("unit", "")))
            return _per_unit(tags, unit, 1.0) if unit else None
        if _GEO_SCALE in tags and _GEO_KEYS in tags:
            return _of_geo(tags[_GEO_SCALE].value, tags[_GEO_KEYS].value)
        if _RESOLUTION_UNIT in tags and int(tags[_RESOLUTION_UNIT].value) == _CENTIMETRE:
            return _per_unit(tags, "um", 1e4)
    return None


def _of_ome(text: str) -> Sides | None:
    found = re.search(r"<Pixels\b[^>]*>", text)
    said = dict(re.findall(r'(PhysicalSize[XY](?:Unit)?)="([^"]*)"', found[0])) if found else {}
    if not {"PhysicalSizeX", "PhysicalSizeY"} <= said.keys():
        return None
    units = [_unit(said.get(f"PhysicalSize{axis}Unit", "um")) for axis in "XY"]
    if not all(units):
        return None
    width, height = (
        PixelSize(float(said[f"PhysicalSize{axis}"]), unit).metres
        for axis, unit in zip("XY", units, strict=True)
    )
    metre = PixelSize(1, units[0]).metres
    return width / metre, height / metre, units[0]


def _of_geo(scale: Any, keys: Any) -> Sides | None:
    """Of a map in a projection; degrees are no lengths."""
    said = {int(keys[i]): int(keys[i + 3]) for i in range(4, len(keys) - 3, 4)}
    metres = _GEO_UNITS.get(said.get(_LINEAR_UNIT, 0))
    if said.get(_MODEL) != _PROJECTED or metres is None:
        return None
    return float(scale[0]) * metres, float(scale[1]) * metres, "m"


def _per_unit(tags: Any, unit: str, size: float) -> Sides | None:
    """From pixels in a unit that has ``size`` of ``unit``."""
    if _X_RESOLUTION not in tags or _Y_RESOLUTION not in tags:
        return None
    (x, x_of), (y, y_of) = tags[_X_RESOLUTION].value, tags[_Y_RESOLUTION].value
    return size * x_of / x, size * y_of / y, unit


def _unit(text: str) -> str:
    """As :class:`PixelSize` has it; empty for another."""
    text = text.strip().replace("µ", "u").replace("μ", "u")
    text = _SPELLINGS.get(text.lower(), text)
    return text if PixelSize.has(text) else ""
