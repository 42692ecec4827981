"""Prompts that a person might give."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from asgnet.model.prompts.channels import GRID
from asgnet.study.training.simulated_clicks import box_around, click_in, next_click, truths, worse

SQUARE = np.zeros((128, 128), np.uint8)
SQUARE[20:60, 30:90] = 1
seeds = st.integers(0, 999)


@given(seeds)
def test_a_click_lies_in_its_region(seed):
    x, y, on = click_in(SQUARE == 1, True, np.random.default_rng(seed))
    assert on
    assert SQUARE[int(y / 2), int(x / 2)] == 1


def test_the_next_click_mends_the_largest_error():
    rng = np.random.default_rng(0)
    found = SQUARE == 1
    assert next_click(SQUARE, found, rng) is None
    more = found.copy()
    more[100:110, 100:110] = True
    more[20:25, 30:35] = False  # a smaller one
    x, y, on = next_click(SQUARE, more, rng)
    assert not on
    assert 200 <= x <= 220
    assert 200 <= y <= 220
    ignored = SQUARE.copy()
    ignored[90:120, 90:120] = 255
    assert next_click(ignored, more, rng)[2]


@given(seeds)
def test_a_box_is_near_the_object(seed):
    x0, y0, x1, y1 = box_around(SQUARE, np.random.default_rng(seed))
    assert 0 <= x0 < x1 <= 256
    assert 0 <= y0 < y1 <= 256
    assert abs(x0 - 60) < 90
    assert abs(y1 - 120) < 60


def test_a_worse_answer_and_the_objects_of_a_window():
    rng = np.random.default_rng(0)
    before = worse(SQUARE, rng)
    assert before.shape == (GRID, GRID)
    assert 0 <= before.min() < 0.5 < before.max() <= 1
    labels = SQUARE.copy()
    labels[:10], labels[80:90] = 2, 255
    first, second, third = truths(labels, rng, 3)
    assert ((first == 1) == (labels == 1)).all()
    assert ((second == 1) == (labels == 2)).all()
    assert (third == first).all()
    assert (first == 255).sum() == 1280
