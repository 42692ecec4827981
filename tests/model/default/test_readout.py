"""The readout: exact tiny answers, ridge regression as numpy has it, and masks that teach nothing."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asgnet.model.default.readout import fit_readouts

WHOLE = (slice(None),)


def drawn(b, p, c, seed, ignored=0.3):
    """Features of any kind; pixels of both sides, of a bit of both, and of neither."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randn(b, p, c, generator=generator)
    on_object = torch.rand(b, p, generator=generator).mul(3).sub(1).clamp(0, 1)
    counted = torch.rand(b, p, generator=generator) > ignored
    return pixels, on_object * counted, (1 - on_object) * counted


def ridge(pixels, on_object, on_background, penalty):
    """One picture in float64: least squares of the balanced ±1 target with a free bias."""
    x, o, n = (t.double().numpy() for t in (pixels, on_object, on_background))
    o, n = o / o.sum(), n / n.sum()
    weight, target = o + n, (o - n) / np.maximum(o + n, 1e-300)
    centre, middle = weight @ x / weight.sum(), weight @ target / weight.sum()
    root = np.sqrt(weight)
    rows = np.vstack([root[:, None] * (x - centre), np.sqrt(penalty) * np.eye(x.shape[1])])
    w = np.linalg.lstsq(rows, np.append(root * (target - middle), np.zeros(x.shape[1])), rcond=None)[0]
    return w, middle - centre @ w


def scores(pixels, weights, biases):
    return pixels @ weights.mT + biases[:, None]  # b p r


@pytest.mark.parametrize("penalty", [0.01, 1.0])
def test_two_colours_are_told_apart_exactly(penalty):
    pixels = torch.tensor([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])
    on_object = torch.tensor([[1.0, 1.0, 0.0]])
    weights, biases = fit_readouts(pixels, on_object, 1 - on_object, WHOLE, penalty)
    share = 1 / (1 + penalty)
    torch.testing.assert_close(weights, torch.tensor([[[share, -share]]]), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        scores(pixels, weights, biases)[0, :, 0], share * torch.tensor([1.0, 1.0, -1.0]), atol=1e-5, rtol=0
    )


def test_one_pixel_of_object_weighs_as_much_as_ninety_nine_of_background():
    few = torch.eye(2)[None]
    many = torch.cat([few, few[:, 1:].expand(-1, 98, -1)], 1)
    fitted = [
        fit_readouts(x, torch.eye(x.shape[1])[:1], 1 - torch.eye(x.shape[1])[:1], WHOLE) for x in (few, many)
    ]
    torch.testing.assert_close(fitted[0], fitted[1], atol=1e-5, rtol=0)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3), st.integers(6, 40), st.integers(1, 12), st.integers(0, 10**6))
def test_equals_ridge_regression_in_numpy(b, p, c, seed):
    pixels, on_object, on_background = drawn(b, p, c, seed)
    pixels = pixels + 1  # off centre
    on_object[:, 0], on_background[:, 0] = 1, 0
    on_object[:, 1], on_background[:, 1] = 0, 1
    weights, biases = fit_readouts(pixels, on_object, on_background, WHOLE, 0.1)
    for i in range(b):
        w, bias = ridge(pixels[i], on_object[i], on_background[i], 0.1)
        np.testing.assert_allclose(weights[i, 0].numpy(), w, atol=2e-4)
        np.testing.assert_allclose(biases[i, 0].numpy(), bias, atol=5e-4)


def test_float64_is_kept():
    pixels, on_object, on_background = (t.double() for t in drawn(1, 50, 8, 1))
    weights, biases = fit_readouts(pixels, on_object, on_background, WHOLE)
    w, bias = ridge(pixels[0], on_object[0], on_background[0], 0.01)
    np.testing.assert_allclose(weights[0, 0].numpy(), w, atol=1e-6)
    np.testing.assert_allclose(biases[0, 0].numpy(), bias, atol=2e-6)


def test_a_selection_sees_its_own_channels_alone():
    pixels, on_object, on_background = drawn(2, 60, 9, 2)
    chosen = (slice(0, 9), slice(0, 4), slice(4, 9), slice(4, None))
    weights, biases = fit_readouts(pixels, on_object, on_background, chosen)
    assert weights.shape == (2, 4, 9)
    assert biases.shape == (2, 4)
    for r, selection in enumerate(chosen):
        alone, bias = fit_readouts(pixels[..., selection], on_object, on_background, WHOLE)
        expected = torch.zeros(2, 9)
        expected[:, selection] = alone[:, 0]
        torch.testing.assert_close(weights[:, r], expected, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(biases[:, r], bias[:, 0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("on_object", "on_background", "bias"), [(0, 1, -1), (1, 0, 1), (0, 0, 0), (0.5, 0.5, 0)]
)
def test_masks_that_teach_nothing_know_only_what_they_are(on_object, on_background, bias):
    """No object, no background, all ignored, everything half of either."""
    pixels = drawn(1, 30, 5, 3)[0]
    sides = torch.full((1, 30), float(on_object)), torch.full((1, 30), float(on_background))
    weights, biases = fit_readouts(pixels, *sides, WHOLE)
    torch.testing.assert_close(weights, torch.zeros(1, 1, 5), atol=1e-4, rtol=0)
    torch.testing.assert_close(biases, torch.full((1, 1), float(bias)), atol=1e-4, rtol=0)


def test_one_pixel_and_nothing_else():
    pixels, one = torch.ones(1, 1, 3), torch.ones(1, 1)
    weights, biases = fit_readouts(pixels, one, 0 * one, WHOLE)
    torch.testing.assert_close(scores(pixels, weights, biases), torch.ones(1, 1, 1), atol=1e-5, rtol=0)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_ignored_pixels_change_nothing(seed):
    pixels, on_object, on_background = drawn(2, 40, 6, seed)
    on_object[:, :2], on_background[:, :2] = torch.tensor([1.0, 0]), torch.tensor([0, 1.0])
    ignored = (on_object + on_background == 0)[..., None]
    other = torch.where(ignored, 3 - pixels, pixels)
    expected = fit_readouts(pixels, on_object, on_background, WHOLE)
    torch.testing.assert_close(
        fit_readouts(other, on_object, on_background, WHOLE), expected, atol=1e-3, rtol=1e-3
    )


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_order_and_repetition_of_pixels_change_nothing(seed):
    pixels, on_object, on_background = drawn(1, 40, 6, seed)
    expected = fit_readouts(pixels, on_object, on_background, WHOLE)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(seed))
    for rows in (order, torch.cat([order, order])):
        found = fit_readouts(pixels[:, rows], on_object[:, rows], on_background[:, rows], WHOLE)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_an_episode_alone_is_as_in_a_batch():
    many = drawn(4, 30, 6, 5)
    together = fit_readouts(*many, (slice(0, 6), slice(2, 4)))
    for i in range(4):
        alone = fit_readouts(*(t[i : i + 1] for t in many), (slice(0, 6), slice(2, 4)))
        torch.testing.assert_close(alone, tuple(t[i : i + 1] for t in together), atol=1e-5, rtol=1e-4)


def test_a_higher_penalty_trusts_the_features_less():
    pixels, on_object, on_background = drawn(1, 50, 8, 6)
    lengths = [
        fit_readouts(pixels, on_object, on_background, WHOLE, penalty)[0].norm().item()
        for penalty in (0.001, 0.1, 10)
    ]
    assert lengths[0] > lengths[1] > lengths[2] > 0
