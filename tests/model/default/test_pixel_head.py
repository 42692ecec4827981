"""The pixel head on a query: linear, and so scored map by map. How it is fitted: test_pooling."""

import pytest
import torch
import torch.nn.functional as F

from asgnet.model.default.pixel_head import FeatureMaps, PixelHead, fine_features, pixel_columns, pixel_scores


def seen_of(count, grid=(8, 8), channels=5, levels=((3, (4, 4)), (6, (2, 2)), (4, (3, 2))), seed=0):
    """Pictures whose features are random numbers."""
    generator = torch.Generator().manual_seed(seed)
    maps = tuple(torch.randn(count, c, *size, generator=generator) for c, size in levels)
    half = [side // 2 for side in grid]
    fine = ((channels, grid), (2, half), (1, grid))
    return FeatureMaps(maps, tuple(torch.randn(count, c, *size, generator=generator) for c, size in fine))


def stacked(seen, read):
    """``b d h w``: what the readout is a linear function of."""
    levels = [*seen.fine, *(F.normalize(seen.maps[i], dim=1) for i in read)]
    grid = levels[0].shape[-2:]
    return torch.cat([F.interpolate(m, grid, mode="bilinear", align_corners=False) for m in levels], 1)


@pytest.mark.parametrize("read", [(), (1,), (0, 1, 2), (2, 0)])
def test_scores_equal_those_of_the_stacked_features(read):
    seen = seen_of(1, seed=3)
    features = stacked(seen, read)[0]
    generator = torch.Generator().manual_seed(4)
    readout = PixelHead(torch.randn(3, len(features), generator=generator), torch.tensor([0.5, -1, 2]))
    expected = torch.einsum("nd,dhw->nhw", readout.weights, features) + readout.bias[:, None, None]
    torch.testing.assert_close(pixel_scores(seen, readout, read)[0], expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("size", [(64, 64), (60, 100), (32, 32)])
def test_fine_features_of_a_plain_picture(size):
    h, w = size[0] // 2, size[1] // 2
    images = torch.tensor([0.2, -0.4, 0.6])[:, None, None].expand(2, 3, *size)
    first, second, colours = fine_features(
        images, torch.rand(2, 6, h, w), torch.rand(2, 7, h // 2, w // 2), 4
    )
    assert (first.shape, second.shape) == ((2, 6, h, w), (2, 7, h // 2, w // 2))
    for block in (first, second):
        torch.testing.assert_close(block.norm(dim=1), torch.ones_like(block[:, 0]))
    colour, around, contrast = colours.split(3, 1)
    torch.testing.assert_close(colour, images[..., :h, :w] / 2)
    torch.testing.assert_close(around, images[..., :h, :w] / 2)  # the border does not darken it
    torch.testing.assert_close(contrast, torch.zeros_like(contrast), atol=1e-6, rtol=0)


def test_a_spot_stands_out_from_its_surroundings():
    images = torch.zeros(1, 3, 64, 64)
    images[:, :, 32:36, 32:36] = 1
    *_, colours = fine_features(images, torch.zeros(1, 1, 32, 32), torch.zeros(1, 1, 16, 16), 4)
    contrast = colours[0, -3:]
    assert (contrast[:, 16:18, 16:18] > 0.9).all()
    assert (contrast.flatten(1).mean(1).abs() < 1e-3).all()


@pytest.mark.parametrize("size", [(16, 16), (12, 20)])
def test_channels_of_chosen_pixels_are_those_of_the_enlarged_maps(size):
    generator = torch.Generator().manual_seed(0)
    maps = tuple(torch.randn(1, 3 + s, size[0] // s, size[1] // s, generator=generator) for s in (1, 2, 4))
    seen = FeatureMaps(maps, (torch.randn(1, 5, *size, generator=generator),))
    chosen = torch.arange(size[0] * size[1])
    whole = stacked(seen, (1, 2))[0].flatten(1)
    torch.testing.assert_close(pixel_columns(seen, (1, 2), chosen), whole, atol=1e-5, rtol=0)
    torch.testing.assert_close(
        pixel_columns(seen, (1, 2), chosen[[7, 3]]), whole[:, [7, 3]], atol=1e-5, rtol=0
    )
