"""The sizes that the network works at, and those that a concept stores."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgnet.apply.concept.scale import LARGER, USUAL, Scale
from asgnet.apply.inference.working_scale import (
    LEAST,
    STRIDE,
    layout,
    network_zoom,
    picture_box,
    stored_mask,
    stored_picture,
    stored_size,
    working_mask,
    working_picture,
    working_side,
    working_size,
)


@pytest.mark.parametrize(
    ("size", "seen"),
    [
        ((480, 640), (384, 512)),
        ((4000, 3000), (512, 384)),
        ((333, 500), (352, 512)),
        ((1080, 1920), (288, 512)),
        ((70, 70), (512, 512)),
        ((100, 1000), (256, 512)),
        ((1, 1), (512, 512)),
    ],
)
def test_the_network_works_in_a_picture_s_own_proportions(size, seen):
    assert working_size(size, 512) == seen


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 20))
def test_working_sizes_are_whole_strides_turns_with_the_picture_and_is_never_a_strip(h, w, strides):
    side = strides * STRIDE
    seen = working_size((h, w), side)
    assert working_size((w, h), side) == seen[::-1]
    assert max(seen) == side
    assert all(n % STRIDE == 0 for n in seen)
    assert min(seen) >= min(max(side // 2 // STRIDE * STRIDE, LEAST), side)
    if side >= 2 * LEAST and max(h, w) <= 2 * min(h, w):
        assert abs(min(seen) - side * min(h, w) / max(h, w)) <= STRIDE / 2


def disc(radius, side=200):
    rows, columns = np.indices((side, side)) - side // 2
    return (rows**2 + columns**2 <= radius**2).astype(np.uint8)


@given(st.integers(1, 3000), st.integers(1, 3000), st.sampled_from([128, 512]))
def test_what_is_stored_is_enough_for_the_fine_scale(h, w, side):
    size = stored_size((h, w), side)
    most = working_side(side, LARGER)
    assert most % STRIDE == 0
    assert max(size) == min(max(h, w), most)
    assert stored_size(size, side) == size
    assert stored_size((w, h), side) == size[::-1]
    if max(h, w) <= most:
        assert size == (h, w)
    else:
        assert min(size) == pytest.approx(max(min(h, w) * most / max(h, w), 1), abs=0.5)


def test_a_small_picture_is_kept_as_it_is_and_a_large_one_smaller():
    random = np.random.default_rng(0)
    small, large = (random.integers(0, 256, (*size, 3), np.uint8) for size in ((90, 120), (300, 400)))
    assert stored_picture(small, 128) is small
    assert stored_picture(large, 128).shape == (144, 192, 3)
    mask = np.zeros((300, 400), np.uint8)
    mask[7, 9] = 1
    assert stored_mask(mask, 512) is mask
    assert stored_mask(mask, 128).shape == (144, 192)
    assert stored_mask(mask, 128).sum() == 1


def test_mask_and_picture_are_seen_at_the_same_size():
    for side in (512, working_side(512, LARGER)):
        seen = working_picture(np.zeros((90, 120, 3), np.uint8), side)
        assert seen.shape == (*working_mask(disc(20)[:90, :120], side).shape, 3) == (side * 3 // 4, side, 3)


def test_one_view_is_the_whole_picture_and_a_larger_one_is_seen_in_windows():
    assert layout((480, 640), 512, USUAL, 0.25) == ((384, 512), (0,), (0,), (384, 512))
    assert layout((480, 640), 512, LARGER, 0.25).window == working_size((480, 640), 768)
    found = layout((1024, 1024), 512, Scale(0.0, 1.0), 0.25)
    assert found == ((1024, 1024), (0, 256, 512), (0, 256, 512), (512, 512))
    assert found.number == 9
    assert layout((300, 400), 512, Scale(0.0, 1.0), 0.25) == ((288, 384), (0,), (0,), (288, 384))
    assert layout((300, 4000), 512, Scale(0.0, 0.5), 0.25).window == (160, 512)
    assert network_zoom((300, 4000), 512, Scale(2.0)) == 1024 / 4000


@given(
    st.tuples(st.integers(1, 6000), st.integers(1, 6000)),
    st.sampled_from([Scale(0.0, 1.0), Scale(0.0, 2**-0.5), Scale(2.0), Scale(8.0, 0.0, 1.5)]),
    st.booleans(),
)
def test_windows_cover_the_picture_overlap_and_hold_whole_strides(size, scale, shift):
    found = layout(size, 512, scale, 0.25, shift)
    for places, side, window in zip((found.tops, found.lefts), found.size, found.window, strict=True):
        assert window % STRIDE == 0
        assert places[0] == 0
        assert places[-1] + window == side
        assert all(0 < b - a <= window * 0.76 for a, b in pairwise(places))
        assert all(place % 4 == 0 for place in places)


@given(st.integers(1, 500), st.integers(1, 500), st.integers(1, 40), st.integers(1, 40))
def test_a_box_holds_the_pixels_that_lie_in_it_or_partly(h, w, rows, columns):
    assert picture_box((0, 0, rows, columns), (h, w), (rows, columns)) == (0, 0, h, w)
    top, left, bottom, right = picture_box((rows // 2, columns // 2, rows, columns), (h, w), (rows, columns))
    assert top <= rows // 2 * h / rows < top + 1
    assert left <= columns // 2 * w / columns < left + 1
    assert (bottom, right) == (h, w)
