"""Which colour of a drawing is the object: masks that a paint program saved in colours, or through JPEG."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from asgnet.types import Picture

LEAST = 0.001
"""Share of the pixels that makes a colour one of the drawing's own, not an edge's or a compression's."""
APART = 64.0
"""Colours nearer to each other than this are one; likewise to black and white."""
FRAMED, INSIDE = 0.95, 0.02
"""Shares of the border that make a colour the ground, and that it has at most inside the ground."""
MOST_COLOURS = 8
"""More make a photograph."""
_CHROMA = 0.02
"""What a difference of chroma counts beside one of luminance: JPEG stores it at half the resolution."""
_NAMES = {
    "black": (0, 0, 0), "white": (255, 255, 255), "red": (255, 0, 0), "green": (0, 200, 0),
    "blue": (0, 0, 255), "yellow": (255, 255, 0), "magenta": (255, 0, 255), "cyan": (0, 255, 255),
    "orange": (255, 140, 0), "grey": (128, 128, 128), "purple": (128, 0, 160), "brown": (140, 80, 30),
}  # fmt: skip


class Drawing(NamedTuple):
    """The object ``h w`` bool, and what was taken for it, in words."""

    object: NDArray[np.bool_]
    said: str


def drawing_of(picture: Picture, luminance: NDArray[np.uint8] | None = None) -> Drawing | None:
    """The object of a drawing in a few colours; None if anything that is not black may be it.

    Black is the ground, or white where it frames the drawing, or else the colour around all others.

    Args:
        picture: ``h w 3`` uint8.
        luminance: ``h w`` as a JPEG has it: of its colours, which bleed, half the resolution is stored.
    """
    centres = _colours(picture)
    if not 1 < len(centres) <= MOST_COLOURS:
        return None
    nearest = _nearest(picture, centres, luminance)
    border = np.concatenate([nearest[0], nearest[-1], nearest[:, 0], nearest[:, -1]])
    shares = np.bincount(border, minlength=len(centres)) / border.size
    ground = _ground(centres, shares)
    if ground is None or (luminance is None and _is(centres[ground], "black")):
        return None
    others = ", ".join(_called(centre) for i, centre in enumerate(centres) if i != ground)
    return Drawing(
        nearest != ground, f"{others} is taken for the object, {_called(centres[ground])} for the ground"
    )


def framed_in_white(values: NDArray) -> bool:
    """Does the larger of two grey values surround the smaller one, which does not touch the border?"""
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    low, high = values.min(), values.max()
    inside = np.count_nonzero(values == low) / values.size
    return bool(low < high and (border == high).mean() >= FRAMED and LEAST < inside < 0.5)


def _colours(picture: Picture) -> NDArray[np.float64]:
    """``n 3``: the drawing's colours, the most frequent first."""
    coarse = (picture >> 5).astype(np.int32)
    bins = ((coarse[..., 0] << 6) | (coarse[..., 1] << 3) | coarse[..., 2]).ravel()
    counts = np.bincount(bins, minlength=512)
    sums = np.stack([np.bincount(bins, picture[..., c].ravel(), 512) for c in range(3)], axis=1)
    found: list[NDArray[np.float64]] = []
    for place in np.argsort(-counts)[: 4 * MOST_COLOURS]:
        if counts[place] < max(LEAST * bins.size, 1):
            break
        centre = sums[place] / counts[place]
        if all(np.linalg.norm(centre - other) >= APART for other in found):
            found.append(centre)
    return np.array(found).reshape(-1, 3)


def _nearest(
    picture: Picture, centres: NDArray[np.float64], luminance: NDArray[np.uint8] | None
) -> NDArray[np.intp]:
    """``h w``: which colour each pixel is nearest to."""
    pixels, own, weights = picture.astype(np.float32), centres, np.ones(3)
    if luminance is not None:
        pixels, own = _luminance_first(pixels), _luminance_first(centres)
        pixels[..., 0], weights = luminance, np.array([1.0, _CHROMA, _CHROMA])
    distances = [(np.square(pixels - centre) * weights).sum(-1) for centre in own]
    return np.argmin(distances, axis=0)


def _luminance_first(colours: NDArray) -> NDArray:
    """RGB as luminance, blue and red beyond it."""
    luminance = colours @ np.array([0.299, 0.587, 0.114])
    return np.stack([luminance, colours[..., 2] - luminance, colours[..., 0] - luminance], axis=-1)


def _ground(centres: NDArray[np.float64], shares: NDArray[np.float64]) -> int | None:
    black, white = (
        next((i for i, c in enumerate(centres) if _is(c, name)), None) for name in ("black", "white")
    )
    if white is not None and shares[white] >= FRAMED and (black is None or shares[black] <= INSIDE):
        return white
    if black is not None:
        return black
    if white is not None:
        return white
    around = int(shares.argmax())
    return around if shares[around] >= FRAMED else None


def _is(colour: NDArray, name: str) -> bool:
    return bool(np.linalg.norm(colour - np.array(_NAMES[name])) < APART)


def _called(colour: NDArray) -> str:
    name = min(_NAMES, key=lambda name: float(np.linalg.norm(colour - np.array(_NAMES[name]))))
    return f"{name} ({', '.join(str(round(v)) for v in colour)})"
