"""The logits of overlapping windows joined to those of the whole picture, from top to bottom.

Each pixel's logits are the mean of its windows', weighted by how far it is from their borders; the logits of the
one view that shows the whole picture are mixed in, as far as the objects can be seen there at all: a window does not
show what surrounds it. No more rows are kept than are still asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.concept.scale import USUAL, Scale
from asgnet.apply.concept.tensors import ClassFit
from asgnet.apply.engines.backend import Backend
from asgnet.apply.engines.features import Decoded
from asgnet.apply.inference.preprocess import view, whole_view
from asgnet.apply.inference.working_scale import Layout, network_zoom
from asgnet.imaging.resize import nearest, stretched
from asgnet.model.default.calibration import Calibration
from asgnet.types import PictureParts

Array = NDArray[np.float32]
FINEST = 2
"""Network pixels in a cell of the logits."""
RIM = 0.05
"""A window's weight at its border, where it is 1 in its middle: no pixel is without one."""


@dataclass(frozen=True, eq=False)
class OneView:
    """The logits of one view of the whole picture.

    Attributes:
        decoded: of n classes.
    """

    decoded: Decoded

    @property
    def grid(self) -> tuple[int, int]:
        """``(h, w)`` of the logits of the whole picture."""
        height, width = self.decoded.logits.shape[-2:]
        return height, width

    @property
    def presence(self) -> NDArray[np.float32]:
        """``n`` logits."""
        return self.decoded.presence

    @property
    def guide_rows(self) -> int:
        """Of the guide map of the whole picture."""
        return int(self.decoded.guide_map.shape[-2])

    def logits(self, first: int, last: int) -> Array:
        """``n r w``: those rows."""
        return self.decoded.logits[:, first:last]

    def guide(self, first: int, last: int) -> NDArray[np.int32]:
        """``n r w'``: those rows."""
        return self.decoded.guide_map[:, first:last].astype(np.int32)


class Joined:
    """The logits of windows. Rows are asked for from top to bottom; those before the logits last asked for are
    forgotten.

    Args:
        backend: of the network.
        fit: of n classes at one working scale.
        parts: the picture.
        windows: its windows at that scale.
        scale: the scale.
        skip: pass over windows where the whole view says that there is surely nothing.

    Attributes:
        grid: ``(h, w)`` of the logits of the whole picture.
        presence: ``n`` logits, of what was seen so far.
        passed_over: how many windows were, so far.
    """

    def __init__(
        self,
        backend: Backend,
        fit: ClassFit,
        parts: PictureParts,
        windows: Layout,
        scale: Scale,
        skip: bool = True,
    ) -> None:
        self._backend, self._fit, self._parts, self._windows = backend, fit, parts, windows
        self.grid = (windows.size[0] // FINEST, windows.size[1] // FINEST)
        self.guide_rows = self.grid[0]
        numbers = backend.numbers
        smaller = network_zoom(parts.size, backend.side, USUAL) / network_zoom(
            parts.size, backend.side, scale
        )
        self._context = context_weights(np.array(fit.breadths) * smaller, numbers)
        self.presence = np.full(len(fit.classes), -np.inf, np.float32)
        self.passed_over = 0
        self._skip = numbers.window_skip if skip else -np.inf
        self._inputs = fit.inputs
        n, width = len(fit.classes), self.grid[1]
        self._first, self._done, self._started = 0, 0, False
        self._logits = np.zeros((n, 0, width), np.float32)
        self._guide = np.zeros((n, 0, width), np.int32)
        self._bands: Iterator[tuple[Array, NDArray[np.int32]]] = iter(())

    def logits(self, first: int, last: int) -> Array:
        """``n r w``: those rows. Windows before the first ones ever asked for are not seen."""
        if not self._started:
            self._started = True
            high = self._windows.window[0] // FINEST
            tops = [top // FINEST for top in self._windows.tops if top // FINEST + high > first]
            self._first = self._done = tops[0]
            self._bands = self._finished(tops)
        self._forget(first)
        self._reach(last)
        return self._logits[:, first - self._first : last - self._first]

    def guide(self, first: int, last: int) -> NDArray[np.int32]:
        """``n r w``: those rows."""
        self._reach(last)
        return self._guide[:, first - self._first : last - self._first]

    @cached_property
    def _whole(self) -> Decoded:
        """The one view of the whole picture."""
        small = whole_view(self._parts, self._backend.side, USUAL)
        fit = self._fit.whole or self._fit
        found = self._backend.decode(self._backend.encode(small), fit.inputs)
        pairs = zip(fit.adaptations, self._fit.adaptations, strict=True)
        shifts = np.array([one.shift - other.shift for one, other in pairs], np.float32)
        found = found._replace(logits=found.logits + shifts[:, None, None])
        seen = self._context > 0
        self.presence = np.where(seen, np.maximum(self.presence, found.presence), self.presence)
        return found

    def _forget(self, first: int) -> None:
        gone = min(first, self._done) - self._first
        if gone > 0:
            self._logits, self._guide = self._logits[:, gone:], self._guide[:, gone:]
            self._first += gone

    def _reach(self, last: int) -> None:
        parts, guides = [self._logits], [self._guide]
        while self._done < last:
            logits, guide = next(self._bands)
            parts.append(logits)
            guides.append(guide)
            self._done += logits.shape[1]
        if len(parts) > 1:
            self._logits, self._guide = np.concatenate(parts, 1), np.concatenate(guides, 1)

    def _finished(self, tops: Sequence[int]) -> Iterator[tuple[Array, NDArray[np.int32]]]:
        """Rows that no later window changes: ``n r w`` logits and guide, band by band."""
        n, width = self._logits.shape[0], self.grid[1]
        high, wide = (side // FINEST for side in self._windows.window)
        weights = np.outer(_weights(high), _weights(wide))
        heaviest = np.zeros((high, width), np.float32)
        total, summed = np.zeros((high, width), np.float32), np.zeros((n, high, width), np.float32)
        guide = np.zeros((n, high, width), np.int32)
        for top, following in zip(tops, [*tops[1:], self.grid[0]], strict=True):
            for left in (left // FINEST for left in self._windows.lefts):
                own = np.s_[:, left : left + wide]
                found, guided = self._window(top, left)
                summed[:, own[0], own[1]] += weights * found
                total[own] += weights
                better = weights > heaviest[own]
                np.copyto(guide[:, own[0], own[1]], guided, where=better)
                np.copyto(heaviest[own], weights, where=better)
            ready = following - top
            joined = summed[:, :ready] / total[:ready]
            yield self._in_context(joined, top), guide[:, :ready].copy()
            for array in (summed, guide, total, heaviest):
                array[..., : high - ready, :] = array[..., ready:, :].copy()
                array[..., max(high - ready, 0) :, :] = 0

    def _window(self, top: int, left: int) -> tuple[Array, NDArray[np.int32]]:
        """Logits and guide ``n h w`` of the window that begins at those cells."""
        high, wide = (side // FINEST for side in self._windows.window)
        if self._context.all() and self._skip > -np.inf:
            there = self._whole_rows(top, top + high)[:, :, left : left + wide]
            if there.max() < self._skip:
                self.passed_over += 1
                return there, np.zeros(there.shape, np.int32)
        box = (top * FINEST, left * FINEST, (top + high) * FINEST, (left + wide) * FINEST)
        picture = view(self._parts, self._windows.size, box)
        found = self._backend.decode(self._backend.encode(picture), self._inputs)
        self.presence = np.maximum(self.presence, found.presence)
        guide = np.stack([nearest(one, (high, wide)) for one in found.guide_map.astype(np.int32)])
        return found.logits, guide

    def _in_context(self, logits: Array, first: int) -> Array:
        """Rows from ``first`` on with the whole view's mixed in."""
        if not self._context.any():
            return logits
        around = self._whole_rows(first, first + logits.shape[1])
        weights = self._context[:, None, None]
        return (1 - weights) * logits + weights * around

    def _whole_rows(self, first: int, last: int) -> Array:
        return stretched(self._whole.logits, (first, last), self.grid)


def context_weights(breadths: NDArray[np.float64], numbers: Calibration) -> NDArray[np.float32]:
    """``n`` weights of the whole view beside the windows, of objects so broad in its network pixels."""
    blind, clear = numbers.context_breadths
    seen = ((breadths - blind) / (clear - blind)).clip(0, 1)
    return (numbers.context_weight * seen).astype(np.float32)


def _weights(cells: int) -> Array:
    """Of a window's cells along a side: RIM at both ends, 1 in the middle."""
    place = (np.arange(cells, dtype=np.float32) + 0.5) / cells
    return np.minimum(RIM + 2 * np.minimum(place, 1 - place), 1)
