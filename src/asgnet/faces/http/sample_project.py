"""The page's first project, made of a photograph in scikit-image's wheel: no network, and no empty page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from asgnet.data.png import png_bytes


@dataclass(frozen=True)
class Sample:
    """A painted example and pictures that show the same.

    Attributes:
        classes: what is painted, in the order of the masks' numbers.
        examples: file name, picture as PNG, mask as PNG (grey, 0 background, 1.. the classes).
        pictures: file name and picture as PNG.
    """

    classes: tuple[str, ...]
    examples: tuple[tuple[str, bytes, bytes], ...]
    pictures: tuple[tuple[str, bytes], ...]


_EXAMPLE = (0, 152, 0, 384)
_PICTURES = {  # top, bottom, left, right in the photograph of 303 by 384 pixels
    "coins-a.png": (150, 303, 0, 200),
    "coins-b.png": (150, 303, 190, 384),
    "coins-c.png": (150, 303, 95, 290),
    "coins-d.png": (152, 228, 0, 384),
    "coins-e.png": (228, 303, 120, 384),
}


@cache
def sample_project() -> Sample:
    """Greek coins from Pompeii: the upper rows painted, the lower ones in five pictures.

    Raises:
        DataError: scikit-image came without its pictures.
    """
    from asgnet.apply.examples.samples import painted_coins

    picture, mask = painted_coins()
    pieces = tuple((name, png_bytes(_cut(picture, at))) for name, at in _PICTURES.items())
    example = (
        "coins.png",
        png_bytes(_cut(picture, _EXAMPLE)),
        png_bytes(_cut(mask.astype(np.uint8), _EXAMPLE)),
    )
    return Sample(("coin",), (example,), pieces)


def sample_file(name: str) -> bytes:
    """A picture of the sample, or a mask: ``NAME-mask.png`` is that of the example ``NAME``.

    Raises:
        KeyError: there is no such file.
        DataError: scikit-image came without its pictures.
    """
    sample = sample_project()
    files = dict(sample.pictures)
    for example, picture, mask in sample.examples:
        files |= {example: picture, f"{example}-mask.png": mask}
    return files[name]


def _cut(pixels: NDArray[np.uint8], at: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    top, bottom, left, right = at
    return pixels[top:bottom, left:right]
