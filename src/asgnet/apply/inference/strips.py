"""A picture's prediction in finished horizontal strips, from top to bottom: never the whole of it in memory."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.concept.scale import USUAL, Scale
from asgnet.apply.concept.tensors import ClassFit
from asgnet.apply.engines.backend import Backend
from asgnet.apply.inference.edges import along_edges, close_specks, edge_functions, speck_size
from asgnet.apply.inference.joined import FINEST, Joined, OneView
from asgnet.apply.inference.preprocess import view, whole_view
from asgnet.apply.inference.working_scale import layout
from asgnet.imaging.resize import nearest, stretched
from asgnet.model.default.calibration import Calibration
from asgnet.types import Picture, PictureParts, Strip, Thoroughness

Array = NDArray[np.float32]
VALUES = 1 << 23
"""Probabilities in a strip, at most: pictures of so many pixels and one class are one strip."""
LEAST_ROWS, MOST_RIM = 64, 128
"""Rows of a strip, at least; rows beside it that are looked at to close specks, at most."""


class Strips:
    """The strips of one picture, to be iterated over once.

    Args:
        backend: of the network that the classes were fitted with.
        fits: as :func:`~asgnet.apply.concept.tensors.concept_tensors`.
        classes: all of them, in the order that strips have them in.
        parts: the picture.
        edges: masks follow its edges (:mod:`asgnet.apply.inference.edges`), or are only enlarged.
        thoroughness: of classes that are seen in windows.
        rows: of a strip, the last one excepted; None: as many as are small in memory.
        first: where the first strip begins: the one before was the last of an earlier run.

    Attributes:
        classes: as given.
        size: ``(h, w)`` of the picture.
        windows: how many views the network has to see, if none is passed over.
        shift: windows by half a step, to see whether that changes what is found.
    """

    def __init__(
        self,
        backend: Backend,
        fits: Mapping[Scale, ClassFit],
        classes: Sequence[str],
        parts: PictureParts,
        edges: bool = True,
        thoroughness: Thoroughness = "auto",
        rows: int | None = None,
        first: int = 0,
    ) -> None:
        self.classes, self.size, self._parts = tuple(classes), parts.size, parts
        self._backend, self._fits, self._edges = backend, fits, edges
        self._thoroughness, self._first, self.shift = thoroughness, first, False
        self.windows = count_windows(backend, fits, parts.size, thoroughness)
        self._rows = rows or max(VALUES // (len(classes) * parts.size[1]), LEAST_ROWS)
        self._found: list[_Found] = []

    def __iter__(self) -> Iterator[Strip]:
        self._found = [
            _Found(self._backend, fit, scale, self._parts, self._edges, self._thoroughness, self.shift)
            for scale, fit in self._fits.items()
        ]
        order = [name for fit in self._fits.values() for name in fit.classes]
        places = [order.index(name) for name in self.classes]
        for top in range(self._first, self.size[0], self._rows):
            yield self._strip(top, places)

    def _strip(self, top: int, places: list[int]) -> Strip:
        """The strip that begins at a row; a method of its own, so that nothing holds it beside the next one."""
        parts = [one.strip((top, min(top + self._rows, self.size[0]))) for one in self._found]
        probability, guide = (
            np.concatenate(both) if len(both) > 1 else both[0] for both in zip(*parts, strict=True)
        )
        if places != sorted(places):
            probability, guide = probability[places], guide[places]
        return Strip(top, probability, guide)

    @property
    def presence(self) -> dict[str, float]:
        """Of each class in [0, 1]; of the whole picture once the last strip has come."""
        found = {name: value for one in self._found for name, value in one.presence.items()}
        return {name: found[name] for name in self.classes}


def count_windows(
    backend: Backend, fits: Mapping[Scale, ClassFit], size: Sequence[int], thoroughness: Thoroughness = "auto"
) -> int:
    """How many views of a picture of ``(h, w)`` the network has to see, if none is passed over."""
    overlap = backend.numbers.window_overlap
    return sum(layout(size, backend.side, scale_of(scale, thoroughness), overlap).number for scale in fits)


def seconds_a_view(backend: Backend, fits: Mapping[Scale, ClassFit]) -> float:
    """How long one view takes now: the second of two is measured."""
    blank = np.zeros((backend.side, backend.side, 3), np.uint8)
    inputs = next(iter(fits.values())).inputs
    for _ in range(2):
        began = time.perf_counter()
        backend.decode(backend.encode(blank), inputs)
    return time.perf_counter() - began


def scale_of(scale: Scale, thoroughness: Thoroughness) -> Scale:
    """At which pictures are seen: fast is one view of the whole."""
    return USUAL if thoroughness == "fast" and scale.in_windows else scale


class _Found:
    """What is found of the classes at one working scale."""

    def __init__(
        self,
        backend: Backend,
        fit: ClassFit,
        scale: Scale,
        parts: PictureParts,
        edges: bool,
        thoroughness: Thoroughness,
        shift: bool,
    ) -> None:
        self._numbers: Calibration = backend.numbers
        if scale_of(scale, thoroughness) != scale:
            scale, fit = scale_of(scale, thoroughness), fit.whole or fit
        self._fit, self._parts, self._edges = fit, parts, edges
        windows = layout(parts.size, backend.side, scale, self._numbers.window_overlap, shift)
        self._seen: OneView | Joined
        if windows.number == 1:
            features = backend.encode(whole_view(parts, backend.side, scale))
            self._seen = OneView(backend.decode(features, fit.inputs))
            self._longest = max(self._seen.grid)
        else:
            self._seen = Joined(backend, fit, parts, windows, scale, skip=thoroughness != "full")
            self._longest = round(self._numbers.window_edges * max(windows.window) / FINEST)
        step = self._numbers.window_step
        self._coarse = -(-self._seen.grid[0] // step)
        self._functions: Array | None = None
        self._least = speck_size(parts.size, self._seen.grid, self._numbers)

    @property
    def presence(self) -> dict[str, float]:
        fit = self._fit
        pairs = zip(fit.classes, fit.adaptations, self._seen.presence, strict=True)
        return {name: one.presence(float(logit)) for name, one, logit in pairs}

    def strip(self, rows: tuple[int, int]) -> tuple[Array, NDArray[np.int32]]:
        """Probability and guide ``n r W`` of those rows of the picture."""
        height, width = self._parts.size
        rim = min(int(self._least) + 1, MOST_RIM) if self._edges else 0
        first, last = max(rows[0] - rim, 0), min(rows[1] + rim, height)
        logits = self._along_edges((first, last)) if self._edges else self._enlarged((first, last))
        found = np.empty((len(logits), rows[1] - rows[0], width), np.float32)
        for own, adaptation, one in zip(found, self._fit.adaptations, logits, strict=True):
            probability = adaptation.calibrated(one, self._numbers.background_gain)
            if self._edges:
                close_specks(probability, self._least, self._numbers)
            own[:] = probability[rows[0] - first : rows[1] - first]
        return found, self._guide(rows)

    def _along_edges(self, rows: tuple[int, int]) -> Array:
        size = self._parts.size
        picture = self._parts.read((rows[0], 0, rows[1], size[1]), (rows[1] - rows[0], size[1]))
        linear, top = self._functions_of(rows)
        return along_edges(linear, picture, rows, size, top, self._coarse)

    def _functions_of(self, rows: tuple[int, int]) -> tuple[Array, int]:
        """Rows of the linear functions between which those of the picture lie, and the first one's number."""
        fit, grid, step = self._fit, self._seen.grid, self._numbers.window_step
        thin = fit.thin(self._numbers)
        if isinstance(self._seen, OneView):
            if self._functions is None:
                height, width = self._parts.size
                small = self._parts.read((0, 0, height, width), grid)
                logits = self._seen.logits(0, grid[0])
                self._functions = edge_functions(
                    small, logits, thin, -(-self._longest // step), self._numbers
                )
            return self._functions, 0
        ratio, longest = self._coarse / self._parts.size[0], -(-self._longest // step)
        rim = 2 * max(round(self._numbers.wide_window * longest), 1) + 2
        wanted = _between(rows, ratio, self._coarse)
        around = max(wanted[0] - rim, 0), min(wanted[1] + rim, self._coarse)
        cells = around[0] * step, min(around[1] * step, grid[0])
        colours = self._colours(cells)
        wide = [False] * len(thin)  # at this scale nothing is thin
        linear = edge_functions(colours, self._seen.logits(*cells), wide, longest, self._numbers)
        return linear[:, :, wanted[0] - around[0] : wanted[1] - around[0]], wanted[0]

    def _colours(self, cells: tuple[int, int]) -> Picture:
        """Those rows of the picture on the logits' grid."""
        grid = self._seen.grid
        return view(self._parts, grid, (cells[0], 0, cells[1], grid[1]))

    def _enlarged(self, rows: tuple[int, int]) -> Array:
        size, grid = self._parts.size, self._seen.grid
        cells = _between(rows, grid[0] / size[0], grid[0])
        return stretched(self._seen.logits(*cells), rows, size, cells[0], grid[0])

    def _guide(self, rows: tuple[int, int]) -> NDArray[np.int32]:
        size, have = self._parts.size, self._seen.guide_rows
        under = (2 * np.arange(*rows) + 1) * have // (2 * size[0])
        guide = self._seen.guide(int(under[0]), int(under[-1]) + 1)[:, under - under[0]]  # n r w
        return np.stack([nearest(one, (len(under), size[1])) for one in guide])


def _between(rows: tuple[int, int], ratio: float, cells: int) -> tuple[int, int]:
    """Rows of cells, ``ratio`` of them to one of the picture, that the picture's rows are interpolated of."""
    rim = int(ratio) + 2
    return max(int(rows[0] * ratio) - rim, 0), min(int(rows[1] * ratio) + rim + 1, cells)
