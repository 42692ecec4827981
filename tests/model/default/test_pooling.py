"""Pooling: lists of supports' statistics concatenated and added, ridge regressions exact."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asgnet.model.default.calibration import Calibration
from asgnet.model.default.levels import Levels
from asgnet.model.default.pooling import pixel_head, pooled
from asgnet.model.default.support import SideOfSupport, SupportStatistics, unit_levels

LEVELS = Levels(channels=(3, 4, 5, 4), grid=2, fine=1, fused=(2, 3), read=3, shallow=2)
NUMBERS = Calibration()
WIDTH, EVERY = LEVELS.read_width, sum(LEVELS.channels)


def support(seed, cells=12):
    """Made from random cells, the first half object."""
    random = np.random.default_rng(seed)
    return SupportStatistics(*(_side(random, cells // 2) for _ in range(2)))


def _side(random, count):
    cells = unit_levels(random.normal(0, 1, (count, EVERY)).astype(np.float32), LEVELS)
    shares = random.uniform(0.1, 1, count).astype(np.float32)
    inputs = np.pad(cells[:, :WIDTH], ((0, 0), (0, 1)), constant_values=1)
    gram = (inputs * shares[:, None]).T @ inputs
    logits = random.normal(0, 1, 6).astype(np.float32)
    return SideOfSupport(
        cells[:2], shares @ cells, gram, cells.astype(np.float16), shares, np.array(count), gram, logits
    )


def test_a_list_in_another_order_is_the_same_class():
    supports = [support(i) for i in range(3)]
    straight, turned = pooled(supports, LEVELS, NUMBERS), pooled(supports[::-1], LEVELS, NUMBERS)
    for name in ("means", "readouts", "biases", "centre", "spread", "facts", "kinds"):
        np.testing.assert_allclose(getattr(turned, name), getattr(straight, name), atol=1e-5)
    np.testing.assert_array_equal(turned.object[0], straight.object[0].reshape(3, 2, -1)[::-1].reshape(6, -1))


def test_adding_and_removing_are_list_operations_bit_for_bit():
    supports = [support(i) for i in range(4)]
    at_once = pooled(supports, LEVELS, NUMBERS)
    one_more = pooled([*supports[:3], supports[3]], LEVELS, NUMBERS)
    for one, same in zip(at_once, one_more, strict=True):
        np.testing.assert_array_equal(one, same)


def test_a_support_shown_twice_counts_twice_in_nothing_but_the_number_of_shots():
    once, twice = pooled([support(0)], LEVELS, NUMBERS), pooled([support(0)] * 2, LEVELS, NUMBERS)
    for name in ("means", "readouts", "biases", "centre", "spread", "kinds"):
        np.testing.assert_allclose(getattr(twice, name), getattr(once, name), atol=1e-5)
    assert (once.facts[0, -2], twice.facts[0, -2]) == (1, 0.5)


def test_a_side_that_is_nowhere_has_no_valid_prototype_and_no_pixels():
    full = support(0)
    nowhere = full.background._replace(
        prototypes=full.background.prototypes[:0],
        sample=full.background.sample[:0],
        shares=full.background.shares[:0],
        cells=np.array(0),
        **{k: getattr(full.background, k) * 0 for k in ("total", "gram", "pixel_gram", "logits")},
    )
    found = pooled([SupportStatistics(full.object, nowhere)], LEVELS, NUMBERS)
    assert not found.background_valid.any()
    assert found.seen.tolist() == [[True, False]]
    assert all(np.isfinite(array).all() for array in found)


@pytest.mark.parametrize("sizes", [(4, 4), (600, 600), (600, 30), (3, 700, 2)])
def test_the_memory_bank_takes_of_each_support_in_proportion(sizes):
    supports = [support(i, 2 * size) for i, size in enumerate(sizes)]
    bank = pooled(supports, LEVELS, NUMBERS).pixels[0, 0]
    assert bank.shape == (NUMBERS.memory_bank, 9)
    origin = [
        sum(np.abs(one.object.sample[:, LEVELS.fused_columns].astype(np.float32) - pixel).sum(1).min() < 1e-6
            for pixel in np.unique(bank, axis=0))
        for one in supports
    ]  # fmt: skip
    assert all(origin)
    assert sum(origin) == len(np.unique(bank, axis=0))


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 3), st.integers(0, 10**6))
def test_the_pixel_head_is_ridge_regression_on_all_pixels(shots, seed):
    """Least squares in float64 to the balanced target ±1, its bias free."""
    random = np.random.default_rng(seed)
    pixels = [[random.normal(0, 1, (random.integers(1, 20), 5)) for _ in range(2)] for _ in range(shots)]
    none = SideOfSupport(*[np.zeros(0)] * 8)
    supports = [SupportStatistics(*(none._replace(pixel_gram=_gram(side)) for side in one)) for one in pixels]
    weights, bias = pixel_head(supports, NUMBERS.pixel_penalty)
    x = np.concatenate([side for number in range(2) for one in pixels for side in [one[number]]])
    inside = sum(len(one[0]) for one in pixels)
    y = np.where(np.arange(len(x)) < inside, 1.0, -1.0)
    root = np.sqrt(np.where(y > 0, 1 / inside, 1 / (len(x) - inside)))
    ridge = np.diag(np.r_[np.full(5, NUMBERS.pixel_penalty), 1e-6] ** 0.5)
    rows = np.vstack([np.c_[x, np.ones(len(x))] * root[:, None], ridge])
    expected = np.linalg.lstsq(rows, np.append(y * root, np.zeros(6)), rcond=None)[0]
    np.testing.assert_allclose([*weights[0], *bias], expected, atol=1e-3)


def _gram(pixels):
    inputs = np.c_[pixels, np.ones(len(pixels))]
    return inputs.T @ inputs
