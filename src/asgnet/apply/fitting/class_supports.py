"""The supports of one class at any working scale: as whole pictures in one view, and in windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from asgnet.apply.concept.file import Effort
from asgnet.apply.concept.scale import USUAL, Scale
from asgnet.apply.engines.features import Features
from asgnet.apply.fitting.examples import Example
from asgnet.apply.fitting.patches import Patch, at_zoom, breadth
from asgnet.apply.fitting.rules import Look, Measured, Seen, adapt_to_supports, left_out_logits, lights
from asgnet.apply.fitting.spatial import PaintedPicture, SpatialHeads
from asgnet.apply.fitting.spatial_fusion import with_spatial_head
from asgnet.apply.fitting.support_features import SupportFeatures, relit
from asgnet.apply.inference.joined import context_weights
from asgnet.apply.inference.working_scale import network_zoom, working_mask, working_side, working_size
from asgnet.imaging.resize import nearest, spread_labels
from asgnet.model.default.pooling import PooledStatistics, pooled
from asgnet.model.default.support import SupportStatistics
from asgnet.types import Mask, Support


class LearnedClass(NamedTuple):
    """One class (n = 1): its supports' statistics, what was measured on them, and its working scale.

    Attributes:
        breadth: of its objects at that scale, in network pixels; 0 where there are no windows.
        whole: the same in one view, where the scale is of windows.
    """

    statistics: PooledStatistics
    measured: Measured
    scale: Scale
    breadth: float
    whole: LearnedClass | None = None


class ClassSupports:
    """One class's supports.

    Args:
        features: of all examples' pictures.
        examples: all of them.
        name: of the class.
        adapt: as for ``Segmenter.fit``.
        seed: the same.

    Attributes:
        shown: the numbers of the examples that show the class.
    """

    def __init__(
        self, features: SupportFeatures, examples: Sequence[Example], name: str, adapt: bool, seed: int
    ) -> None:
        self._features, self._backend = features, features.backend
        self._adapt, self._seed = adapt, seed
        masks = {i: example.masks.get(name) for i, example in enumerate(examples)}
        self._masks: dict[int, Mask] = {i: mask for i, mask in masks.items() if mask is not None}
        self.shown = list(self._masks)
        self._patches = {i: examples[i].patches.get(name, ()) for i in self.shown}
        self._sizes = {i: examples[i].size for i in self.shown}
        self._lights = lights(adapt, len(self.shown), features.backend.numbers)
        self._learned: dict[Scale, LearnedClass] = {}
        self._whole: dict[int, SupportStatistics] = {}
        self._in_one_view: dict[Scale, tuple[list[SupportStatistics], list[Seen]]] = {}

    @property
    def looks(self) -> list[Look]:
        """What is known of each support before anything is learned."""
        return [self._look(i) for i in self.shown]

    def learned(self, scale: Scale) -> LearnedClass:
        """The class at a working scale."""
        if scale not in self._learned:
            self._learned[scale] = self._learn(scale)
        return self._learned[scale]

    def _learn(self, scale: Scale) -> LearnedClass:
        backend, whole = self._backend, None
        seen = {i: self._seen(i, scale) for i in self.shown}
        if scale.in_windows:
            whole = self.learned(USUAL)
            if self._adapt and len(seen) > 1:
                supports = [self._whole[i] for i in self.shown]
                around = left_out_logits(backend, supports, list(seen.values()), whole.measured.adaptation)
                seen = {i: seen[i]._replace(around=one) for i, one in zip(self.shown, around, strict=True)}
        groups = [self._statistics(i, one, scale) for i, one in seen.items()]
        every = [one for group in groups for one in group]
        statistics = pooled(every, backend.network.levels, backend.numbers, len(groups))
        measured = adapt_to_supports(backend, groups, statistics, list(seen.values()), self._adapt)
        if not scale.in_windows:
            self._in_one_view[scale] = every, list(seen.values())
        return LearnedClass(statistics, measured, scale, self._breadth(scale), whole)

    def with_spatial_head(self, learned: LearnedClass, effort: Effort) -> LearnedClass:
        """The same with a spatial head; a class of a single support, or one that is seen in windows, gets none."""
        if learned.scale.in_windows or len(self.shown) < 2:
            return learned
        supports, seen = self._in_one_view[learned.scale]
        side = working_side(self._backend.side, learned.scale)
        looks = [[PaintedPicture(one.picture, one.mask, working_size(one.mask.shape, side))] for one in seen]
        heads = SpatialHeads(self._backend, looks, effort, self._seed)
        examples = [(one.features, one.picture, one.mask) for one in seen]
        adaptation = with_spatial_head(self._backend, supports, examples, learned.measured.adaptation, heads)
        return learned._replace(measured=learned.measured._replace(adaptation=adaptation))

    def superpixels(self, scale: Scale, supports: Sequence[Support]) -> list[NDArray[np.int32]]:
        """Per support ``h w`` at its own size: the superpixel of its object, else -1.

        Args:
            scale: of the class.
            supports: all examples, at their own sizes.
        """
        parts = [np.full(support.mask.shape, -1, np.int32) for support in supports]
        first = 0
        for i in self.shown:
            one = self._seen(i, scale)
            labels = np.full(parts[i].shape, -1, np.int32)
            for features, mask, box in self._views(i, one, scale):
                statistics, found = self._backend.statistics(features, mask)
                own = nearest(np.where(found < 0, -1, found + first), (box[2] - box[0], box[3] - box[1]))
                inside = labels[box[0] : box[2], box[1] : box[3]]
                np.copyto(inside, own, where=own >= 0)
                first += len(statistics.object.prototypes)
            parts[i] = spread_labels(labels, supports[i].mask)
        return parts

    def _look(self, i: int) -> Look:
        mask, longest = self._masks[i], max(self._sizes[i])
        patches = [one for one in self._patches[i] if (one.mask == 1).any() and not one.mask.all()]
        if not patches:
            return Look(breadth(mask) / max(mask.shape), longest, None)
        broad = float(np.median([breadth(one.mask) / one.zoom for one in patches]))  # as exact as they are
        return Look(broad / longest, longest, float(np.median([one.zoom for one in patches])))

    def _breadth(self, scale: Scale) -> float:
        """Of the objects at a scale of windows, in network pixels; nobody asks about others."""
        if not scale.in_windows:
            return 0.0
        side = self._backend.side
        broad = [
            look.breadth * look.longest * network_zoom(self._sizes[i], side, scale)
            for i, look in zip(self.shown, self.looks, strict=True)
        ]
        return float(np.median(broad))

    def _seen(self, i: int, scale: Scale) -> Seen:
        """A support at a scale; with its windows where the scale has any."""
        backend, size, context = self._backend, self._sizes[i], 1.0
        patches: tuple[tuple[Patch, Features], ...] = ()
        if scale.in_windows and self._patches[i]:
            zoom = network_zoom(size, backend.side, scale)
            resized = [at_zoom(one, zoom, backend.side) for one in self._patches[i]]
            patches = tuple((one, backend.encode(one.picture)) for one in resized)
            smaller = network_zoom(size, backend.side, USUAL) / zoom
            context = float(context_weights(np.array([self._breadth(scale) * smaller]), backend.numbers)[0])
        features = self._features(i, _one_view(scale))
        return Seen(features, self._features.pictures[i], self._masks[i], size, patches, context)

    def _views(self, i: int, seen: Seen, scale: Scale) -> list[tuple[Features, Mask, Sequence[int]]]:
        """What teaches of a support, with its mask and where it lies in the picture: the whole and the windows.

        The whole teaches only if the objects can be seen in it.
        """
        mask = working_mask(self._masks[i], working_side(self._backend.side, _one_view(scale)))
        whole = [(seen.features, mask, (0, 0, *self._sizes[i]))] if seen.context > 0 else []
        return [*whole, *((features, patch.mask, patch.box) for patch, features in seen.patches)]

    def _statistics(self, i: int, seen: Seen, scale: Scale) -> list[SupportStatistics]:
        """Of each view of a support."""
        found = [
            self._backend.statistics(features, mask, self._seed)[0]
            for features, mask, _ in self._views(i, seen, scale)
        ]
        whole = len(found) - len(seen.patches)
        for gamma in self._lights:
            lit = [self._features(i, _one_view(scale), gamma)] * whole
            lit += [self._backend.encode(relit(patch.picture, gamma)) for patch, _ in seen.patches]
            found = [
                _with_grams(one, self._backend.pixel_grams(features, mask, self._seed))
                for one, features, (_, mask, _) in zip(found, lit, self._views(i, seen, scale), strict=True)
            ]
        if scale == USUAL:
            self._whole[i] = found[0]
        return found


def _one_view(scale: Scale) -> Scale:
    """That shows the whole of a picture beside its windows."""
    return USUAL if scale.in_windows else scale


def _with_grams(support: SupportStatistics, grams: Sequence[NDArray]) -> SupportStatistics:
    """The pixel head's gram matrices of another view added."""
    return SupportStatistics(
        *(side._replace(pixel_gram=side.pixel_gram + gram) for side, gram in zip(support, grams, strict=True))
    )
