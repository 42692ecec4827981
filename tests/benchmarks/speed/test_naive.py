"""The plain references answer as the package does: they are worth comparing times with."""

import numpy as np
import pytest
import torch

from asgnet.model import ASGNet
from asgnet.model.paper.gpa import allocate
from asgnet.model.paper.seeds import place_seeds, seed_masks
from asgnet.model.paper.sgc import cluster
from benchmarks.speed import naive


def boxes(count, side):
    """``n s s`` bool; boxes of several sizes."""
    masks = torch.zeros(count, side, side, dtype=torch.bool)
    for i, mask in enumerate(masks):
        mask[2 + i : side // 2 + 2 * i, 1 : side - 2 * i] = True
    return masks


@pytest.mark.parametrize("border", [True, False])
def test_seeds(border):
    for region in boxes(3, 24).numpy():
        np.testing.assert_array_equal(place_seeds(region, 5, border), naive.seeds(region, 5, border))


def test_clusters():
    torch.manual_seed(0)
    features, region = torch.randn(3, 32, 24, 24) / 4, boxes(3, 24)
    seeds, valid = seed_masks(region, area=40)
    assert valid.all()
    found = cluster(features, region, seeds, valid, 10)
    for i in range(3):
        torch.testing.assert_close(found[i], naive.cluster(features[i], region[i], seeds[i], 10))


def test_allocation():
    query, prototypes = torch.randn(2, 16, 9, 7), torch.randn(2, 6, 16)
    found = allocate(query, prototypes, torch.ones(2, 6, dtype=torch.bool))
    for i in range(2):
        guide, guide_map, fits = naive.allocate(query[i], prototypes[i])
        assert torch.equal(found.guide_map[i], guide_map)
        torch.testing.assert_close(found.guide_feature[i], guide)
        torch.testing.assert_close(found.probability_map[i], fits)


@pytest.mark.parametrize("shots", [1, 3])
def test_the_whole_network(shots):
    torch.manual_seed(1)
    net = ASGNet.from_preset("paper-r50").eval()
    query, supports = torch.randn(1, 3, 89, 89), torch.randn(1, shots, 3, 89, 89)
    masks = torch.zeros(1, shots, 89, 89, dtype=torch.uint8)
    masks[..., 10:80, 20:70] = 1  # on a grid of 12 fewer than 100 pixels
    masks[:, 1:, :, :] = 1  # as many as it has
    with torch.inference_mode():
        expected = naive.segment(net, query, supports, masks)
        torch.testing.assert_close(net(query, supports, masks), expected, atol=1e-5, rtol=0)
