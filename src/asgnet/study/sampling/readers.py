"""Drawn episodes become tensors: of cached features, or of pictures that are read and augmented anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asgnet.imaging.resize import nearest
from asgnet.study.recipe import Recipe
from asgnet.study.sampling.augment import framed, published, seed_of
from asgnet.study.sampling.feature_store import FeatureStore
from asgnet.study.sampling.sampler import Drawn
from asgnet.study.sampling.source import Source
from asgnet.types import IGNORE


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
        query, supports = (
            [t.to(device, non_blocking=True) for t in part] for part in (self.query, self.supports)
        )
        masks, target = (t.to(device, non_blocking=True) for t in (self.masks, self.target))
        return Batch(query, supports, masks, target)

    def pin_memory(self) -> Batch:
        """The same in memory that a GPU copies from while it computes."""
        query, supports = ([t.pin_memory() for t in part] for part in (self.query, self.supports))
        return Batch(query, supports, self.masks.pin_memory(), self.target.pin_memory())


Reader = Callable[[Sequence[Drawn]], Batch]
"""Drawn episodes of equal shots -> tensors."""


class FeatureReader:
    """Reads cached features, still float16."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = list(sources)

    def __call__(self, episodes: Sequence[Drawn]) -> Batch:
        """Drawn episodes of equal shots → tensors, features still float16."""
        views = len(episodes[0].pictures)
        shapes = [level.shape[1:] for level in self.sources[0].stores[0].levels]
        side = self.sources[0].stores[0].labels.shape[-1]
        maps = [np.empty((len(episodes), views, *shape), np.float16) for shape in shapes]
        masks = np.empty((len(episodes), views, side, side), np.uint8)
        for e, episode in enumerate(episodes):
            for v, view in enumerate(episode.pictures):
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
            return nearest(episode.masks[place], (side, side))
        return episode_mask(store.labels[episode.pictures[place].row], episode.classes)


class PictureReader:
    """Reads pictures, augmented as published, still uint8.

    Args:
        sources: where from.
        recipe: its augmentation.
        fill: RGB in [0, 255] of what lies beyond a picture.
        plain: nothing random: the whole picture, padded.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        recipe: Recipe,
        fill: Sequence[float] = (127, 127, 127),
        plain: bool = False,
    ) -> None:
        self.sources, self.recipe, self.fill, self.plain = list(sources), recipe, tuple(fill), plain

    def __call__(self, episodes: Sequence[Drawn]) -> Batch:
        """Drawn episodes of equal shots → tensors, pictures still uint8."""
        pairs = [[self._view(episode, v) for v in range(len(episode.pictures))] for episode in episodes]
        images = torch.stack([torch.stack([image for image, _ in views]) for views in pairs])  # b 1+k 3 s s
        masks = torch.stack([torch.stack([mask for _, mask in views]) for views in pairs])  # b 1+k s s
        return Batch([images[:, 0]], [images[:, 1:]], masks[:, 1:], masks[:, 0])

    def _view(self, episode: Drawn, place: int) -> tuple[Tensor, Tensor]:
        """One picture and its mask."""
        dataset, recipe = self.sources[episode.source].dataset, self.recipe
        name = list(dataset.pictures)[episode.pictures[place].row]
        picture, labels = dataset.pair(name)
        mask = episode_mask(labels, episode.classes)
        if self.plain:
            return framed(picture, mask, recipe.side, self.fill)
        return published(
            picture, mask, recipe.side, seed_of(episode.seed, place), scale=recipe.scale,
            rotation=recipe.rotation, rotation_share=recipe.rotation_share, blur_share=recipe.blur_share,
            mirror=recipe.mirror, keep=recipe.keep, fill=self.fill, centred=recipe.padding == "centred",
        )  # fmt: skip


def episode_mask(labels: NDArray, classes: Sequence[int]) -> NDArray[np.uint8]:
    """``h w`` class indices → {0, 1, 255}: the classes together are the object."""
    mask = np.zeros(labels.shape, np.uint8)
    for c in classes:
        mask[labels == c] = 1
    mask[labels == IGNORE] = IGNORE
    return mask
