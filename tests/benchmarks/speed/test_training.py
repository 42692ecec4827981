"""A training step of the default network: what it costs."""

import pytest
import torch
from benchmarks.speed.measure import flops

from asgnet.model import ASGNet

SIDE, SHOTS = 192, 3


@pytest.fixture(scope="module")
def net():
    return ASGNet.from_preset("default").train()


def step(net, images):
    """From cached maps of a query and its supports to gradients, as a function without arguments."""
    with torch.no_grad():
        maps = net.backbone(images)
    query, supports = [m[:1] for m in maps], [m[None, 1:] for m in maps]
    masks = torch.zeros(1, SHOTS, SIDE, SIDE, dtype=torch.uint8, device=images.device)
    masks[..., SIDE // 4 : SIDE // 2, SIDE // 5 : SIDE // 2] = 1

    def run():
        outputs = net.episode(query, supports, masks, (96, 96))
        (outputs.logits.sum() + sum(a.sum() for a in outputs.auxiliary) + outputs.presence.sum()).backward()

    return run


def test_cached_features_more_than_halve_the_work(net):
    images = torch.rand(1 + SHOTS, 3, SIDE, SIDE)
    cached = flops(step(net, images))
    with torch.no_grad():
        anew = flops(lambda: net.backbone(images))
    assert cached + anew > 2 * cached
