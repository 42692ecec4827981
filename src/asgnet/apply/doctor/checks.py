"""What can be said of examples by looking at them: blank, tiny, nearly the same, confused where."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from asgnet.apply.doctor.mistakes import frame_share
from asgnet.types import Mask, Picture, Support

_SMALL = 0.005
_BLANK = 3.0
_TWINS = 0.995
_SIDE = 1024


def shrunk(support: Support) -> Support:
    """The example with a long side of at most 1,024 pixels: agreement needs no more."""
    h, w = support.mask.shape
    if max(h, w) <= _SIDE:
        return support
    size = max(1, round(w * _SIDE / max(h, w))), max(1, round(h * _SIDE / max(h, w)))
    image = np.asarray(Image.fromarray(support.image).resize(size, Image.Resampling.BOX))
    mask = np.asarray(Image.fromarray(support.mask).resize(size, Image.Resampling.NEAREST))
    return Support(image, mask if (mask == 1).any() else _kept(support.mask, size), support.name)


def altered(support: Support) -> Support:
    """Mirrored, darker, and with an eighth of each border cut away unless the object is there."""
    image, mask = support.image[:, ::-1], support.mask[:, ::-1]
    rows, columns = np.nonzero(mask == 1)
    h, w = mask.shape
    top, left = min(h // 8, int(rows.min())), min(w // 8, int(columns.min()))
    bottom, right = max(h - h // 8, int(rows.max()) + 1), max(w - w // 8, int(columns.max()) + 1)
    image = (image[top:bottom, left:right] * 0.8).astype(np.uint8)
    return Support(image, np.ascontiguousarray(mask[top:bottom, left:right]), support.name)


def looks(support: Support) -> list[str]:
    """Remarks on one example by itself, the gravest first."""
    picture, mask = support.image, support.mask
    if picture.std(axis=(0, 1)).max() < _BLANK:
        return ["The picture is one single colour, nearly: nothing can be learnt from it."]
    area = float((mask == 1).mean())
    told = []
    if not (mask == 0).any():
        told.append("Everything is painted: without background nothing tells the object from the rest.")
    elif frame_share(mask) > 0.8:
        told.append("The mask covers most of the picture's border: is it inverted?")
    if area < _SMALL:
        told.append(f"The object covers only {area:.2%} of the picture; crop the picture closer around it.")
    return told


def twins(supports: Mapping[int, Support]) -> dict[int, list[str]]:
    """Remarks on examples that repeat an earlier one: nearly the same picture, or exactly the same mask."""
    thumbnails = {i: _thumbnail(s.image) for i, s in supports.items()}
    told: dict[int, list[str]] = {}
    for i, support in supports.items():
        for j, other in supports.items():
            if j >= i:
                continue
            same = max(float((view * thumbnails[j]).sum()) for view in _views(thumbnails[i])) > _TWINS
            painted = support.mask.shape == other.mask.shape and np.array_equal(support.mask, other.mask)
            if same:
                remark = f"Nearly the same picture as {other.name}: it teaches nothing new."
            elif painted:
                remark = f"Exactly the same mask as {other.name}, on another picture: a mix-up?"
            else:
                continue
            told.setdefault(i, []).append(remark)
    return told


def confusion(found: NDArray[np.bool_], mask: Mask) -> tuple[float, float]:
    """Which share of the object was missed, and how much else was taken for it, as a share of its area."""
    painted, other = mask == 1, mask == 0
    area = max(int(painted.sum()), 1)
    return float((painted & ~found).sum() / area), float((other & found).sum() / area)


def where(region: NDArray[np.bool_], painted: NDArray[np.bool_]) -> str:
    """In words, where a region lies: along the object's outline, or in which part of the picture."""
    from scipy.ndimage import binary_dilation, binary_erosion

    if not region.any():
        return "nowhere"
    h, w = region.shape
    rim = max(1, round(0.015 * (h + w)))
    outline = binary_dilation(painted, iterations=rim) & ~binary_erosion(painted, iterations=rim)
    if (region & outline).sum() > 0.75 * region.sum():
        return "along the outline"
    rows, columns = np.nonzero(region)
    across = ("left", "", "right")[min(2, int(3 * np.median(columns) / w))]
    down = ("top", "", "bottom")[min(2, int(3 * np.median(rows) / h))]
    return "at the " + (f"{down} {across}".strip() or "centre")


def _kept(mask: Mask, size: tuple[int, int]) -> Mask:
    """A mask so small that shrinking would lose it, every painted pixel kept."""
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
    """As it is, mirrored, and turned by quarters where that keeps the shape."""
    return [v for t in (thumbnail, thumbnail[:, ::-1]) for v in (t, t[::-1, ::-1])]
