"""Training episodes: which picture asks, which ones teach, what the object is.

Every episode is a function of (seed, number) alone. So a run that is resumed goes on with the episodes of an
unbroken one, and two processes with half the batch each see the batch of one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asgnet.data.benchmarks.dataset import Dataset
from asgnet.errors import DataError
from asgnet.study.recipe import Recipe
from asgnet.study.sampling.cache import THUMB, FeatureStore
from asgnet.study.sampling.pseudo import pseudo_masks
from asgnet.types import IGNORE

TRIES = 200


@dataclass(frozen=True)
class Source:
    """A dataset to draw from.

    Attributes:
        dataset: its pictures.
        stores: cached features, one per variant, the plain one first; empty where they are not cached.
        counts: ``n classes+1`` pixels per picture and class, one per variant.
        pictures: rows that may be drawn.
        shown: per variant: class index → rows that show it well enough.
        weight: how often it is drawn from, relative to others.
    """

    dataset: Dataset
    stores: tuple[FeatureStore, ...]
    counts: tuple[NDArray, ...]
    pictures: NDArray[np.int64]
    shown: tuple[dict[int, NDArray[np.int64]], ...]
    weight: float = 1.0

    @cached_property
    def showing(self) -> tuple[NDArray[np.int64], ...]:
        """Per variant the rows that show any class."""
        return tuple(
            np.unique(np.concatenate([np.empty(0, np.int64), *rows.values()])) for rows in self.shown
        )


class View(NamedTuple):
    """A picture as it enters an episode: its row, its variant, mirrored or not."""

    row: int
    variant: int
    mirror: bool


class Drawn(NamedTuple):
    """One episode. The query is the first view. ``classes`` together are the object; a pseudo-object has
    none, but a mask ``96 96`` per view, not mirrored yet.
    """

    source: int
    views: tuple[View, ...]
    classes: tuple[int, ...]
    masks: tuple[NDArray[np.uint8], ...] = ()
    seed: int = 0


@dataclass(frozen=True)
class Batch:
    """Episodes as tensors.

    Attributes:
        query: per level ``b c h w`` features; uncached: pictures ``b 3 H W`` uint8, alone in the list.
        supports: per level ``b k c h w``; uncached: ``b k 3 H W`` uint8.
        masks: ``b k H W`` uint8 in {0, 1, 255}.
        target: ``b H W`` uint8 in {0, 1, 255}.
    """

    query: list[Tensor]
    supports: list[Tensor]
    masks: Tensor
    target: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        moved = [[t.to(device, non_blocking=True) for t in part] for part in (self.query, self.supports)]
        return Batch(*moved, self.masks.to(device), self.target.to(device))


def held_out(names: Sequence[str], every: int) -> NDArray[np.bool_]:
    """Which pictures only validate: every so-manyth by the hash of its name, whatever else is there."""
    digests = [hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest() for name in names]
    return np.array([int(digest[:8], 16) % every == 0 for digest in digests])


def make_source(
    dataset: Dataset,
    stores: Sequence[FeatureStore],
    allowed: NDArray[np.bool_],
    classes: Sequence[int],
    recipe: Recipe,
    weight: float = 1.0,
    fewest: int | None = None,
) -> Source:
    """Which rows show which class.

    Args:
        dataset: the dataset.
        stores: its cached features, or none.
        allowed: ``n`` pictures that may be drawn.
        classes: class indices that may be an object.
        recipe: for class_pixels and class_pictures.
        weight: see :class:`Source`.
        fewest: least pictures of a class, instead of the recipe's class_pictures.
    """
    counts = tuple(store.counts for store in stores) or (_original_counts(dataset),)
    fewest = recipe.class_pictures if fewest is None else fewest
    shown = []
    for table in counts:
        rows = {c: np.flatnonzero((table[:, c] >= recipe.class_pixels) & allowed) for c in sorted(classes)}
        shown.append({c: found for c, found in rows.items() if len(found) >= fewest})
    return Source(dataset, tuple(stores), counts, np.flatnonzero(allowed), tuple(shown), weight)


def usable(sources: Sequence[Source]) -> list[Source]:
    """The sources that have any class.

    Raises:
        DataError: none has.
    """
    kept = [source for source in sources if all(source.shown)]
    if not kept:
        names = ", ".join(source.dataset.name for source in sources)
        raise DataError(
            f"No class of {names} has pictures enough to train on; give more data, or lower class_pixels or "
            "class_pictures in the recipe."
        )
    return kept


class Sampler:
    """Draws episodes and reads them from the cache.

    Args:
        sources: where from.
        recipe: how.
        seed: another seed, other episodes.
    """

    def __init__(self, sources: Sequence[Source], recipe: Recipe, seed: int = 0) -> None:
        self.sources, self.recipe, self.seed = list(sources), recipe, seed
        weights = np.array([source.weight for source in self.sources])
        self.chances = weights / weights.sum()

    def shots(self, step: int) -> int:
        """The k of a step, the same in all processes."""
        odds = np.array(self.recipe.odds or [1] * len(self.recipe.shots), np.float64)
        rng = np.random.default_rng([self.seed, 1, step])
        return int(rng.choice(self.recipe.shots, p=odds / odds.sum()))

    def draw(self, step: int, number: int, shots: int) -> Drawn:
        """Episode ``number`` of a step's.

        Raises:
            DataError: no episode was found in many tries.
        """
        rng = np.random.default_rng([self.seed, 2, step, number])
        for _ in range(TRIES):
            place = int(rng.choice(len(self.sources), p=self.chances))
            draw = self._pseudo if rng.random() < self.recipe.pseudo else self._classes
            drawn = draw(rng, place, shots)
            if drawn is not None:
                return drawn._replace(seed=int(rng.integers(1 << 62)))
        names = ", ".join(source.dataset.name for source in self.sources)
        raise DataError(
            f"No episode of {shots} supports was found in {names} in {TRIES} tries; lower support_pixels or "
            "shots in the recipe."
        )

    def batch(self, step: int, first: int, count: int) -> Batch:
        """Episodes ``first`` … ``first + count − 1`` of a step, as tensors."""
        shots = self.shots(step)
        return self.read([self.draw(step, number, shots) for number in range(first, first + count)])

    def read(self, episodes: Sequence[Drawn]) -> Batch:
        """Drawn episodes of equal shots → tensors, features still float16."""
        views = len(episodes[0].views)
        shapes = [level.shape[1:] for level in self.sources[0].stores[0].levels]
        side = self.sources[0].stores[0].labels.shape[-1]
        maps = [np.empty((len(episodes), views, *shape), np.float16) for shape in shapes]
        masks = np.empty((len(episodes), views, side, side), np.uint8)
        for e, episode in enumerate(episodes):
            for v, view in enumerate(episode.views):
                store = self.sources[episode.source].stores[view.variant]
                way = slice(None, None, -1 if view.mirror else None)
                for m, level in zip(maps, store.levels, strict=True):
                    m[e, v] = level[view.row][..., way]
                masks[e, v] = self._mask(store, episode, v, side)[..., way]
        tensors = [torch.from_numpy(m) for m in maps]
        every = torch.from_numpy(masks)
        return Batch([t[:, 0] for t in tensors], [t[:, 1:] for t in tensors], every[:, 1:], every[:, 0])

    def _mask(self, store: FeatureStore, episode: Drawn, place: int, side: int) -> NDArray[np.uint8]:
        """``s s`` in {0, 1, 255}, not mirrored."""
        if episode.masks:
            index = np.arange(side) * THUMB // side
            return episode.masks[place][index[:, None], index]
        return episode_mask(store.labels[episode.views[place].row], episode.classes)

    def _classes(self, rng: np.random.Generator, place: int, shots: int) -> Drawn | None:
        """A class, sometimes two, or nothing where the supports show too little."""
        source, recipe = self.sources[place], self.recipe
        variant = int(rng.integers(len(source.shown)))
        names = list(source.shown[variant])
        target, rows = self._target(rng, source, variant, shots)
        if len(rows) <= shots:
            return None
        classes = {target}
        if rng.random() < recipe.unions:
            classes.add(names[rng.integers(len(names))])
        if rng.random() < recipe.absent:
            without = source.pictures[rng.integers(len(source.pictures))]
            if any(table[without, c] for table in source.counts for c in classes):
                return None
            rows[0] = without
        views = self._views(rng, rows, len(source.counts))
        pixels = [sum(source.counts[v.variant][v.row, c] for c in classes) for v in views[1:]]
        if min(pixels) < recipe.support_pixels:
            return None
        return Drawn(place, views, tuple(sorted(classes)))

    def _target(
        self, rng: np.random.Generator, source: Source, variant: int, shots: int
    ) -> tuple[int, NDArray[np.int64]]:
        """A class, and the query's and the supports' rows; fewer where it has too few pictures."""
        shown = source.shown[variant]
        if self.recipe.uniform == "classes":
            target = list(shown)[rng.integers(len(shown))]
            return target, rng.permutation(shown[target])[: shots + 1]
        query = rng.choice(source.showing[variant])
        there = [c for c, rows in shown.items() if query in rows]
        target = there[rng.integers(len(there))]
        others = shown[target][shown[target] != query]
        return target, np.array([query, *rng.permutation(others)[:shots]])

    def _pseudo(self, rng: np.random.Generator, place: int, shots: int) -> Drawn | None:
        """A colour, of several pictures or of one picture's variants; nothing where it does not show."""
        source = self.sources[place]
        rows = source.pictures[rng.integers(0, len(source.pictures), shots + 1)]
        if rng.random() < self.recipe.alone:
            rows[:] = rows[0]
        views = self._views(rng, rows, len(source.stores))
        masks = pseudo_masks(rng, [source.stores[view.variant].thumbs[view.row] for view in views])
        return None if masks is None else Drawn(place, views, (), masks)

    def _views(self, rng: np.random.Generator, rows: Sequence[int], variants: int) -> tuple[View, ...]:
        return tuple(
            View(int(row), int(rng.integers(variants)), bool(rng.random() < self.recipe.mirror))
            for row in rows
        )


def episode_mask(labels: NDArray, classes: Sequence[int]) -> NDArray[np.uint8]:
    """``h w`` class indices → {0, 1, 255}: the classes together are the object."""
    mask = np.zeros(labels.shape, np.uint8)
    for c in classes:
        mask[labels == c] = 1
    mask[labels == IGNORE] = IGNORE
    return mask


def _original_counts(dataset: Dataset) -> NDArray[np.int64]:
    """``n classes+1`` pixels per class at the labels' own size."""
    table = np.zeros((len(dataset.pictures), max(dataset.classes) + 1), np.int64)
    for row, name in enumerate(dataset.pictures):
        for value, pixels in dataset.counts[name].items():
            if value in dataset.classes:
                table[row, value] = pixels
    return table
