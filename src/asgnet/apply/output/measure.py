"""Objects counted and measured: one row an object, one row a picture and class."""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from asgnet.errors import UsageError
from asgnet.imaging.units import PIXELS, PixelSize
from asgnet.types import Box, Instance, Picture, Prediction

Row = dict[str, Any]

OBJECT_COLUMNS = (
    *("picture", "class", "object", "score", "area", "perimeter", "feret", "circularity", "orientation"),
    *("x", "y", "box_x", "box_y", "box_width", "box_height", "mean_red", "mean_green", "mean_blue", "unit"),
)
PICTURE_COLUMNS = (
    *("picture", "class", "count", "count_low", "count_high", "total_area", "mean_area", "share"),
    *("density", "presence", "unit"),
)
_TEXT = ("picture", "class", "unit")
_WHOLE = ("object", "count", "count_low", "count_high", "box_x", "box_y", "box_width", "box_height")
_ROWS = 10_000
"""Written at a time."""
_LARGE = 1024
"""Longest side of an object's box, in pixels, up to which skimage compares all points of the outline."""


class Measures(NamedTuple):
    """What :func:`measure` found.

    Attributes:
        objects: a row an object, see :func:`measure`.
        pictures: a row a class.
    """

    objects: list[Row]
    pictures: list[Row]


def measure(
    prediction: Prediction,
    picture: Picture | None = None,
    *,
    pixel_size: str | PixelSize | None = None,
    min_area: str | float = 0,
    name: str = "",
) -> Measures:
    """Measure every object of a prediction.

    An object's row has ``picture``, ``class``, ``object`` (its place in ``prediction.labels``), ``score``,
    ``area``, ``perimeter``, ``feret`` (the longest diameter), ``circularity`` (4π · area / perimeter², 1 for a
    disc), ``orientation`` (of the long axis, in radians from the rows' axis), ``x`` and ``y`` (centroid), ``box_x``,
    ``box_y``, ``box_width``, ``box_height``, and ``unit``. The values are those of
    :func:`skimage.measure.regionprops_table`. Positions and boxes are in pixels. With a picture the row has
    ``mean_red``, ``mean_green`` and ``mean_blue``, too.

    A class's row has ``picture``, ``class``, ``count``, ``count_low`` and ``count_high`` (where the true count
    lies, as far as the examples tell; None with fewer than four that show several objects), ``total_area``,
    ``mean_area``, ``share`` (of the picture), ``density`` (objects per unit of area), ``presence``, and ``unit``.

    Args:
        prediction: at the picture's own size.
        picture: ``h w 3`` uint8; None: without intensities.
        pixel_size: of a side, such as ``0.25um``, or what :func:`asgnet.data.read.read_pixel_size` found in a
            file's tags; by default everything is in pixels.
        min_area: objects below it are not counted: pixels, or such as ``20um2``.
        name: of the picture.

    Raises:
        UsageError: an unknown unit, or a picture of another size.
    """
    if picture is not None and picture.shape[:2] != prediction.mask.shape:
        raise UsageError(
            f"The prediction is {prediction.mask.shape} and its picture {picture.shape[:2]} (h, w); give the "
            "picture that was segmented."
        )
    given = PixelSize.parse(pixel_size) if isinstance(pixel_size, str) and pixel_size else pixel_size
    scale = given if isinstance(given, PixelSize) else PIXELS
    least = scale.pixels(str(min_area)) if min_area else 0.0

    def colours(box: Box) -> Picture | None:
        return None if picture is None else picture[box[0] : box[2], box[1] : box[3]]

    objects = object_rows(prediction.instances, colours, scale, least, name)
    ones = {label: prediction.by_class.get(label, prediction) for label in prediction.classes}
    presences = {label: float(one.presence) for label, one in ones.items()}
    ratios = {label: one.count_ratios for label, one in ones.items()}
    return Measures(objects, class_rows(objects, presences, ratios, prediction.mask.size, scale, name))


def object_rows(
    objects: Sequence[Instance],
    colours: Callable[[Box], Picture | None],
    scale: PixelSize,
    least: float = 0,
    name: str = "",
) -> list[Row]:
    """The rows of objects, see :func:`measure`.

    Args:
        objects: in the order that they are numbered in.
        colours: of a box of the picture; None: without intensities.
        scale: of a pixel.
        least: objects of fewer pixels are left out.
        name: of the picture.
    """
    from skimage.measure import regionprops

    rows = []
    for number, one in enumerate(objects, 1):
        if one.area < least:
            continue
        down, across = one.window
        picture = colours((down.start, across.start, down.stop, across.stop))
        (region,) = regionprops(one.crop.astype(np.uint8), picture, offset=(down.start, across.start))
        perimeter, (y, x) = float(region.perimeter), region.centroid
        row: Row = {
            "picture": name,
            "class": one.name,
            "object": number,
            "score": one.score,
            "area": float(region.area) * scale.side**2,
            "perimeter": perimeter * scale.side,
            "feret": _feret(region) * scale.side,
            "circularity": 4 * math.pi * float(region.area) / perimeter**2 if perimeter else None,
            "orientation": float(region.orientation),
            "x": float(x),
            "y": float(y),
            **dict(zip(("box_x", "box_y", "box_width", "box_height"), one.box, strict=True)),
        }
        if picture is not None:
            means = np.atleast_1d(region.intensity_mean)
            row |= {f"mean_{c}": float(v) for c, v in zip(("red", "green", "blue"), means, strict=True)}
        rows.append({**row, "unit": scale.unit})
    return rows


def _feret(region: Any) -> float:
    """The longest diameter, in pixels, as skimage has it; of large objects from their hull's corners alone."""
    if max(region.image.shape) <= _LARGE:
        return float(region.feret_diameter_max)
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import pdist

    rows, columns = np.nonzero(region.image)
    points = np.concatenate(
        [(rows + r, columns + c) for r, c in ((0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5))], 1
    ).T
    return float(pdist(points[ConvexHull(points).vertices]).max())


def class_rows(
    objects: Sequence[Row],
    presences: Mapping[str, float],
    ratios: Mapping[str, tuple[float, float] | None],
    pixels: int,
    scale: PixelSize,
    name: str = "",
) -> list[Row]:
    """What a picture's objects come to, class by class, see :func:`measure`.

    Args:
        objects: their rows.
        presences: of each class.
        ratios: of each class: :attr:`asgnet.types.Prediction.count_ratios`.
        pixels: of the picture.
        scale: of a pixel.
        name: of the picture.
    """
    whole = pixels * scale.side**2
    rows = []
    for label, presence in presences.items():
        areas = [row["area"] for row in objects if row["class"] == label]
        low, high = ratios[label] or (None, None)
        rows.append(
            {
                "picture": name,
                "class": label,
                "count": len(areas),
                "count_low": None if low is None else math.floor(min(low, 1) * len(areas)),
                "count_high": None if high is None else math.ceil(max(high, 1) * len(areas)),
                "total_area": float(sum(areas)),
                "mean_area": float(sum(areas) / len(areas)) if areas else None,
                "share": float(sum(areas) / whole),
                "density": len(areas) / whole,
                "presence": presence,
                "unit": scale.unit,
            }
        )
    return rows


def csv_parts(rows: Iterable[Row], columns: Sequence[str]) -> Iterator[bytes]:
    """Rows as CSV in UTF-8, a head of the columns' names first, piece by piece."""
    for row in itertools.chain([dict(zip(columns, columns, strict=True))], rows):
        line = io.StringIO(newline="")
        csv.DictWriter(line, columns, restval="", lineterminator="\n").writerow(row)
        yield line.getvalue().encode("utf-8", "surrogateescape")


def parquet_bytes(rows: Iterable[Row], columns: Sequence[str]) -> bytes:
    """Rows as a Parquet file; only the compressed file is in memory.

    Raises:
        UsageError: pyarrow is not installed.
    """
    parquet = parquet_module()
    import pyarrow

    kinds = {**dict.fromkeys(_TEXT, pyarrow.string()), **dict.fromkeys(_WHOLE, pyarrow.int64())}
    schema = pyarrow.schema([(name, kinds.get(name, pyarrow.float64())) for name in columns])
    sink, left = io.BytesIO(), iter(rows)
    with parquet.ParquetWriter(sink, schema) as writer:
        while group := list(itertools.islice(left, _ROWS)):
            values = {name: [_unicode(row.get(name)) for row in group] for name in columns}
            writer.write_table(pyarrow.table(values, schema=schema))
    return sink.getvalue()


def _unicode(value: Any) -> Any:
    """Names of files may hold bytes that are no text."""
    return (
        value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        if isinstance(value, str)
        else value
    )


def parquet_module() -> Any:
    """What writes Parquet; UsageError if it is not installed."""
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise UsageError("Parquet needs pyarrow (pip install 'asgnet[parquet]'); or write CSV.") from error
    return parquet
