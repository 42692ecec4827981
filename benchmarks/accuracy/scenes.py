"""Far from home: eight small sets made of scikit-image's photographs, and what the Segmenter makes of them.

    python -m benchmarks.accuracy.scenes --episodes 12 --shots 1 --shots 5
    python -m benchmarks.accuracy.scenes --episodes 8 --shots 1 --shots 5 --presence

Coins, stained tissue, a printed page, galaxies and vessels are crops of photographs with thresholds as masks;
cracks, fields and cells are drawn on photographed textures. Nothing of it was trained on. The sets come from
a fixed seed; the table gives IoU, the sum of intersections by the sum of unions over the episodes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import skimage
from benchmarks.common import arguments, fitted, row, table
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage import color, draw, filters, morphology

from asgnet import Segmenter
from asgnet.imaging.iou import overlap, ratio

PICTURES = 16
SEED = 7
FIELD = (256, 320)
Scene = tuple[NDArray[np.uint8], NDArray[np.bool_]]


def photograph(name: str) -> NDArray[np.uint8]:
    """``h w 3``, from scikit-image's own folder."""
    return np.asarray(Image.open(Path(skimage.__file__).parent / "data" / name).convert("RGB"))


def crops(name: str, paint: Callable[[NDArray], NDArray], size: tuple[int, int], step: int = 1):
    """A maker of crops of one photograph that show at least one percent of object."""
    picture = photograph(name)[::step, ::step]
    mask = paint(picture)

    def make(rng: np.random.Generator) -> Scene:
        while True:
            y, x = (rng.integers(0, side - cut + 1) for side, cut in zip(mask.shape, size, strict=True))
            window = (slice(y, y + size[0]), slice(x, x + size[1]))
            if mask[window].mean() > 0.01:
                way = slice(None, None, -1 if rng.random() < 0.5 else None)
                shown = picture[window] * rng.uniform(0.8, 1.15)
                return np.clip(shown, 0, 255).astype(np.uint8)[:, way], mask[window][:, way]

    return make


def coins(picture: NDArray) -> NDArray[np.bool_]:
    grey = filters.gaussian(picture[..., 0] / 255, 1)
    return morphology.remove_small_objects(
        ndimage.binary_fill_holes(grey > filters.threshold_otsu(grey) * 1.05), max_size=200
    )


def tissue(picture: NDArray) -> NDArray[np.bool_]:
    stain = filters.gaussian(color.rgb2hed(picture)[..., 2], 1.5)
    return stain > filters.threshold_otsu(stain)


def ink(picture: NDArray) -> NDArray[np.bool_]:
    grey = picture[..., 0]
    return grey < filters.threshold_local(grey, 41, offset=12)


def galaxies(picture: NDArray) -> NDArray[np.bool_]:
    return filters.gaussian(color.rgb2gray(picture), 2) > 0.22


def vessels(picture: NDArray) -> NDArray[np.bool_]:
    ridges = filters.frangi(picture[..., 1] / 255, sigmas=(2, 3, 4), black_ridges=True)
    return morphology.remove_small_objects(ridges > np.percentile(ridges, 90), max_size=80)


def texture(rng: np.random.Generator, name: str) -> NDArray[np.float64]:
    """A piece of a photographed texture, a little brighter or darker."""
    picture = photograph(name)
    y, x = (rng.integers(0, side - cut + 1) for side, cut in zip(picture.shape, FIELD, strict=False))
    piece = picture[y : y + FIELD[0], x : x + FIELD[1]].astype(float)
    return piece * rng.uniform(0.7, 1.2) + rng.uniform(-15, 15)


def crack(rng: np.random.Generator) -> Scene:
    """A dark line that wanders across a wall, gravel or grass."""
    mask = np.zeros(FIELD, bool)
    y, x, angle = rng.uniform(20, FIELD[0] - 20), 0.0, rng.uniform(-0.4, 0.4)
    while x < FIELD[1] - 1:
        angle = np.clip(angle + rng.normal(0, 0.25), -1, 1)
        y, x = np.clip(y + 3 * np.sin(angle), 3, FIELD[0] - 4), x + 3 * np.cos(angle)
        mask[draw.disk((y, x), rng.uniform(1.5, 4), shape=mask.shape)] = True
    dark = ndimage.gaussian_filter(mask.astype(float), 0.8)[..., None]
    wall = texture(rng, str(rng.choice(["brick.png", "grass.png", "gravel.png"])))
    return np.clip(wall * (1 - 0.65 * dark), 0, 255).astype(np.uint8), mask


def field(rng: np.random.Generator) -> Scene:
    """Plots of brick, gravel, moon and grass; the grass is the object."""
    names = rng.permutation(["brick.png", "grass.png", "gravel.png"] * 2 + ["moon.png"])
    centres = rng.uniform(0, 1, (len(names), 2)) * FIELD
    rows, columns = np.mgrid[: FIELD[0], : FIELD[1]]
    plot = ((rows[..., None] - centres[:, 0]) ** 2 + (columns[..., None] - centres[:, 1]) ** 2).argmin(-1)
    picture = np.zeros((*FIELD, 3))
    for i, name in enumerate(names):
        picture = np.where((plot == i)[..., None], texture(rng, str(name)), picture)
    return np.clip(picture, 0, 255).astype(np.uint8), np.isin(plot, np.flatnonzero(names == "grass.png"))


def cells(rng: np.random.Generator) -> Scene:
    """Large and small cells on a bright slide; the large ones are the object."""
    picture, mask = np.full((*FIELD, 3), rng.uniform(150, 220)), np.zeros(FIELD, bool)
    for _ in range(rng.integers(12, 25)):
        large = bool(rng.random() < 0.5)
        radius = rng.uniform(12, 20) if large else rng.uniform(5, 9)
        centre = rng.uniform(0, 1, 2) * FIELD
        inside = draw.ellipse(
            *centre, radius, radius * rng.uniform(0.7, 1.2), shape=FIELD, rotation=rng.uniform(0, 3)
        )
        picture[inside] = rng.uniform((90, 60, 115), (135, 105, 168))
        mask[inside] = large
    picture = ndimage.gaussian_filter(picture, (1.5, 1.5, 0)) + rng.normal(0, 12, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8), mask


def sets() -> dict[str, list[Scene]]:
    """Every set's pictures and masks."""
    makers = {
        "coins": crops("coins.png", coins, (150, 190)),
        "tissue": crops("ihc.png", tissue, (200, 260)),
        "page": crops("page.png", ink, (95, 150)),
        "galaxies": crops("hubble_deep_field.jpg", galaxies, (300, 400)),
        "vessels": crops("retina.jpg", vessels, (260, 320), step=2),
        "crack": crack,
        "field": field,
        "cells": cells,
    }
    return {
        name: [make(rng) for _ in range(PICTURES)]
        for i, (name, make) in enumerate(makers.items())
        for rng in [np.random.default_rng([SEED, i])]
    }


def episodes(scenes: list[Scene], shots: int, count: int) -> Iterator[tuple[Scene, list[Scene]]]:
    """Query and supports; more shots are more supports, beside the same ones and for the same queries."""
    rng = np.random.default_rng(SEED)
    for _ in range(count):
        query, *supports = (scenes[i] for i in rng.permutation(len(scenes))[: shots + 1])
        yield query, supports


def measure(segmenter: Segmenter, scenes: list[Scene], shots: int, count: int, adapt: bool) -> float:
    """IoU over so many episodes drawn from a set."""
    both = either = 0
    for (picture, mask), supports in episodes(scenes, shots, count):
        found = overlap(fitted(segmenter, supports, adapt).predict(picture).mask, mask)
        both, either = both + found.intersection, either + found.union
    return ratio(both, either)


def presence(
    segmenter: Segmenter, scenes: dict[str, list[Scene]], name: str, shots: int, count: int, adapt: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Presence in pictures of a set, and in as many of other sets, after fitting some of the set."""
    others = [other for n, other in scenes.items() if n != name]
    there, elsewhere = [], []
    for number, (query, supports) in enumerate(episodes(scenes[name], shots, count)):
        there.append(fitted(segmenter, supports, adapt).predict(query[0]).presence)
        elsewhere.append(segmenter.predict(others[number % len(others)][number % PICTURES][0]).presence)
    return np.array(there), np.array(elsewhere)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--episodes", type=int, default=12)
    parser.add_argument("--shots", type=int, action="append")
    parser.add_argument("--weights", help="a folder of asgnet train, instead of the bundled weights")
    parser.add_argument("--no-adapt", action="store_true")
    parser.add_argument("--presence", action="store_true", help="of pictures of the set and of other sets")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    segmenter, shots = Segmenter.from_pretrained(given.weights), given.shots or [1, 5]
    tell = tell_presence if given.presence else tell_overlap
    tell(segmenter, sets(), shots, given.episodes, not given.no_adapt)


def tell_overlap(
    segmenter: Segmenter, scenes: dict[str, list[Scene]], shots: list[int], count: int, adapt: bool
) -> None:
    """A table of IoU: a row for each number of shots."""
    print(table(["shots", *scenes, "mean"]))
    for k in shots:
        found = [measure(segmenter, own, k, count, adapt) for own in scenes.values()]
        print(row([k, *(f"{x:.3f}" for x in [*found, np.mean(found)])]), flush=True)


def tell_presence(
    segmenter: Segmenter, scenes: dict[str, list[Scene]], shots: list[int], count: int, adapt: bool
) -> None:
    """A table of its mean where the object is and where it is not, and how often a half tells them apart."""
    print(table(["shots", "set", "there", "elsewhere", "right"]))
    for k in shots:
        for name in scenes:
            there, elsewhere = presence(segmenter, scenes, name, k, count, adapt)
            right = np.mean([*(there > 0.5), *(elsewhere <= 0.5)])
            cells = [k, name, f"{there.mean():.2f}", f"{elsewhere.mean():.2f}", f"{right:.0%}"]
            print(row(cells), flush=True)


if __name__ == "__main__":
    main()
