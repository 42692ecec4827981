"""Training episodes whose pictures are read and augmented anew each time, as published."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from asgnet.study.recipe import Recipe
from asgnet.study.sampling.augment import framed, published, seed_of
from asgnet.study.sampling.sample import Batch, Drawn, Sampler, Source, episode_mask


class PictureSampler(Sampler):
    """A :class:`Sampler` of pictures instead of cached features.

    Args:
        sources: where from.
        recipe: how; its augmentation.
        seed: another seed, other episodes and crops.
        fill: RGB in [0, 255] of what lies beyond a picture.
        plain: nothing random: the whole picture, padded.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        recipe: Recipe,
        seed: int = 0,
        fill: Sequence[float] = (127, 127, 127),
        plain: bool = False,
    ) -> None:
        super().__init__(sources, recipe, seed)
        self.fill, self.plain = tuple(fill), plain

    def read(self, episodes: Sequence[Drawn]) -> Batch:
        """Drawn episodes of equal shots → tensors, pictures still uint8."""
        pairs = [[self._view(episode, v) for v in range(len(episode.views))] for episode in episodes]
        images = torch.stack([torch.stack([image for image, _ in views]) for views in pairs])  # b 1+k 3 s s
        masks = torch.stack([torch.stack([mask for _, mask in views]) for views in pairs])  # b 1+k s s
        return Batch([images[:, 0]], [images[:, 1:]], masks[:, 1:], masks[:, 0])

    def _view(self, episode: Drawn, place: int) -> tuple[Tensor, Tensor]:
        """One picture and its mask."""
        dataset, recipe = self.sources[episode.source].dataset, self.recipe
        name = list(dataset.pictures)[episode.views[place].row]
        picture, labels = dataset.pair(name)
        mask = episode_mask(labels, episode.classes)
        if self.plain:
            return framed(picture, mask, recipe.side, self.fill)
        return published(
            picture, mask, recipe.side, seed_of(episode.seed, place), scale=recipe.scale,
            rotation=recipe.rotation, rotation_share=recipe.rotation_share, blur_share=recipe.blur_share,
            mirror=recipe.mirror, keep=recipe.keep, fill=self.fill,
        )  # fmt: skip
