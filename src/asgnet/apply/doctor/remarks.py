"""What is said of one example, in sentences: what is wrong, by how much, and where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.doctor.checks import border_share, confusion
from asgnet.apply.doctor.findings import HARD
from asgnet.apply.doctor.mistakes import Mistake
from asgnet.imaging.iou import iou
from asgnet.types import Mask, Support

_BLANK = 3.0
"""Standard deviation, in grey levels of 255, below which a picture is of one colour."""
_INVERTED = 0.8
"""Share of the picture's border from which a mask may be inverted."""
_TINY = 0.005
"""Share of the picture below which an object is too small."""
_NOTED = 0.15
"""Share of the object from which what was missed, or wrongly taken, is worth a remark."""


def remarks_on_example(support: Support) -> list[str]:
    """Remarks on one example by itself, the gravest first."""
    if support.image.std(axis=(0, 1)).max() < _BLANK:
        return ["The picture is one single colour, nearly: nothing can be learned from it."]
    mask, remarks = support.mask, []
    if not (mask == 0).any():
        remarks.append("Everything is painted: without background nothing tells the object from the rest.")
    elif border_share(mask) > _INVERTED:
        remarks.append("The mask covers most of the picture's border: is it inverted?")
    if (area := float((mask == 1).mean())) < _TINY:
        remarks.append(
            f"The object covers only {area:.2%} of the picture; crop the picture closer around it."
        )
    return remarks


def remarks_on_result(found: NDArray[np.bool_], mask: Mask) -> list[str]:
    """Remarks on what the others found (``h w``) in an example with that mask."""
    missed, spilled = confusion(found, mask)
    remarks = []
    if missed > _NOTED:
        place = where((mask == 1) & ~found, mask == 1)
        remarks.append(f"{missed:.0%} of the object is taken for background, mostly {place}.")
    if spilled > _NOTED:
        place = where((mask == 0) & found, mask == 1)
        remarks.append(f"Background is taken for the object ({spilled:.0%} of its area), mostly {place}.")
    return remarks


def remarks_on(support: Support, tested: Support, found: NDArray[np.bool_]) -> list[str]:
    """All remarks on an example whose mask is not wrong.

    Args:
        support: the example.
        tested: the same, or its altered view, in which
        found: ``h w`` is what the others found.
    """
    remarks = remarks_on_example(support)
    if iou(found, tested.mask) < HARD and not remarks:
        remarks = ["The others find little of it: check that the same object is painted, and all of it."]
    return remarks + remarks_on_result(found, tested.mask)


def remarks_on_more(pieces: int) -> list[str]:
    """A remark on so many pieces that look like the object and are unpainted."""
    more = f"{pieces} more look{'s' * (pieces == 1)} like it, unpainted"
    return [f"{more}: paint them too, or say that what is unpainted is unknown."] if pieces else []


def describe_mistake(mistake: Mistake, supports: Sequence[Support]) -> str:
    """A mistake in words; ``supports`` are those that its partner is a number of."""
    if mistake.kind == "inverted":
        return "The mask looks inverted: background and object are swapped."
    if mistake.partner is not None:
        other = supports[mistake.partner].name
        return f"The mask of {other} fits this picture better than its own: swapped?"
    down, right = mistake.shift
    sides = [f"{abs(right):.0%} to the {'right' if right > 0 else 'left'}"] if round(right, 2) else []
    sides += [f"{abs(down):.0%} {'down' if down > 0 else 'up'}"] if round(down, 2) else []
    return f"The mask looks moved by about {' and '.join(sides)} (of the picture's width and height)."


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
