"""A batch through the network: its loss in training, its mIoU in validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asgnet.imaging.iou import ratio
from asgnet.model.build import Network
from asgnet.model.paper.loss import episode_loss
from asgnet.model.steps import Outputs
from asgnet.study.recipe import Recipe
from asgnet.study.sampling.material import Material
from asgnet.study.sampling.readers import Batch, FeatureReader, PictureReader, Reader
from asgnet.study.sampling.sampler import Sampler
from asgnet.study.sampling.source import Source
from asgnet.study.training.losses import presence_loss, soft_episode_loss


class Trainee(nn.Module):
    """Episodes → (loss, object pixels shared and covered): what accelerate wraps."""

    def __init__(self, net: Network, recipe: Recipe) -> None:
        super().__init__()
        self.net = net
        self.recipe = recipe

    def train(self, mode: bool = True) -> Trainee:
        """With the recipe's ``drift`` the backbone's BatchNorms train too, until it is put in eval mode again."""
        super().train(mode)
        for module in self.net.backbone.modules() if mode and self.recipe.drift else ():
            if isinstance(module, nn.BatchNorm2d):
                module.train()
        return self

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """``()`` mean loss over the episodes and ``2`` counts on the loss's grid."""
        recipe, target = self.recipe, batch.target
        size = (recipe.loss_grid,) * 2 if recipe.loss == "soft" else target.shape[-2:]
        outputs = answer(self.net, batch, size, recipe)
        if recipe.loss == "soft":
            numbers = (recipe.loss_grid, recipe.dice, recipe.auxiliary, recipe.absent_weight)
            loss = soft_episode_loss(outputs, target, *numbers)
        else:
            loss = episode_loss(outputs, target, recipe.auxiliary)
        if outputs.presence is not None:  # at weight 0 too: processes wait for every weight's gradient
            loss = loss + recipe.presence * presence_loss(outputs.presence, target)
        return loss, count_overlap(outputs.logits.detach(), target).sum(0)


def answer(net: Network, batch: Batch, size: Sequence[int], recipe: Recipe) -> Outputs:
    """The network on cached features, or on pictures that go through the backbone first."""
    query, supports = ([m.float() for m in part] for part in (batch.query, batch.supports))
    if not recipe.cached:
        with torch.no_grad():
            shots = batch.masks.shape[:2]
            query = net.backbone(net.backbone.normalise(query[0]))
            maps = net.backbone(net.backbone.normalise(supports[0].flatten(0, 1)))
            supports = [m.unflatten(0, shots) for m in maps]
    return net.episode(query, supports, batch.masks, size)


def count_overlap(logits: Tensor, target: Tensor) -> Tensor:
    """``b 2`` object pixels in both and in either of ``b 2 h w`` logits and ``b H W`` target, on h w."""
    if target.shape[-2:] != logits.shape[-2:]:
        target = F.interpolate(target[:, None].float(), logits.shape[-2:], mode="nearest-exact")[:, 0]
    found, there, valid = logits[:, 1] > logits[:, 0], target == 1, target != 255
    both = (found & there).flatten(1).sum(1)
    return torch.stack([both, ((found | there) & valid).flatten(1).sum(1)], 1)


@torch.no_grad()
def validate(net: Network, material: Material, recipe: Recipe, device: torch.device) -> dict[str, float]:
    """MIoU over base classes on held-out pictures, per k and their mean (``base_iou``)."""
    net.eval()
    read = make_reader(material.validation, recipe, net, plain=True)
    scores = {}
    for shots, episodes in material.episodes.items():
        sums: dict[tuple, Tensor] = {}
        for first in range(0, len(episodes), recipe.batch):
            asked = episodes[first : first + recipe.batch]
            batch = read(asked).to(device)
            logits = answer(net, batch, batch.target.shape[-2:], recipe).logits
            for episode, counts in zip(asked, count_overlap(logits, batch.target).cpu(), strict=True):
                key = (episode.source, episode.classes)
                sums[key] = sums.get(key, torch.zeros(2, dtype=torch.int64)) + counts
        if sums:
            scores[f"base_iou_{shots}"] = sum(ratio(*map(int, s)) for s in sums.values()) / len(sums)
    return {"base_iou": sum(scores.values()) / len(scores), **scores}


@dataclass(frozen=True)
class Batches:
    """Number → batch; number ``step · accumulate + part``, other episodes in each part and process."""

    sampler: Sampler
    read: Reader
    rank: int = 0
    world: int = 1

    def __call__(self, number: int) -> Batch:
        """The batch."""
        recipe = self.sampler.recipe
        step, part = divmod(number, recipe.accumulate)
        first = (part * self.world + self.rank) * recipe.batch
        return self.read(self.sampler.episodes(step, first, recipe.batch))


def make_reader(sources: Sequence[Source], recipe: Recipe, net: Network, plain: bool = False) -> Reader:
    """Of cached features, or of pictures, whose padding is what normalises to zero."""
    if recipe.cached:
        return FeatureReader(sources)
    fill = net.backbone.mean.flatten().round().tolist()
    return PictureReader(sources, recipe, fill, plain)
