"""Colours for figures: ink and paper, one for each part, and a scale for probabilities."""

from __future__ import annotations

import colorsys

import numpy as np
from numpy.typing import NDArray

from asgnet.types import Picture

Colour = tuple[int, int, int]

INK, GREY, PAPER, PALE = (28, 32, 38), (96, 104, 114), (255, 255, 255), (234, 236, 239)
OBJECT = (0, 200, 120)

# Neighbouring entries differ strongly in hue and lightness, also for most colour-blind eyes.
_COLOURS = (
    *("e6550d", "3182bd", "ffd92f", "7b3294", "66c2a5", "e7298a", "a6761d", "1b9e77"),
    *("a6cee3", "b2182b", "4d4d9f", "fdbf6f", "c7e020", "8c6bb1", "2b8c5a"),
)
_HEAT = ("0b0724", "3b0f70", "8c2981", "de4968", "fe9f6d", "fcfdbf")


def colours(n: int) -> Picture:
    """``n`` colours that are easy to tell apart, ``n 3`` uint8; beyond the hand-picked ones by golden hue."""
    picked = [bytes.fromhex(c) for c in _COLOURS[:n]]
    hues = [(i * 0.61803398875) % 1 for i in range(len(picked), n)]
    made = [bytes(round(255 * v) for v in colorsys.hsv_to_rgb(h, 0.65, 0.9)) for h in hues]
    return np.array([list(c) for c in picked + made], np.uint8).reshape(n, 3)


def heat(values: NDArray[np.floating]) -> Picture:
    """Values in [0, 1], any shape, as colours from near-black (0) to pale yellow (1)."""
    stops = np.array([list(bytes.fromhex(c)) for c in _HEAT], float)
    at = np.clip(np.nan_to_num(values), 0, 1) * (len(stops) - 1)
    channels = [np.interp(at, np.arange(len(stops)), stops[:, c]) for c in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)
