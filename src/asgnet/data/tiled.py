"""Write tiled TIFFs, which other programs open in parts; a few rows at a time are in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

TILE = 512
_BIG = 2**31
"""Bytes from which on a TIFF's places take 8 bytes: compressed it may still be smaller."""


def write_tiled(
    file: Path | BinaryIO,
    rows: Iterable[NDArray],
    size: tuple[int, int],
    tags: Sequence[Any] = (),
    palette: NDArray[np.uint8] | None = None,
) -> None:
    """Write a TIFF of deflated tiles, a BigTIFF where it is large; the same rows give the same bytes.

    Args:
        file: a new one.
        rows: ``r w`` uint8 or uint16, from top to bottom.
        size: ``(h, w)`` of all.
        tags: of the file that it belongs to, see :func:`asgnet.data.read.geo_tags`.
        palette: ``256 3`` colours of the values.
    """
    import tifffile

    parts = iter(rows)
    first = next(parts)
    colours: dict[str, Any] = {} if palette is None else {"colormap": palette.T.astype(np.uint16) * 257}
    with tifffile.TiffWriter(file, bigtiff=size[0] * size[1] * first.dtype.itemsize > _BIG) as writer:
        writer.write(
            _tiles(chain([first], parts), size[1]),
            shape=size,
            dtype=first.dtype,
            photometric="minisblack" if palette is None else "palette",
            tile=(TILE, TILE),
            compression="zlib",
            software="asgnet",
            metadata=None,
            extratags=list(tags),
            maxworkers=1,
            **colours,
        )


def _tiles(rows: Iterable[NDArray], width: int) -> Iterator[NDArray]:
    """Rows in tiles, padded at the right and below."""
    for band in _bands(rows):
        padded = np.pad(band, ((0, TILE - len(band)), (0, -width % TILE)))
        for left in range(0, width, TILE):
            yield np.ascontiguousarray(padded[:, left : left + TILE])


def _bands(rows: Iterable[NDArray]) -> Iterator[NDArray]:
    """The same rows, ``TILE`` at a time."""
    waiting: list[NDArray] = []
    count = 0
    for part in rows:
        waiting.append(part)
        count += len(part)
        if count >= TILE:
            joined = np.concatenate(waiting)
            whole = count // TILE * TILE
            for top in range(0, whole, TILE):
                yield joined[top : top + TILE]
            waiting, count = [joined[whole:].copy()], count - whole
    if count:
        yield np.concatenate(waiting)
