"""Photographs that come with the installation, in scikit-image's wheel, with an object painted: no network.

A painted example is made where a person would paint one: the motorcycle from its stereo disparity (all that
stands nearer than the floor behind it), coins and stained tissue by thresholds, the cat's eye by hand.
Micrographs are made, so that the true count of their cells is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgnet.errors import DataError
from asgnet.types import Picture, Support


@dataclass(frozen=True)
class Scene:
    """One painted example, and a picture to find its object in.

    Attributes:
        name: short, for file names.
        told: what is painted and what is sought, in one sentence.
        support: the painted example.
        query: ``h w 3`` uint8, where the object is sought.
        truth: ``h w`` bool, where it really is.
    """

    name: str
    told: str
    support: Support
    query: Picture
    truth: NDArray[np.bool_]


def bundled(name: str) -> Path:
    """Where scikit-image keeps one of its sample files.

    Raises:
        DataError: this build of scikit-image comes without its sample pictures.
    """
    from importlib.util import find_spec

    spec = find_spec("skimage")
    path = Path(spec.origin or "").parent / "data" / name if spec else Path(name)
    if not path.is_file():
        raise DataError(
            f"The demo's picture {name} is missing from scikit-image; install the one of PyPI: "
            "pip install --force-reinstall scikit-image."
        )
    return path


def photograph(name: str) -> Picture:
    """One of the bundled photographs as ``h w 3`` uint8."""
    from PIL import Image

    with Image.open(bundled(name)) as image:
        return np.array(image.convert("RGB"))


def motorcycle() -> Scene:
    """A motorcycle from the left, sought in the picture from the right (Middlebury stereo, 2014)."""
    with np.load(bundled("motorcycle_disp.npz")) as archive:
        disparity = _filled(archive["arr_0"])
    mask = _motorcycle(disparity)
    return Scene(
        "motorcycle",
        "A motorcycle, painted in one photograph and found in another taken from further right.",
        Support(photograph("motorcycle_left.png"), mask.astype(np.uint8), "motorcycle"),
        photograph("motorcycle_right.png"),
        _moved(mask, disparity),
    )


def painted_coins() -> tuple[Picture, NDArray[np.bool_]]:
    """Four rows of Greek coins from Pompeii, and where they are (``h w``)."""
    from scipy.ndimage import binary_fill_holes
    from skimage.filters import sobel
    from skimage.segmentation import watershed

    picture = photograph("coins.png")
    grey = picture[..., 0]
    markers = (grey < 30).astype(np.int32) + 2 * (grey > 150).astype(np.int32)
    return picture, binary_fill_holes(watershed(sobel(grey), markers) == 2)


def coins() -> Scene:
    """The coins of the left half painted, those of the right half sought."""
    told = "Coins: the left half of a picture painted, the right half found."
    return _halves("coins", told, *painted_coins())


def tissue() -> Scene:
    """The brown-stained tissue of the left half painted, that of the right half sought."""
    from scipy.ndimage import gaussian_filter
    from skimage.color import rgb2hed
    from skimage.filters import threshold_otsu

    picture = photograph("ihc.png")
    brown = gaussian_filter(rgb2hed(picture)[..., 2], 6)
    told = "Stained tissue under the microscope: the left half painted, the right half found."
    return _halves("tissue", told, picture, brown > threshold_otsu(brown))


def eye() -> Scene:
    """One eye of a cat painted, the other sought."""
    picture = photograph("chelsea.png")
    rows, columns = np.indices(picture.shape[:2])
    eyes = [(112, 170, 33, 36), (133, 318, 27, 25)]  # row, column, and the two radii
    mask = np.zeros(picture.shape[:2], bool)
    for row, column, tall, wide in eyes:
        mask |= ((rows - row) / tall) ** 2 + ((columns - column) / wide) ** 2 <= 1
    return _halves("eye", "A cat: one eye painted, the other found.", picture, mask, at=245)


def micrograph(seed: int) -> tuple[Picture, NDArray[np.uint16]]:
    """Glowing cells on dark, made by a computer, some of which touch.

    Args:
        seed: another one, another picture.

    Returns:
        The picture, 256 by 256, and ``h w`` the number of each pixel's cell, from 1; 0 is background.
    """
    from scipy.ndimage import gaussian_filter
    from skimage.draw import ellipse

    rng, size = np.random.default_rng(seed), 256
    labels = np.zeros((size, size), np.uint16)
    light = np.tile(np.linspace(45, 65, size), (size, 1))
    for row, column in rng.uniform(10, size - 10, (rng.integers(25, 75), 2)):
        (tall, wide), turn = rng.uniform(7, 11, 2), rng.uniform(0, np.pi)
        cell = ellipse(row, column, tall, wide, shape=labels.shape, rotation=turn)
        if (labels[cell] > 0).mean() > 0.2:
            continue
        labels[cell] = np.where(labels[cell] == 0, labels.max() + 1, labels[cell])
        dome = 1 - 0.55 * ((cell[0] - row) ** 2 + (cell[1] - column) ** 2) / 11**2
        light[cell] = np.maximum(light[cell], 60 + rng.uniform(60, 110) * dome)
    light = gaussian_filter(light, 1) + rng.normal(0, 9, light.shape)
    return np.repeat(light.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2), labels


SCENES: tuple[Callable[[], Scene], ...] = (motorcycle, coins, tissue, eye)


def _filled(disparity: NDArray[Any]) -> NDArray[np.float32]:
    """Unknown disparities (not finite) replaced by the nearest known one."""
    from scipy.ndimage import distance_transform_edt

    unknown = ~np.isfinite(disparity)
    nearest = distance_transform_edt(unknown, return_distances=False, return_indices=True)
    return disparity[tuple(nearest)].astype(np.float32)


def _motorcycle(disparity: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The largest near piece that is not floor: the floor's disparity grows linearly with the row."""
    from scipy.ndimage import binary_closing, binary_opening, label

    rows = np.arange(260, disparity.shape[0])  # the floor lies below row 260, free at both sides
    sides = np.concatenate([disparity[260:, 5:80], disparity[260:, 700:]], axis=1)
    slope, start = np.polyfit(rows, np.median(sides, axis=1), 1)
    floor = slope * np.arange(disparity.shape[0])[:, None] + start
    near = (disparity > 39) & (disparity - floor > 1.5)
    near = binary_closing(binary_opening(near), iterations=4)
    labels, _ = label(near)
    return labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])


def _moved(mask: NDArray[np.bool_], disparity: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The left picture's mask seen from the right: every pixel goes left by its disparity."""
    from scipy.ndimage import binary_closing

    rows, columns = np.nonzero(mask)
    columns = np.round(columns - disparity[rows, columns]).astype(int)
    seen = np.zeros_like(mask)
    seen[rows[columns >= 0], columns[columns >= 0]] = True
    return binary_closing(seen, iterations=2)


def _halves(name: str, told: str, picture: Picture, mask: NDArray[np.bool_], at: int | None = None) -> Scene:
    """The left part (up to column ``at``, or half) as the support, the right part as the query."""
    at = picture.shape[1] // 2 if at is None else at
    support = Support(picture[:, :at], mask[:, :at].astype(np.uint8), name)
    return Scene(name, told, support, picture[:, at:], mask[:, at:])
