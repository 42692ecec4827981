"""Prompts that a person might give: a first click or a box, then clicks where the answer is most wrong.

As RITM (Sofiiuk 2022) and FocalClick (Chen 2022) train; labels are ``128 128``, points in pixels of a window of 256.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter, label

from asgnet.model.prompts.channels import GRID, WINDOW
from asgnet.types import IGNORE, Mask

Click = tuple[float, float, bool]
Box = tuple[float, float, float, float]

CENTRE = 0.5
"""Part of the clicks at the middle of their region; the others lie anywhere well within."""
LEAST_ERROR = 6
"""Cells of a region that a person would still click at."""


def click_in(region: NDArray[np.bool_], on: bool, rng: np.random.Generator) -> Click:
    """A click within a region, in its middle or less."""
    depth = distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    least = depth.max() if rng.random() < CENTRE else depth.max() * rng.uniform(0, 0.7)
    rows, columns = np.nonzero(depth >= max(least, 1e-6))
    one = rng.integers(len(rows))
    cell = WINDOW / region.shape[0]
    y, x = ((v + rng.random()) * cell for v in (rows[one], columns[one]))
    return float(x), float(y), on


def next_click(truth: Mask, found: NDArray[np.bool_], rng: np.random.Generator) -> Click | None:
    """A click in the largest region of errors; None where there is none worth it.

    Args:
        truth: ``h w`` in {0, 1, 255}.
        found: ``h w``.
        rng: draws where in the region.
    """
    best, on, most = None, True, LEAST_ERROR - 1
    for missing in (True, False):
        wrong = (truth == 1) & ~found if missing else (truth == 0) & found
        numbers, count = label(wrong)
        if count:
            areas = np.bincount(numbers.ravel())
            areas[0] = 0
            if areas.max() > most:
                most, best, on = areas.max(), numbers == areas.argmax(), missing
    return None if best is None else click_in(best, on, rng)


def box_around(truth: Mask, rng: np.random.Generator) -> Box:
    """As a person draws one: each edge off by some percent of the object's size."""
    cell = WINDOW / truth.shape[0]
    sides = [np.nonzero((truth == 1).any(axis))[0][[0, -1]] + (0, 1) for axis in (0, 1)]
    spread = rng.choice((0.0, 0.04, 0.1))
    x, y = (
        (
            ends
            + (ends[1] - ends[0]) * rng.normal(0, spread, 2)
            + (ends[1] - ends[0]) * spread * np.array((-0.5, 0.5))
        )
        * cell
        for ends in sides
    )
    low, high = ([float(np.clip(v[i], 0, WINDOW)) for v in (x, y)] for i in (0, 1))
    return low[0], low[1], max(high[0], low[0] + 2), max(high[1], low[1] + 2)


def worse(truth: Mask, rng: np.random.Generator) -> NDArray[np.float32]:
    """``64 64``: an answer as a look from further away gives it: blurred, too wide or narrow, with holes."""
    object_ = (truth == 1).astype(np.float32)
    blurred = gaussian_filter(object_, rng.uniform(1, 7))
    bumps = gaussian_filter(rng.normal(size=truth.shape), rng.uniform(4, 16))
    blurred = blurred + bumps / max(bumps.std(), 1e-9) * rng.uniform(0, 0.25)
    steep = np.exp(rng.uniform(np.log(4), np.log(25)))
    likely = 1 / (1 + np.exp(-steep * (blurred - rng.uniform(0.3, 0.65))))
    step = truth.shape[0] // GRID
    return likely.reshape(GRID, step, GRID, step).mean((1, 3)).astype(np.float32)


def truths(labels: Mask, rng: np.random.Generator, count: int) -> Sequence[Mask]:
    """Of a window's labels the object it was drawn around and others, ``h w`` in {0, 1, 255}."""
    numbers = np.setdiff1d(np.unique(labels), (0, 1, IGNORE))
    chosen = [1, *rng.permutation(numbers)][:count]
    chosen += [1] * (count - len(chosen))
    return [np.where(labels == n, 1, np.where(labels == IGNORE, IGNORE, 0)).astype(np.uint8) for n in chosen]
