import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from asgnet.imaging.resize import nearest, on_grid, resized, spread_labels


def test_resizing_averages_what_each_pixel_covers():
    picture = np.zeros((1, 4, 3), np.uint8)
    picture[0, 1] = 7, 70, 255
    small = resized(picture, (2, 2))
    assert small.dtype == np.uint8
    # Four columns become two: the first sees three of them with weights 3 3 1, of seven.
    np.testing.assert_array_equal(small, [[[3, 30, 109], [1, 10, 36]]] * 2)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(0, 255))
def test_a_plain_picture_stays_plain(h, w, side, value):
    np.testing.assert_array_equal(resized(np.full((h, w, 3), value, np.uint8), (side, 2)), value)


def test_a_square_of_that_side_is_copied():
    picture = np.random.default_rng(0).integers(0, 256, (6, 6, 3), np.uint8)
    same, mask = resized(picture, (6, 6)), nearest(picture[..., 0], (6, 6))
    np.testing.assert_array_equal(same, picture)
    np.testing.assert_array_equal(mask, picture[..., 0])
    assert not np.shares_memory(same, picture)
    assert not np.shares_memory(mask, picture)


def test_nearest_takes_the_value_at_each_pixel_s_centre():
    mask = np.array([[0, 1, 255, 7], [2, 3, 4, 5]], np.uint8)
    np.testing.assert_array_equal(nearest(mask, (1, 1)), [[4]])
    np.testing.assert_array_equal(nearest(mask, (2, 2)), [[1, 7], [3, 5]])
    np.testing.assert_array_equal(nearest(mask[:, :3], (2, 2)), [[0, 255], [2, 4]])
    np.testing.assert_array_equal(nearest(mask[:1] == 1, (4, 4)), [[False, True, False, False]] * 4)
    assert nearest(mask.astype(np.int32), (3, 3)).dtype == np.int32


@given(st.integers(1, 9).flatmap(lambda side: hnp.arrays(np.uint8, (side, side))), st.integers(1, 5))
def test_nearest_repeats_a_mask_and_finds_it_again(mask, times):
    side = len(mask)
    large = nearest(mask, (times * side, times * side))
    np.testing.assert_array_equal(large, mask.repeat(times, axis=0).repeat(times, axis=1))
    np.testing.assert_array_equal(nearest(large, (side, side)), mask)


@pytest.mark.parametrize(("size", "row"), [((1, 5), [0, 0, 1, 2, 2]), ((1, 3), [0, 1, 2]), ((1, 1), [1])])
def test_nearest_of_one_row(size, row):
    np.testing.assert_array_equal(nearest(np.array([[0, 1, 2]]), size), [row])


sizes = st.integers(1, 40)


def test_a_mask_of_the_grid_s_size_stays():
    mask = np.random.default_rng(0).choice(np.array([0, 1, 255], np.uint8), (6, 6))
    np.testing.assert_array_equal(on_grid(mask, (6, 6)), mask)


def test_an_object_between_the_grid_s_pixels_is_kept():
    mask = np.zeros((1000, 1000), np.uint8)
    mask[3, 999] = 1
    small = on_grid(mask, (4, 4))
    assert small[0, 3] == 1
    assert small.sum() == 1


@settings(max_examples=40, deadline=None)
@given(sizes, sizes, st.tuples(st.integers(1, 12), st.integers(1, 12)), st.integers(0, 10**6))
def test_every_object_leaves_something_on_the_grid(h, w, size, seed):
    random = np.random.default_rng(seed)
    mask = random.choice(np.array([0, 0, 0, 255], np.uint8), (h, w))
    mask[random.integers(h), random.integers(w)] = 1
    small = on_grid(mask, size)
    assert small.shape == size
    assert (small == 1).any()
    assert set(np.unique(small)) <= set(np.unique(mask))


def test_labels_spread_to_the_nearest_object_pixels():
    labels = np.array([[-1, 7], [3, -1]])
    mask = np.ones((4, 4), np.uint8)
    mask[0, 0], mask[3, 3] = 0, 255
    spread = spread_labels(labels, mask)
    assert spread.dtype == np.int32
    assert spread[0, 0] == spread[3, 3] == -1
    assert (spread[:2, 2:] == 7).all()
    assert (spread[2:, :2] == 3).all()


@settings(max_examples=40, deadline=None)
@given(sizes, sizes, st.integers(0, 10**6))
def test_labels_are_minus_one_exactly_outside(h, w, seed):
    random = np.random.default_rng(seed)
    labels = random.integers(-1, 3, (5, 4))
    labels[0, 0] = 2
    mask = random.choice(np.array([0, 1, 255], np.uint8), (h, w))
    spread = spread_labels(labels, mask)
    np.testing.assert_array_equal(spread < 0, mask != 1)
    assert set(np.unique(spread)) <= {-1, *np.unique(labels)}
