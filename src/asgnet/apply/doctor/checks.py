"""Measures on examples: smaller copies, altered views, repeated pictures, confusion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from asgnet.types import Mask, Picture, Support

_SAME = 0.995
"""Correlation of thumbnails from which two pictures are nearly the same."""
_SIDE = 1024


def shrunk(support: Support) -> Support:
    """The example with a long side of at most 1,024 pixels: its IoU needs no more."""
    h, w = support.mask.shape
    if max(h, w) <= _SIDE:
        return support
    size = max(1, round(w * _SIDE / max(h, w))), max(1, round(h * _SIDE / max(h, w)))
    image = np.asarray(Image.fromarray(support.image).resize(size, Image.Resampling.BOX))
    mask = np.asarray(Image.fromarray(support.mask).resize(size, Image.Resampling.NEAREST))
    return Support(image, mask if (mask == 1).any() else _every_pixel(support.mask, size), support.name)


def altered(support: Support) -> Support:
    """Mirrored, darker, and with an eighth of each border cut away unless the object is there."""
    image, mask = support.image[:, ::-1], support.mask[:, ::-1]
    rows, columns = np.nonzero(mask == 1)
    h, w = mask.shape
    top, left = min(h // 8, int(rows.min())), min(w // 8, int(columns.min()))
    bottom, right = max(h - h // 8, int(rows.max()) + 1), max(w - w // 8, int(columns.max()) + 1)
    image = (image[top:bottom, left:right] * 0.8).astype(np.uint8)
    return Support(image, np.ascontiguousarray(mask[top:bottom, left:right]), support.name)


def repetitions(supports: Sequence[Support]) -> list[list[str]]:
    """Of each example, remarks where it repeats an earlier one: nearly the same picture, or the same mask."""
    thumbnails = [_thumbnail(s.image) for s in supports]
    remarks: list[list[str]] = [[] for _ in supports]
    for i, support in enumerate(supports):
        for j, other in enumerate(supports[:i]):
            if max(float((view * thumbnails[j]).sum()) for view in _views(thumbnails[i])) > _SAME:
                remarks[i].append(f"Nearly the same picture as {other.name}: it teaches nothing new.")
            elif np.array_equal(support.mask, other.mask):
                remarks[i].append(f"Exactly the same mask as {other.name}, on another picture: a mix-up?")
    return remarks


def confusion(found: NDArray[np.bool_], mask: Mask) -> tuple[float, float]:
    """Which share of the object was missed, and how much else was taken for it, as a share of its area."""
    painted, other = mask == 1, mask == 0
    area = max(int(painted.sum()), 1)
    return float((painted & ~found).sum() / area), float((other & found).sum() / area)


def border_share(mask: Mask) -> float:
    """Share of the picture's border that is painted."""
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    return float((border == 1).mean())


def _every_pixel(mask: Mask, size: tuple[int, int]) -> Mask:
    """A mask so small that shrinking would lose it, every painted pixel kept; ``size`` is (w, h)."""
    small = np.zeros(size[::-1], np.uint8)
    rows, columns = np.nonzero(mask == 1)
    small[rows * size[1] // mask.shape[0], columns * size[0] // mask.shape[1]] = 1
    return small


def _thumbnail(image: Picture) -> NDArray[np.float64]:
    """``24 24`` grey values without their level and contrast."""
    small = np.asarray(Image.fromarray(image).convert("L").resize((24, 24), Image.Resampling.BOX), float)
    small = small - small.mean()
    return small / max(float(np.linalg.norm(small)), 1e-9)


def _views(thumbnail: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """As it is, mirrored, and each turned by half."""
    return [v for t in (thumbnail, thumbnail[:, ::-1]) for v in (t, t[::-1, ::-1])]
