"""Windows around objects, for training on prompts: what a click, a box or a whole picture shows of one.

An object is a connected piece of a class, a numbered instance, or a piece of a picture cut up by people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from scipy.ndimage import find_objects, gaussian_filter

from asgnet.imaging.resize import nearest, resized
from asgnet.types import IGNORE, Picture

SIDE, GRID = 256, 128
"""Of a window as the backbone sees it, and of its labels."""
LEAST_SHOWN = 24
"""Of an object, in a window's labels."""
MOST = 8
"""Objects kept of a window."""


@dataclass(frozen=True)
class Source:
    """Pictures with the labels that show their objects.

    Attributes:
        pairs: picture and label map.
        part: of the windows that are drawn of it.
        all_values: 0 is an object too, and nothing is ignored: pictures cut up by people.
        whole: its objects are whole things: a click alone says which.
        least: pixels of an object in its picture.
    """

    pairs: tuple[tuple[Path, Path], ...]
    part: float
    all_values: bool = False
    whole: bool = True
    least: int = 60


class Window(NamedTuple):
    """What training sees.

    Attributes:
        picture: ``256 256 3`` uint8.
        labels: ``128 128`` uint8: 0 background, 1 the object it was drawn around, 2… others, 255 ignored.
        whole: see :class:`Source`.
    """

    picture: Picture
    labels: NDArray[np.uint8]
    whole: bool


def draw_window(sources: Sequence[Source], rng: np.random.Generator) -> Window:
    """One at random; of made pictures where sources sum to less than 1."""
    while True:
        draw, source = rng.random(), None
        for one in sources:
            draw -= one.part
            if draw < 0:
                source = one
                break
        if source is None:
            picture, pieces = made(sources, rng)
            least = 60
        else:
            pair = source.pairs[rng.integers(len(source.pairs))]
            picture, pieces = read(*pair, source.all_values)
            least = source.least
        found = _cut(picture, pieces, least, rng)
        if found is not None:
            picture, labels = found
            return Window(varied(picture, rng), labels, source is None or source.whole)


@lru_cache(16)
def read(picture: Path, labels: Path, all_values: bool) -> tuple[Picture, NDArray[np.int32]]:
    """The picture as it is displayed, and its pieces numbered from 1; 0 background, -1 ignored."""
    from skimage.measure import label

    values = np.asarray(Image.open(labels)).astype(np.int32)
    pieces = label(values + 1, background=-1, connectivity=1).astype(np.int32)
    if not all_values:
        pieces = np.where(values == 0, 0, np.where(values == IGNORE, -1, pieces))
    return np.asarray(ImageOps.exif_transpose(Image.open(picture)).convert("RGB")), pieces


def _cut(
    picture: Picture, pieces: NDArray[np.int32], least: int, rng: np.random.Generator
) -> tuple[Picture, NDArray[np.uint8]] | None:
    areas = np.bincount(pieces.clip(0).ravel())
    areas[0] = 0
    usable = np.nonzero(areas >= least)[0]
    if not len(usable):
        return None
    # Large ones are drawn more often than small ones, but not in proportion to their size.
    chances = areas[usable] ** 0.35
    number = int(rng.choice(usable, p=chances / chances.sum()))
    place = find_objects(np.where(pieces == number, 1, 0))[0]
    limits = _limits(place, pieces.shape, rng)
    shown = nearest(pieces[limits], (GRID, GRID))
    labels = np.zeros((GRID, GRID), np.uint8)
    labels[shown < 0] = IGNORE
    labels[shown == number] = 1
    if (labels == 1).sum() < LEAST_SHOWN or not (labels != 1).any():
        return None
    counts = np.bincount(shown.clip(0).ravel())
    counts[0] = counts[number] = 0
    others = [n for n in np.argsort(-counts)[: 3 * MOST] if counts[n] >= LEAST_SHOWN]
    for new, old in enumerate(rng.permutation(others)[: MOST - 1], 2):
        labels[shown == old] = new
    return resized(np.ascontiguousarray(picture[limits]), (SIDE, SIDE)), labels


def _limits(place: tuple[slice, ...], shape: Sequence[int], rng: np.random.Generator) -> tuple[slice, ...]:
    """Rows and columns of a window that shows all of the object, and more or less around it."""
    if rng.random() < 0.2:
        return slice(0, shape[0]), slice(0, shape[1])
    breadth = max(s.stop - s.start for s in place)
    side = max(breadth * np.exp(rng.uniform(np.log(1.1), np.log(5))), 24)
    limits = []
    for extent, length in zip(place, shape, strict=True):
        window = int(min(length, side * np.exp(rng.uniform(-0.15, 0.15))))
        low, high = max(0, extent.stop - window), min(extent.start, length - window)
        start = int(rng.integers(min(low, high), max(low, high) + 1))
        limits.append(slice(start, start + window))
    return tuple(limits)


def varied(picture: Picture, rng: np.random.Generator) -> Picture:
    """The same in other light, in other colours, less sharp."""
    values = picture.astype(np.float32) / 255
    if rng.random() < 0.6:
        values = values ** np.exp(rng.normal(0, 0.3)) * np.exp(rng.normal(0, 0.15, 3))
    if rng.random() < 0.3:
        values = (values - values.mean()) * rng.uniform(0.4, 1.3) + values.mean()
    if rng.random() < 0.12:
        values = np.repeat(values.mean(-1, keepdims=True), 3, -1)
    if rng.random() < 0.06:
        values = 1 - values
    if rng.random() < 0.15:
        values = gaussian_filter(values, (rng.uniform(0.5, 2), rng.uniform(0.5, 2), 0))
    if rng.random() < 0.15:
        values = values + rng.normal(0, rng.uniform(0.01, 0.08), values.shape)
    return (values.clip(0, 1) * 255).round().astype(np.uint8)


def made(sources: Sequence[Source], rng: np.random.Generator) -> tuple[Picture, NDArray[np.int32]]:
    """A picture of blobs of one texture on another, and the blobs numbered."""
    from skimage.measure import label

    side = 320
    y, x = np.mgrid[:side, :side].astype(np.float32)
    mask = np.zeros((side, side), bool)
    if rng.random() < 0.35:
        smooth = gaussian_filter(rng.normal(size=(side, side)), rng.uniform(6, 40), mode="wrap")
        mask = smooth > np.quantile(smooth, rng.uniform(0.6, 0.95))
    else:
        radius, stretch = np.exp(rng.uniform(np.log(6), np.log(70))), rng.uniform(1, 2.2)
        wobble = gaussian_filter(rng.normal(size=(side, side)), radius / 2, mode="wrap")
        wobble *= rng.uniform(0, 0.35) / max(wobble.std(), 1e-9)
        for _ in range(int(rng.integers(1, max(2, min(60, int(side**2 / radius**2 / 12)))))):
            (cy, cx), turn = rng.uniform(0, side, 2), rng.uniform(0, np.pi)
            r = radius * np.exp(rng.normal(0, 0.2))
            along = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)
            across = (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)
            apart = np.hypot(along / stretch, across) / r + wobble
            mask = np.where(apart < 1, True, np.where(apart < 1.25, False, mask))  # seldom touching
    inside, outside = (_texture(sources, side, rng) for _ in range(2))
    if rng.random() < 0.5:  # the same texture, only lighter or darker
        inside = outside + rng.choice((-1, 1)) * rng.uniform(25, 90) * rng.uniform(0.5, 1, 3)
    if rng.random() < 0.3:  # lighter in the middle, as round things are
        from scipy.ndimage import distance_transform_edt

        depth = distance_transform_edt(mask)
        inside = inside + rng.uniform(-60, 60) * (depth / max(depth.max(), 1))[..., None]
    soft = gaussian_filter(mask.astype(np.float32), rng.uniform(0, 1.2))[..., None]
    picture = (soft * inside + (1 - soft) * outside).clip(0, 255).astype(np.uint8)
    return picture, label(mask, connectivity=1).astype(np.int32)


def _texture(sources: Sequence[Source], side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """``side side 3``: a small piece of a photograph enlarged, or noise on a colour."""
    if rng.random() < 0.5:
        source = sources[0]
        picture = read(*source.pairs[rng.integers(len(source.pairs))], source.all_values)[0]
        part = min(int(rng.uniform(30, 160)), *picture.shape[:2])
        row, column = (int(rng.integers(n - part + 1)) for n in picture.shape[:2])
        piece = np.ascontiguousarray(picture[row : row + part, column : column + part])
        return resized(piece, (side, side)).astype(np.float32)
    noise = sum(
        gaussian_filter(rng.normal(size=(side, side)), s) * s * rng.uniform(0, 1) for s in (0.5, 2, 6, 25)
    )
    colour, spread = rng.uniform(20, 235, 3), rng.uniform(2, 25) * rng.uniform(0.5, 1, 3)
    return (colour + noise[..., None] * spread).astype(np.float32)
