"""Spatial heads of one class: fitted on several views of every support, of all supports or of some."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from asgnet.apply.concept.file import Effort
from asgnet.apply.engines.backend import Backend
from asgnet.apply.fitting.views import views
from asgnet.imaging.resize import on_grid, resized
from asgnet.model.default.spatial_head import Array, SpatialHead, blank_head, levels_of
from asgnet.model.default.spatial_training import Samples, drawn_pixels, trained, whitening
from asgnet.progress import with_bar
from asgnet.types import Mask, Picture

BEST = 3
"""So many times the views, pixels and steps of "auto" are those of "best"."""


class PaintedPicture(NamedTuple):
    """A picture of a support, or a window of one.

    Attributes:
        picture: ``h w 3``; mask: ``h w`` in {0, 1, 255}, as they are kept.
        size: ``(h, w)`` at which the network works on it.
    """

    picture: Picture
    mask: Mask
    size: tuple[int, int]


class SpatialHeads:
    """The heads that can be fitted on k supports.

    Args:
        backend: encodes their views.
        supports: of each its looks.
        effort: "auto" or "best", see ``Segmenter.fit``.
        seed: of whatever is drawn.
    """

    def __init__(
        self, backend: Backend, supports: Sequence[Sequence[PaintedPicture]], effort: Effort, seed: int
    ) -> None:
        self._backend, self._numbers, self._seed = backend, backend.numbers, seed
        self._times = BEST if effort == "best" else 1
        # Supports in another order draw the same, and are trained on in the same order.
        keys = [
            hashlib.sha256(b"".join(look.picture.tobytes() for look in looks)).digest() for looks in supports
        ]
        self._order = sorted(range(len(supports)), key=lambda number: keys[number])
        as_they_are = {
            number: [self._levels(resized(one.picture, one.size)) for one in supports[number]]
            for number in self._order
        }
        self._basis = whitening([one for looks in as_they_are.values() for one in looks], self._numbers, seed)
        looks = [
            (number, *one)
            for number in self._order
            for one in zip(as_they_are[number], supports[number], strict=True)
        ]
        steps = with_bar(looks, len(looks), "views of examples") if effort == "best" else looks
        self._samples: dict[int, list[Samples]] = {number: [] for number in self._order}
        for number, levels, look in steps:
            random = np.random.default_rng([seed, int.from_bytes(keys[number][:8])])
            self._samples[number] += self._drawn(levels, look, len(supports[number]), random)

    def fitted(self, chosen: Sequence[int]) -> SpatialHead:
        """Of the supports of those numbers; one that says nothing where nearly all in them is to be ignored."""
        samples = [one for number in self._order if number in chosen for one in self._samples[number]]
        if not any(len(one.targets) for one in samples):
            return blank_head(self._basis[0].shape[1], self._numbers)
        steps = self._times * self._numbers.spatial_steps
        return SpatialHead(*self._basis, *trained(samples, self._numbers.spatial_hidden, steps, self._seed))

    def _drawn(
        self, levels: Sequence[Array], look: PaintedPicture, looks: int, random: np.random.Generator
    ) -> Iterator[Samples]:
        """Of a look and its views; of a support of so many looks."""
        count = self._times * self._numbers.spatial_views
        most = max(self._times * self._numbers.spatial_samples // (looks * (count + 1)), 2)
        yield drawn_pixels(levels, on_grid(look.mask, look.size), self._basis, most, random)
        for picture, mask in views(look.picture, look.mask, look.size, count, random):
            yield drawn_pixels(self._levels(picture), mask, self._basis, most, random)

    def _levels(self, picture: Picture) -> list[Array]:
        features = self._backend.encode(picture)
        return levels_of(features.fine, features.maps)
