"""Is what is found at 1,000 pixels found at 40,000? Dots of 21 pixels on photographed textures, 60 a picture.

    python -m benchmarks.accuracy.dots --size 1024 --size 2048 --size 4096
    python -m benchmarks.accuracy.dots --size 40000 --texture grass --contrast low --tiff FOLDER
    python -m benchmarks.accuracy.dots --example 4096 --texture gravel

One example. A dot counts as found if a piece of the mask overlaps it with an IoU above one half; the IoU is that of
the whole mask. With ``--tiff`` pictures are written as tiled TIFFs and read in parts, in strips.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from benchmarks.accuracy.scenes import photograph
from benchmarks.common import arguments, row, table
from numpy.typing import NDArray
from scipy.ndimage import label

from asgnet import Segmenter
from asgnet.data.read import ArrayParts, open_parts
from asgnet.types import PictureParts

DOTS, ACROSS, AROUND, APART = 60, 21, 12, 30
"""Of a picture; their diameter; pixels from a centre to the edge of what is drawn; least distance of centres."""
PAINT = {"strong": (1.0, (200, 40, 40)), "low": (0.2, (230, 120, 90))}
"""How much of which colour."""
TEXTURES = ("grass", "gravel", "brick")


def centres(side: int, seed: int) -> list[tuple[int, int]]:
    """Of the dots, none near another."""
    rng = np.random.default_rng(seed)
    found: list[tuple[int, int]] = []
    while len(found) < DOTS:
        y, x = (int(rng.integers(20, side - 20)) for _ in range(2))
        if all(abs(y - a) > APART or abs(x - b) > APART for a, b in found):
            found.append((y, x))
    return found


def bands(side: int, seed: int, contrast: str, texture: str, rows: int = 256) -> Iterator[NDArray[np.uint8]]:
    """A picture of ``side`` pixels to each side, so many rows at a time."""
    tile = photograph(f"{texture}.png").astype(np.float32)
    tile = np.concatenate([tile, tile[:, ::-1]], 1)
    tile = np.concatenate([tile, tile[::-1]])
    weight, colour = PAINT[contrast]
    for first in range(0, side, rows):
        last = min(first + rows, side)
        part = tile[np.arange(first, last) % len(tile)]
        part = np.tile(part, (1, -(-side // part.shape[1]), 1))[:, :side]
        for y, x in centres(side, seed):
            over = slice(max(y - AROUND, first), min(y + AROUND + 1, last))
            if over.start < over.stop:
                away = np.hypot(np.arange(over.start, over.stop)[:, None] - y, np.arange(-AROUND, AROUND + 1))
                soft = weight * (ACROSS // 2 + 1 - away).clip(0, 1)[..., None]
                own = part[over.start - first : over.stop - first, x - AROUND : x + AROUND + 1]
                own[:] = own * (1 - soft) + soft * np.array(colour)
        yield part.clip(0, 255).astype(np.uint8)


def picture(side: int, seed: int, contrast: str, texture: str) -> NDArray[np.uint8]:
    """The whole of it."""
    return np.concatenate(list(bands(side, seed, contrast, texture)))


def dots(side: int, seed: int, first: int = 0, last: int | None = None) -> NDArray[np.uint8]:
    """Rows of its mask."""
    last = last or side
    mask = np.zeros((last - first, side), np.uint8)
    for y, x in centres(side, seed):
        away = np.hypot(np.arange(first, last)[:, None] - y, np.arange(x - AROUND, x + AROUND + 1) - x)
        mask[:, x - AROUND : x + AROUND + 1] |= away <= ACROSS // 2 + 0.5
    return mask


def write_tiff(path: Path, side: int, seed: int, contrast: str, texture: str) -> None:
    """As a BigTIFF of tiles of 256 pixels."""
    import tifffile

    def tiles() -> Iterator[NDArray[np.uint8]]:
        for band in bands(side, seed, contrast, texture):
            high = np.pad(band, ((0, 256 - len(band)), (0, -side % 256), (0, 0)))
            yield from (high[:, left : left + 256] for left in range(0, high.shape[1], 256))

    with tifffile.TiffWriter(path, bigtiff=True) as file:
        file.write(
            tiles(),
            shape=(side, side, 3),
            dtype=np.uint8,
            tile=(256, 256),
            photometric="rgb",
            compression="zlib",
        )


def judged(segmenter: Segmenter, parts: PictureParts, side: int, seed: int) -> tuple[int, int, float, float]:
    """Dots found, pieces found, IoU of the mask, and presence."""
    both = either = pieces = 0
    found = {place: [0, 0] for place in centres(side, seed)}  # of each dot intersection and union
    strips = segmenter.strips(parts, rows=min(side, 4096))
    for strip in strips:
        mask = strip.probability[0] > 0.5
        true = dots(side, seed, strip.top, strip.top + len(mask)) > 0
        both, either = both + int((mask & true).sum()), either + int((mask | true).sum())
        labels, count = label(mask)
        pieces += count
        for (y, x), overlap in found.items():
            rows = slice(*np.clip([y - 2 * AROUND - strip.top, y + 2 * AROUND - strip.top], 0, len(mask)))
            window = rows, slice(max(x - 2 * AROUND, 0), min(x + 2 * AROUND, side))
            touching = np.unique(labels[window][true[window]])
            own = np.isin(labels[window], touching[touching > 0])
            dot = true[window] & (dot_at(window, strip.top, y, x))
            overlap[0] += int((own & dot).sum())
            overlap[1] += int((own | dot).sum())
    right = sum(inside > 0.5 * union for inside, union in found.values())
    return right, pieces, both / max(either, 1), strips.presence["object"]


def dot_at(window: tuple[slice, slice], top: int, y: int, x: int) -> NDArray[np.bool_]:
    """One dot in a window of a strip."""
    rows, columns = (
        np.arange(window[0].start, window[0].stop) + top,
        np.arange(window[1].start, window[1].stop),
    )
    return np.hypot(rows[:, None] - y, columns - x) <= ACROSS // 2 + 0.5


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument(
        "--size", type=int, action="append", help="of the pictures; default: 1024, 2048, 4096"
    )
    parser.add_argument("--example", type=int, default=1024, help="size of the example")
    parser.add_argument("--contrast", choices=PAINT, action="append")
    parser.add_argument("--texture", choices=TEXTURES, action="append")
    parser.add_argument("--tiff", type=Path, help="a folder for tiled TIFFs; the pictures are read from them")
    parser.add_argument("--scale", choices=("fast", "auto", "full"), default="auto")
    given = parser.parse_args()
    segmenter = Segmenter.from_pretrained()
    segmenter.thoroughness = given.scale
    print(table(["contrast", "texture", "seen", "size", "found", "pieces", "IoU", "presence", "seconds"]))
    for contrast in given.contrast or PAINT:
        for texture in given.texture or TEXTURES:
            segmenter.fit(picture(given.example, 0, contrast, texture), dots(given.example, 0))
            (scale,) = segmenter.fits
            for side in given.size or (1024, 2048, 4096):
                began = time.perf_counter()
                if given.tiff is None:
                    found = judged(segmenter, ArrayParts(picture(side, 1, contrast, texture)), side, 1)
                else:
                    path = given.tiff / f"{contrast}-{texture}-{side}.tif"
                    if not path.exists():
                        write_tiff(path, side, 1, contrast, texture)
                    began = time.perf_counter()
                    with open_parts(path, whole=0) as parts:
                        found = judged(segmenter, parts, side, 1)
                seconds = time.perf_counter() - began
                print(
                    row([contrast, texture, scale, side, f"{found[0]} of {DOTS}", found[1], f"{found[2]:.3f}",
                         f"{found[3]:.2f}", f"{seconds:.0f}"]),
                    flush=True,
                )  # fmt: skip


if __name__ == "__main__":
    main()
