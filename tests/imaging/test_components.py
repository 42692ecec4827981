"""Small pieces of masks: exact tiny answers, and skimage's."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.morphology import remove_small_objects

from asgnet.imaging.components import small_pieces


def test_pieces_touch_at_sides_and_not_at_corners():
    region = np.array([[1, 1, 0], [0, 0, 1], [0, 1, 1]], bool)
    np.testing.assert_array_equal(small_pieces(region, 3), [[True, True, False], [False] * 3, [False] * 3])
    assert not small_pieces(region, 2).any()
    np.testing.assert_array_equal(small_pieces(region, 4), region)


@settings(max_examples=200, deadline=None)
@given(
    hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12)),
    st.one_of(st.integers(0, 20), st.floats(0, 20)),
)
def test_small_pieces_are_those_that_skimage_removes(mask, least):
    found = small_pieces(mask, least)
    assert found.dtype == bool
    np.testing.assert_array_equal(mask & ~found, remove_small_objects(mask, max_size=math.ceil(least) - 1))
