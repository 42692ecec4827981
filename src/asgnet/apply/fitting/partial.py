"""Is an example painted in part? Its unpainted pieces are held against painted ones that were left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, label

from asgnet.types import IGNORE, Mask

SIZED = 0.3
"""Of the painted pieces' median area: a piece of less is no object."""
BESIDE = 3
"""Pixels: what lies nearer to the paint is its edge."""
FOUND = 0.5
"""Logits with which painted pieces that were left out must be found again, or they prove nothing."""
MARGIN = 0.4
"""Logits by which unpainted pieces may be less likely than those."""
Probe = Callable[[Mapping[int, Mask]], Mapping[int, NDArray[np.float32]]]
"""Masks to learn from, by the examples' numbers -> logits ``h w`` of each."""


def partial_ones(painted: Mapping[int, Mask], filled: Mapping[int, Mask], probe: Probe) -> set[int]:
    """The examples in which more of the object is unpainted; none where no two of its pieces are painted.

    Args:
        painted: ``h w`` in {0, 1, 255} by number.
        filled: the same with what looks like the object.
        probe: learns from other masks of them.
    """
    pieces = {i: unpainted_pieces(mask == 1, filled[i] == 1) for i, mask in painted.items()}
    pieces = {i: one for i, one in pieces.items() if one.any()}
    halves = {i: two for i, mask in painted.items() if (two := _halves(mask)) is not None}
    if not pieces or not halves:
        return set()
    held = {i: _hidden(mask, filled[i] == 1) for i, mask in painted.items()}
    found = probe(held)
    left_out = _left_out(held, halves, probe)
    lowest = min(left_out.values())
    bars = {i: left_out.get(i, lowest) for i in pieces}
    return {i for i, bar in bars.items() if bar > FOUND and np.median(found[i][pieces[i]]) > bar - MARGIN}


def unpainted_pieces(painted: NDArray[np.bool_], found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """``h w``: what was found away from the paint, in pieces as large as painted ones."""
    pieces, count = label(found & ~binary_dilation(painted, iterations=BESIDE))
    areas = np.bincount(pieces.ravel(), minlength=count + 1)
    large = areas >= SIZED * _usual_area(painted)
    large[0] = False
    return np.asarray(large[pieces], bool)


def _hidden(mask: Mask, pixels: NDArray[np.bool_]) -> Mask:
    """With these pixels unknown, but for the painted ones."""
    return np.where(pixels & (mask != 1), IGNORE, mask).astype(np.uint8)


def _left_out(
    held: Mapping[int, Mask], halves: Mapping[int, NDArray[np.uint8]], probe: Probe
) -> dict[int, float]:
    """How likely the painted pieces of each example are when they are unknown, one half after the other."""
    found: dict[int, list[float]] = {i: [] for i in halves}
    for which in (1, 2):
        logits = probe({**held, **{i: _without(held[i], two == which) for i, two in halves.items()}})
        for i, two in halves.items():
            found[i].append(float(np.median(logits[i][two == which])))
    return {i: float(np.mean(both)) for i, both in found.items()}


def _without(mask: Mask, half: NDArray[np.bool_]) -> Mask:
    return np.where(half, IGNORE, mask).astype(np.uint8)


def _halves(mask: Mask) -> NDArray[np.uint8] | None:
    """``h w``: 1 and 2 in every other painted piece, of those that are not small; None of fewer than two."""
    pieces, count = label(mask == 1)
    areas = np.bincount(pieces.ravel(), minlength=count + 1)
    large = np.flatnonzero(areas >= SIZED * _usual_area(mask == 1))
    large = large[large > 0]
    if len(large) < 2:
        return None
    side = np.zeros(count + 1, np.uint8)
    side[large] = 1 + np.arange(len(large)) % 2
    return np.asarray(side[pieces], np.uint8)


def _usual_area(painted: NDArray[np.bool_]) -> float:
    """The median area of the painted pieces, specks left out."""
    areas = np.bincount(label(painted)[0].ravel())[1:]
    return float(np.median(areas[areas >= areas.max() / 10])) if len(areas) else np.inf
