"""What a person says about an object with a box or clicks, checked and kept to."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asgnet.apply.interactive.prompts import read_prompts
from asgnet.errors import UsageError

SIZE = (40, 60)


def test_without_a_box_only_clicked_pieces_are_kept():
    logits = np.full(SIZE, -1.0)
    logits[5:10, 5:10] = logits[20:30, 40:50] = 1
    mask = read_prompts([(7, 7, True)], None, SIZE).constrained(logits)
    assert mask.dtype == np.uint8
    assert mask.sum() == 25
    both = read_prompts([], (0, 0, 60, 40), SIZE).constrained(logits)
    assert both.sum() == 125


def test_a_box_is_never_answered_with_nothing():
    prompts = read_prompts([], (10, 10, 20, 20), SIZE)
    assert 0 < prompts.constrained(np.full(SIZE, -9.0)).sum() <= 100
    ramp = np.arange(2400, dtype=float).reshape(SIZE) - 9999
    mask = prompts.constrained(ramp)
    assert 0 < mask.sum() < 100
    assert mask[19, 19]
    assert not mask[10, 10]


edges = st.tuples(st.floats(0, 60), st.floats(0, 40))


@settings(deadline=None, max_examples=60)
@given(st.lists(edges, min_size=1, max_size=4), st.lists(edges, max_size=4), st.integers(0, 99))
def test_every_click_is_obeyed(inside, outside, seed):
    points = [(*p, True) for p in inside] + [(*p, False) for p in outside]
    logits = np.random.default_rng(seed).normal(size=SIZE)
    mask = read_prompts(points, None, SIZE).constrained(logits)
    cell = lambda p: (min(int(p[1]), 39), min(int(p[0]), 59))  # noqa: E731
    assert all(mask[cell(p)] == 0 for p in outside)
    assert all(mask[cell(p)] == 1 for p in inside if cell(p) not in map(cell, outside))


@settings(deadline=None, max_examples=60)
@given(edges, edges)
def test_nothing_beyond_a_box_is_object(one, other):
    x0, x1 = sorted((one[0], other[0]))
    y0, y1 = sorted((one[1], other[1]))
    if x1 - x0 < 1e-3 or y1 - y0 < 1e-3:
        return
    rows, columns = read_prompts([], (x0, y0, x1, y1), SIZE).constrained(np.ones(SIZE)).nonzero()
    assert rows.size
    assert rows.min() >= np.floor(y0)
    assert rows.max() + 1 <= np.ceil(y1)
    assert columns.min() >= np.floor(x0)
    assert columns.max() + 1 <= np.ceil(x1)


@pytest.mark.parametrize(
    ("points", "box", "words"),
    [
        ([], None, "at least one point inside"),
        ([(3, 3, False)], None, "at least one point inside"),
        ([(61, 3, True)], None, r"\(61, 3\) lies beyond the picture of 60×40"),
        ([(3, -1, True)], None, "lies beyond the picture"),
        ([(3, float("nan"), True)], None, "A point is"),
        ([(3, 4)], None, "A point is"),
        ([3], None, "A point is"),
        ([], (1, 2, 3), "A box is"),
        ([], "box", "A box is"),
        ([], (5, 5, 5, 9), "is empty"),
        ([], (9, 5, 5, 9), "is empty"),
        ([], (70, 5, 80, 9), "lies beyond the picture"),
        ([(30, 30, True)], (1, 1, 9, 9), "lies beyond the box"),
    ],
)
def test_prompts_that_cannot_be_meant(points, box, words):
    with pytest.raises(UsageError, match=words):
        read_prompts(points, box, SIZE)


def test_a_box_may_reach_over_the_edge():
    assert read_prompts([], (-5, -5, 30, 99), SIZE).box == (0, 0, 30, 40)
