"""The levels of what GDAL reads row by row: large PNG, JPEG and JPEG 2000; rasterio brings it (``asgnet[geo]``)."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgnet.data.read.bombs import TILE, refuse_large_bombs
from asgnet.errors import PictureError

ROWS = 4_000_000
"""Pixels of the rows that are read at a time where nothing divides them."""
DRIVERS = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"\0\0\0\x0cjP  ": "JP2OpenJPEG",
    b"\xff\x4f\xff\x51": "JP2OpenJPEG",
}
"""What files begin with -> GDAL's driver."""
_LIMITS = {"GDAL_JPEG_MAX_ALLOWED_SCAN_NUMBER": "100", "GDAL_PAM_ENABLED": "NO"}


def driver_of(head: bytes) -> str | None:
    """GDAL's driver for a file that begins like this."""
    return next((driver for magic, driver in DRIVERS.items() if head.startswith(magic)), None)


def geo_levels(path: str, name: str, driver: str, stored: int) -> list[GeoLevel]:
    """The picture and its smaller copies, the largest first.

    Raises:
        PictureError: rasterio is not installed, or the file is a bomb.
    """
    try:
        import rasterio
    except ImportError as error:
        raise PictureError(
            f"{name} is too large to be read at once, and takes rasterio to be read in parts: "
            f"pip install 'asgnet[geo]'; or {TILE}."
        ) from error
    with rasterio.Env(**_LIMITS), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a photograph lies nowhere on the earth
        whole = rasterio.open(path, driver=driver)
        found = [GeoLevel(whole, name)]
        refuse_large_bombs(name, found[0].size, found[0].segment, whole.count * 2, stored)
        found += [
            GeoLevel(rasterio.open(path, driver=driver, overview_level=level), name)
            for level in range(len(whole.overviews(1)))
        ]
    return found


class GeoLevel:
    """One resolution of a picture that GDAL reads, in its blocks, or in rows where these are single ones.

    Args:
        dataset: rasterio's, open.
        name: for messages.
    """

    def __init__(self, dataset: Any, name: str) -> None:
        self.dataset, self.name = dataset, name
        self.size, self.channels = (int(dataset.height), int(dataset.width)), int(dataset.count)
        rows, columns = (int(n) for n in dataset.block_shapes[0])
        if columns >= self.size[1]:
            rows = max(ROWS // self.size[1] // rows, 1) * rows
        self.segment = min(rows, self.size[0]), min(columns, self.size[1])

    @property
    def has_alpha(self) -> bool:
        """The last channel says how transparent the others are."""
        return self.dataset.colorinterp[-1].name == "alpha"

    @property
    def palette(self) -> NDArray[np.uint8] | None:
        """``256 3`` colours of the values, if these are numbers of colours."""
        if self.dataset.colorinterp[0].name != "palette":
            return None
        table = np.zeros((256, 3), np.uint8)
        for value, colour in self.dataset.colormap(1).items():
            table[value] = colour[:3]
        return table

    def decode(self, row: int, column: int) -> NDArray:
        """As :meth:`asgnet.data.read.segments.Level.decode`."""
        import rasterio
        from rasterio.windows import Window

        top, left = row * self.segment[0], column * self.segment[1]
        height, width = min(self.segment[0], self.size[0] - top), min(self.segment[1], self.size[1] - left)
        with rasterio.Env(**_LIMITS):
            values: NDArray = self.dataset.read(window=Window(left, top, width, height))
        return values.transpose(1, 2, 0)

    def close(self) -> None:
        """No more is read."""
        self.dataset.close()
