"""A first click does not tell how large its object is: windows of several sizes are looked at, the surest one counts.

The whole picture is encoded once, at two sizes; windows are cut from its features, and small parts of large pictures
are encoded when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from asgnet.apply.engines.backend import by_name
from asgnet.apply.engines.features import Features
from asgnet.apply.interactive.windows import Window
from asgnet.imaging.resize import resized
from asgnet.model.prompts.channels import READ, WINDOW
from asgnet.types import Picture

Array = NDArray[np.float32]
Encode = Callable[[Picture], Features]

PARTS = (1, 2, 4, 8)
"""A window shows so large a part of the picture's sides."""
ENOUGH = 0.75
"""A window is looked at where the picture has so many pixels for one of the window's."""
ENCODED = 2
"""To this part windows are cut from features of the whole picture; smaller ones are encoded when they are asked for."""
COARSEST = 32
"""The backbone's largest stride: windows that are cut begin at its multiples."""
CUT = 0.02
"""Part of a window's edge that an object may cover without being cut by it."""


class Glances:
    """The picture's features at several sizes.

    Args:
        picture: ``h w 3`` uint8.
        encode: see :meth:`asgnet.apply.engines.backend.Backend.encode`.
    """

    def __init__(self, picture: Picture, encode: Encode) -> None:
        self._picture, self._encode = picture, encode
        longer = max(picture.shape[:2])
        self._parts = [part for part in PARTS if part == 1 or longer >= ENOUGH * part * WINDOW]
        self._maps = {
            part: read_features(encode, resized(picture, (part * WINDOW, part * WINDOW)))
            for part in self._parts
            if part <= ENCODED
        }

    def around(self, x: float, y: float) -> Iterator[tuple[Window, dict[str, Array]]]:
        """Windows around a point of the picture, the largest first, with what the network reads of them."""
        shown = WINDOW // COARSEST
        height, width = self._picture.shape[:2]
        for part in self._parts:
            cells = shown * part
            column, row = (
                min(max(round(at / length * cells - shown / 2), 0), cells - shown)
                for at, length in ((x, width), (y, height))
            )
            left, right = (round(n * width / cells) for n in (column, column + shown))
            upper, lower = (round(n * height / cells) for n in (row, row + shown))
            if part > 1 and min(right - left, lower - upper) < 2:
                break
            window = Window(left, upper, right, lower)
            if part not in self._maps:
                yield window, read_features(self._encode, window.of(self._picture))
                continue
            cut = {}
            for name, one in self._maps[part].items():
                step = one.shape[-1] // cells
                rows, columns = (slice(n * step, (n + shown) * step) for n in (row, column))
                cut[name] = np.ascontiguousarray(one[..., rows, columns])
            yield window, cut


def read_features(encode: Encode, picture: Picture) -> dict[str, Array]:
    """Of a picture's features those that the prompt network reads."""
    features = by_name(encode(picture))
    return {name: features[name] for name in READ}


def sureness(logits: Array, window: Window, size: tuple[int, int]) -> float:
    """The IoU that an answer ``h w`` expects of itself; less than 0 where the window cuts the object off.

    Args:
        logits: of the window.
        window: of a picture of ``size`` (h, w).
        size: an object may reach over the picture's own edges.
    """
    likely, found = expit(logits), logits > 0
    edges = (
        (window.x0 > 0, found[:, 0]),
        (window.x1 < size[1], found[:, -1]),
        (window.y0 > 0, found[0]),
        (window.y1 < size[0], found[-1]),
    )
    expected = float(likely[found].sum() / (found.sum() + likely[~found].sum() + 1e-6))
    cut = max((float(edge.mean()) for inner, edge in edges if inner), default=0.0)
    return expected - 1 if cut > CUT else expected
