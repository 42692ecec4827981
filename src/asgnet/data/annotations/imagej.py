"""ImageJ's and Fiji's regions of interest: one ``.roi``, or a ``.zip`` of them; each is about one picture."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgnet.data.annotations.annotated import Annotated, Annotations, Paint, Region, checked_points, polygon
from asgnet.data.annotations.skipped import Skipped, skipping
from asgnet.errors import SupportError, UsageError
from asgnet.imaging.regions import outlines

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


def roi_zip(
    objects: Iterable[tuple[NDArray[np.bool_], str, int, tuple[int, int]]], simplify: float = 0
) -> bytes:
    """Regions as ImageJ's and Fiji's ROI manager opens them: an archive of ``.roi``.

    Args:
        objects: of each its region ``h w``, its class, the class's number, which becomes the group (ImageJ's
            from 1; 0: none), and the region's first row and column in the picture.
        simplify: how many pixels outlines may stray; 0 is exact.

    Raises:
        UsageError: roifile is not installed.
    """
    try:
        import roifile
    except ImportError as error:
        raise UsageError(
            "ImageJ's regions take roifile to write: pip install 'asgnet[microscopy]'."
        ) from error
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (region, name, group, at) in enumerate(objects, 1):
            rings = [ring for piece in outlines(region, simplify, at) for ring in piece]
            if not rings:
                continue
            roi = roifile.ImagejRoi.frompoints(np.concatenate(rings), name=f"{name} {number}")
            roi.roitype = roifile.ROI_TYPE.POLYGON
            roi.group = min(group, 255)
            if len(rings) > 1:  # holes, or several pieces: a path of all rings
                roi.roitype, roi.n_coordinates, roi.options = roifile.ROI_TYPE.RECT, 0, roifile.ROI_OPTIONS(0)
                roi.integer_coordinates = roi.subpixel_coordinates = None
                roi.multi_coordinates = _path(rings)
                roi.shape_roi_size = roi.multi_coordinates.size
            safe = re.sub(r"[^\w .-]+", "_", name)  # it is a file's name there
            archive.writestr(zipfile.ZipInfo(f"{number:05} {safe}.roi"), roi.tobytes(), zipfile.ZIP_DEFLATED)
    return data.getvalue()


def _path(rings: Iterable[NDArray[np.float64]]) -> NDArray[np.float32]:
    """Java's path: 0 x y moves there, 1 x y draws a line to there, 4 closes the ring."""
    parts: list[float] = []
    for (x, y), *others in rings:
        parts += [0, x, y, *(value for point in others for value in (1, *point)), 4]
    return np.array(parts, np.float32)
