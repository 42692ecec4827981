"""ImageJ's and Fiji's regions of interest: one ``.roi``, or a ``.zip`` of them; each is about one picture."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgnet.data.annotations.annotated import Annotated, Annotations, Paint, Region, checked_points, polygon
from asgnet.data.annotations.skipped import Skipped, skipping
from asgnet.errors import SupportError

MOST_BYTES = 50_000_000
"""Of one region."""
_AREAS = ("POLYGON", "RECT", "OVAL", "FREEHAND", "TRACED")


def parse_imagej(data: bytes) -> Annotations:
    """All areas; lines and points are not used. A region's group is its class, if it has one.

    Raises:
        SupportError: roifile is not installed.
        ValueError: the archive is none, or holds no regions.
    """
    try:
        import roifile
    except ImportError as error:
        raise SupportError(
            "ImageJ's regions take roifile to read: pip install 'asgnet[microscopy]'."
        ) from error
    regions: list[Region] = []
    skipped: list[Skipped] = []
    left = 0
    for number, (name, content) in enumerate(_files(data), 1):
        with skipping(skipped, name, number):
            roi = roifile.ImagejRoi.frombytes(content)
            if roi.roitype.name not in _AREAS and not roi.composite:
                left += 1
                continue
            label = f"group {roi.group}" if getattr(roi, "group", 0) else "object"
            regions.append(Region(label, _painter(roi)))
    words = (f"{left} lines or points are not used: they cover no area.",) if left else ()
    pictures = (Annotated("", None, tuple(regions)),)
    return Annotations("ImageJ regions", pictures, left=words, skipped=tuple(skipped))


def _files(data: bytes) -> list[tuple[str, bytes]]:
    if not data.startswith(b"PK"):
        return [("", data)]
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            inside = [one for one in archive.infolist() if one.filename.lower().endswith(".roi")]
            if not inside:
                raise ValueError("no regions (.roi)")
            if any(one.file_size > MOST_BYTES for one in inside):
                raise ValueError("a region that is too large")
            return [(one.filename, archive.read(one)) for one in inside]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"a damaged archive ({error})") from error


def _painter(roi: Any) -> Paint:
    """Rings that lie in others are holes."""
    paths = [checked_points(path) for path in roi.coordinates(multi=True)]
    if not paths:
        raise ValueError("no outline")

    def paint(size: tuple[int, int]) -> NDArray[np.bool_]:
        region = np.zeros(size, bool)
        for path in paths:
            region ^= polygon(path)(size)
        return region

    return paint
