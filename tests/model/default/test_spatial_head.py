"""The spatial head on a picture: what it reads at a pixel, and how its logits are mixed in."""

from dataclasses import replace

import numpy as np
import pytest

from asgnet.model.default.calibration import Calibration
from asgnet.model.default.spatial_head import (
    LIMIT,
    SpatialHead,
    blank_head,
    contexts,
    fused,
    levels_of,
    pixel_inputs,
    projected,
    spatial_logits,
    split_heads,
    stacked_heads,
)

NUMBERS = replace(Calibration(), spatial_channels=5, spatial_hidden=3)
SHAPES = ((2, 32, 24), (3, 16, 12), (1, 32, 24))
MAPS = ((3, 8, 6), (4, 8, 6), (6, 4, 3))
CHANNELS = 2 + 3 + 1 + 4 + 6


@pytest.fixture
def levels():
    random = np.random.default_rng(0)
    fine, maps = (
        [random.normal(size=(1, *s)).astype(np.float32) for s in shapes] for shapes in (SHAPES, MAPS)
    )
    return levels_of(fine, maps)


@pytest.fixture
def head():
    random = np.random.default_rng(1)
    return SpatialHead(
        *(random.normal(0, 0.1, a.shape).astype(np.float32) for a in blank_head(CHANNELS, NUMBERS))
    )


def test_levels_are_no_finer_than_stride_4_and_deep_ones_of_unit_length(levels):
    assert [one.shape for one in levels] == [(2, 16, 12), (3, 16, 12), (1, 16, 12), (4, 8, 6), (6, 4, 3)]
    np.testing.assert_allclose(np.square(levels[4]).sum(0), 1, rtol=1e-5)


def test_a_constant_picture_is_projected_exactly():
    levels = [np.full((2, *size), 3.0, np.float32) for size in ((4, 4), (4, 4), (2, 2))]
    basis = np.arange(12, dtype=np.float32).reshape(2, 6)
    found = projected(levels, basis, np.array([1, -1], np.float32))
    np.testing.assert_allclose(found[0], 3 * 15 + 1)
    np.testing.assert_allclose(found[1], 3 * 51 - 1)


def test_means_of_a_dot():
    dot = np.zeros((1, 16, 16), np.float32)
    dot[0, 8, 8] = 36
    near, middle, far = contexts([dot, dot], np.array([[1, 0]], np.float32), np.zeros(1, np.float32))
    assert near.shape == (1, 8, 8)
    assert near[0, 4, 4] == 9  # of 4 pixels
    assert near.sum() == 9
    assert middle[0, 3, 5] == pytest.approx(1)  # of 9 cells
    assert far[0, 0, 0] == pytest.approx(9 / 25)  # of those that there are


def test_logits_are_those_of_the_pixels_inputs(levels, head):
    logits, _ = spatial_logits(levels, head)
    inputs = pixel_inputs(levels, head.basis, head.offset, np.arange(16 * 12))
    active = np.maximum(inputs @ head.hidden + head.hidden_bias, 0)
    expected = (active @ head.output + head.output_bias).reshape(16, 12)
    # the coarsest level is enlarged in two steps
    np.testing.assert_allclose(logits, expected, atol=5e-3)
    certain = head._replace(output_bias=np.float32(1e4))
    assert (spatial_logits(levels, certain).logits == LIMIT).all()


def test_a_strange_picture_is_not_judged(levels, head):
    logits = np.zeros((2, 32, 24), np.float32)
    sure = head._replace(output_bias=np.float32(50))
    known, strange = (sure._replace(offset=np.full(5, offset, np.float32)) for offset in (0.5, 2))
    assert spatial_logits(levels, known).familiarity == 1
    assert spatial_logits(levels, strange).familiarity == 0
    found = fused(logits, levels, [known, strange], [0.25, 0.25])
    np.testing.assert_allclose(found[0], 0.25 * LIMIT)
    np.testing.assert_array_equal(found[1], 0)
    np.testing.assert_array_equal(logits, 0)


def test_arrays_of_several_classes_come_back(head):
    other = head._replace(output_bias=np.float32(2))
    arrays = stacked_heads([head, other], [0.25, 0.5])
    heads, weights, rest = split_heads(arrays | {"means": np.ones(2)})
    assert weights == [0.25, 0.5]
    assert list(rest) == ["means"]
    for one, expected in zip(heads, [head, other], strict=True):
        for found, own in zip(one, expected, strict=True):
            np.testing.assert_array_equal(found, own)
    assert split_heads({"means": 1})[:2] == ([], [])
