"""Fitting a spatial head: right gradients, a white basis, and what no linear head can tell."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from asgnet.model.default.calibration import Calibration
from asgnet.model.default.spatial_head import RADII
from asgnet.model.default.spatial_training import (
    Layers,
    Samples,
    drawn_pixels,
    gradients,
    loss,
    trained,
    whitening,
)
from asgnet.types import IGNORE


def test_gradients_are_those_of_the_loss():
    random = np.random.default_rng(0)
    layers = Layers(*(random.normal(0, 0.5, shape) for shape in ((6, 4), (4,), (4,), ())))
    inputs, targets = random.normal(size=(9, 6)), random.random(9)
    found = gradients(layers, inputs, targets)
    for place, array in enumerate(layers):
        for index in np.ndindex(array.shape):
            sides = []
            for step in (1e-5, -1e-5):
                moved = array.copy()
                moved[index] += step
                sides.append(loss(layers._replace(**{layers._fields[place]: moved}), inputs, targets))
            numeric = (sides[0] - sides[1]) / 2e-5
            assert float(found[place][index]) == pytest.approx(numeric, abs=2e-5)


def test_what_no_linear_head_can_tell_is_learned():
    random = np.random.default_rng(1)
    inputs = random.normal(size=(2000, 8)).astype(np.float32)
    targets = (inputs[:, 0] * inputs[:, 1] > 0).astype(np.float32)  # exclusive or
    layers = trained([Samples(inputs[:1500], targets[:1500])], hidden=32, steps=300, seed=0)
    logits = np.maximum(inputs @ layers.hidden + layers.hidden_bias, 0) @ layers.output + layers.output_bias
    assert ((expit(logits[1500:]) > 0.5) == targets[1500:]).mean() > 0.85
    again = trained([Samples(inputs[:1500], targets[:1500])], hidden=32, steps=300, seed=0)
    np.testing.assert_array_equal(layers.hidden, again.hidden)


def test_whitened_channels_have_unit_variance_and_the_largest_come_first():
    random = np.random.default_rng(2)
    pixels = random.normal(size=(10, 4096)) * np.geomspace(1, 0.1, 10)[:, None] + 5
    levels = [pixels[:6].reshape(6, 64, 64), pixels[6:].reshape(4, 64, 64)]
    numbers = replace(Calibration(), spatial_channels=4, spatial_samples=4096)
    basis, offset = whitening([[one.astype(np.float32) for one in levels]], numbers, seed=0)
    found = basis @ pixels + offset[:, None]
    np.testing.assert_allclose(found.mean(1), 0, atol=1e-3)
    np.testing.assert_allclose(np.cov(found), np.eye(4), atol=0.05)
    assert abs(basis[0]).argmax() == 0


def test_pixels_are_drawn_of_both_sides_and_none_of_the_ignored():
    numbered = np.arange(64, dtype=np.float32).reshape(1, 8, 8)
    levels = [np.zeros((1, 8, 8), np.float32), numbered, np.zeros((1, 4, 4), np.float32)]
    mask = np.zeros((32, 32), np.uint8)
    mask[:8] = 1  # two rows of cells
    mask[24:] = IGNORE
    basis = np.array([[0, 1, 0]], np.float32), np.zeros(1, np.float32)
    samples = drawn_pixels(levels, mask, basis, 20, np.random.default_rng(0))
    cells = samples.inputs[:, 0]
    assert samples.inputs.shape == (20, 1 + len(RADII))
    assert sorted(samples.targets) == [0] * 10 + [1] * 10
    np.testing.assert_array_equal(cells < 16, samples.targets > 0.5)
    assert cells.max() < 48
