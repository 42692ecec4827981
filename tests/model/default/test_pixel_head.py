"""The pixel head: exact on two colours, ridge regression by gram matrices, linear and so scored map by map."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from asgnet.model.default import pixel_head as fine
from asgnet.model.default.calibration import Calibration
from asgnet.model.default.pixel_head import (
    FeatureMaps,
    PixelHead,
    fine_features,
    fit_pixel_head,
    gram_matrices,
    pixel_scores,
)

NUMBERS = Calibration()
PENALTY = NUMBERS.pixel_penalty


def grams(supports, masks, read, seed=0, numbers=NUMBERS):
    return gram_matrices(supports, masks, read, numbers, seed)


def fit(supports):
    return fit_pixel_head(supports, PENALTY)


def seen_of(count, grid=(8, 8), channels=5, levels=((3, (4, 4)), (6, (2, 2)), (4, (3, 2))), seed=0):
    """Pictures whose features are random numbers."""
    generator = torch.Generator().manual_seed(seed)
    maps = tuple(torch.randn(count, c, *size, generator=generator) for c, size in levels)
    half = [side // 2 for side in grid]
    fine = ((channels, grid), (2, half), (1, grid))
    return FeatureMaps(maps, tuple(torch.randn(count, c, *size, generator=generator) for c, size in fine))


def apart(seen):
    """Each picture by itself."""
    return [
        FeatureMaps(*(tuple(m[i : i + 1] for m in part) for part in seen)) for i in range(len(seen.fine[0]))
    ]


def halves(count=1, side=32):
    """Masks whose upper half is object."""
    masks = torch.zeros(count, side, side, dtype=torch.uint8)
    masks[:, : side // 2] = 1
    return masks


def stacked(seen, read):
    """``b d h w``: what the readout is a linear function of."""
    levels = [*seen.fine, *(F.normalize(seen.maps[i], dim=1) for i in read)]
    grid = levels[0].shape[-2:]
    return torch.cat([F.interpolate(m, grid, mode="bilinear", align_corners=False) for m in levels], 1)


def test_two_colours_are_separated_exactly():
    colours = torch.zeros(1, 2, 8, 8)
    colours[:, 0, :4], colours[:, 1, 4:] = 1, 1
    seen = FeatureMaps((), (colours,))
    readout = fit(grams(apart(seen), halves(), ()))
    ((scores,),) = pixel_scores(seen, readout, ())
    torch.testing.assert_close(scores, colours[0, 0] - colours[0, 1], atol=PENALTY, rtol=0)
    torch.testing.assert_close(readout.weights[0, 0], -readout.weights[0, 1], atol=1e-5, rtol=0)
    torch.testing.assert_close(readout.bias, torch.zeros(1), atol=1e-5, rtol=0)


def test_one_object_pixel_weighs_as_much_as_all_background():
    colours = torch.zeros(1, 2, 8, 8)
    colours[:, 0], colours[:, 0, 0, 0], colours[:, 1, 0, 0] = 1, 0, 1
    mask = torch.zeros(1, 32, 32)
    mask[:, :4, :4] = 1
    seen = FeatureMaps((), (colours,))
    ((scores,),) = pixel_scores(seen, fit(grams([seen], mask, ())), ())
    assert scores[0, 0] == pytest.approx(1, abs=0.01)
    assert scores[5, 5] == pytest.approx(-1, abs=0.01)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 3), st.integers(0, 10**6))
def test_equals_ridge_regression_on_all_pixels(shots, seed):
    """Least squares in float64 to the balanced target ±1, its bias free."""
    seen = seen_of(shots, seed=seed)
    random = np.random.default_rng(seed)
    blocks = random.integers(0, 2, (shots, 8, 8)).astype(np.uint8)
    blocks[:, 0, :2] = 0, 1
    masks = torch.from_numpy(blocks.repeat(4, 1).repeat(4, 2))
    readout = fit(grams(apart(seen), masks, (0, 2)))
    x = stacked(seen, (0, 2)).double().numpy().transpose(0, 2, 3, 1).reshape(shots * 64, -1)
    y = blocks.reshape(-1) * 2.0 - 1
    root = np.sqrt(np.where(y > 0, 1 / (y > 0).sum(), 1 / (y < 0).sum()))
    rows = np.vstack(
        [np.c_[x, np.ones(len(x))] * root[:, None], np.diag(np.full(x.shape[1] + 1, PENALTY) ** 0.5)]
    )
    rows[-1, -1] = 1e-3
    expected = np.linalg.lstsq(rows, np.append(y * root, np.zeros(x.shape[1] + 1)), rcond=None)[0]
    np.testing.assert_allclose(readout.weights[0].numpy(), expected[:-1], atol=1e-3)
    np.testing.assert_allclose(readout.bias.numpy(), expected[-1:], atol=1e-3)


@pytest.mark.parametrize("read", [(), (1,), (0, 1, 2), (2, 0)])
def test_scores_equal_those_of_the_stacked_features(read):
    seen = seen_of(1, seed=3)
    features = stacked(seen, read)[0]
    generator = torch.Generator().manual_seed(4)
    readout = PixelHead(torch.randn(3, len(features), generator=generator), torch.tensor([0.5, -1, 2]))
    expected = torch.einsum("nd,dhw->nhw", readout.weights, features) + readout.bias[:, None, None]
    torch.testing.assert_close(pixel_scores(seen, readout, read)[0], expected, atol=1e-4, rtol=1e-4)


def test_supports_add_up_and_can_be_left_out():
    seen, masks = seen_of(3), halves(3)
    each = grams(apart(seen), masks, (1,))
    for chosen in ([0, 1, 2], [2, 1, 0], [0, 2], [1]):
        alone = fit(grams([apart(seen)[i] for i in chosen], masks[chosen], (1,)))
        torch.testing.assert_close(fit([each[i] for i in chosen]), alone, atol=1e-5, rtol=1e-5)
    twice = fit([*each, *each])
    torch.testing.assert_close(twice, fit(each), atol=1e-5, rtol=1e-5)


def test_what_is_drawn_from_a_support_does_not_depend_on_its_place():
    few = replace(NUMBERS, pixel_samples=10)
    seen, masks = seen_of(3), halves(3)
    masks[1, :, 3:9] = 255
    straight, turned = (
        grams([apart(seen)[i] for i in o], masks[o], (0,), numbers=few) for o in ([0, 1, 2], [2, 0, 1])
    )
    for place, i in enumerate([2, 0, 1]):
        torch.testing.assert_close(turned[place], straight[i], atol=0, rtol=0)
    again, other = (grams(apart(seen), masks, (0,), seed, few)[0].object for seed in (0, 1))
    assert torch.equal(again, straight[0].object)
    assert not torch.equal(other, straight[0].object)


@pytest.mark.parametrize(("most", "counts"), [(1000, (24, 32)), (40, (20, 20)), (2, (1, 1))])
def test_no_more_pixels_are_drawn_than_asked_for_and_none_to_ignore(most, counts):
    numbers = replace(NUMBERS, pixel_samples=most)
    masks = halves()
    masks[:, :4] = 255
    (one,) = grams(apart(seen_of(1)), masks, (), numbers=numbers)
    assert (one.object[-1, -1], one.background[-1, -1]) == counts


@pytest.mark.parametrize(("value", "bias"), [(0, -1), (1, 1), (255, 0)])
def test_one_side_alone_knows_only_what_it_is(value, bias):
    masks = torch.full((2, 32, 32), value, dtype=torch.uint8)
    each = grams(apart(seen_of(2)), masks, (0, 1))
    assert not any(m.shows_both for m in each)
    readout = fit(each)
    torch.testing.assert_close(readout.weights, torch.zeros_like(readout.weights), atol=1e-3, rtol=0)
    torch.testing.assert_close(readout.bias, torch.tensor([float(bias)]), atol=1e-3, rtol=0)
    assert grams(apart(seen_of(1)), halves(), ())[0].shows_both


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
    torch.testing.assert_close(fine._channels(seen, (1, 2), chosen), whole, atol=1e-5, rtol=0)
    torch.testing.assert_close(
        fine._channels(seen, (1, 2), chosen[[7, 3]]), whole[:, [7, 3]], atol=1e-5, rtol=0
    )
