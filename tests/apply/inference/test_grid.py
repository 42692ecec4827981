"""Between pixels and grid: exact tiny answers, and that no object is lost."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asgnet.apply.inference.grid import (
    LEAST,
    STRIDE,
    breadth,
    enlarge,
    kept,
    kept_mask,
    kept_size,
    on_grid,
    seen_mask,
    seen_picture,
    seen_size,
    side_of,
    spread_labels,
)

sizes = st.integers(1, 40)


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
def test_the_network_sees_a_picture_s_own_proportions(size, seen):
    assert seen_size(size, 512) == seen


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 20))
def test_what_is_seen_is_whole_strides_turns_with_the_picture_and_is_never_a_strip(h, w, strides):
    side = strides * STRIDE
    seen = seen_size((h, w), side)
    assert seen_size((w, h), side) == seen[::-1]
    assert max(seen) == side
    assert all(n % STRIDE == 0 for n in seen)
    assert min(seen) >= min(max(side // 2 // STRIDE * STRIDE, LEAST), side)
    if side >= 2 * LEAST and max(h, w) <= 2 * min(h, w):
        assert abs(min(seen) - side * min(h, w) / max(h, w)) <= STRIDE / 2


def disc(radius, side=200):
    rows, columns = np.indices((side, side)) - side // 2
    return (rows**2 + columns**2 <= radius**2).astype(np.uint8)


def line(width, side=200):
    mask = np.zeros((side, side), np.uint8)
    mask[side // 2 : side // 2 + width] = 1
    return mask


def test_a_disc_is_as_broad_as_its_diameter_and_a_line_half_as_broad_again():
    assert breadth(disc(40)) == pytest.approx(80 / 200, rel=0.05)
    assert breadth(line(40)) == pytest.approx(60 / 200, rel=0.06)
    assert breadth(np.vstack([disc(40), disc(40)])) == pytest.approx(80 / 400, rel=0.05)  # each for itself
    assert breadth(line(3)) == pytest.approx(6 * (4 / 3) / 200)  # its three rows are 1, 2 and 1 away


def test_a_single_pixel_is_the_finest_and_a_full_picture_has_no_breadth():
    mask = np.zeros((60, 100), np.uint8)
    mask[30, 50] = 1
    assert breadth(mask) == pytest.approx(6 / 100)
    assert breadth(np.ones((60, 100), np.uint8)) == float("inf")


def test_where_nobody_decided_there_is_no_outline():
    certain, doubtful = disc(20), disc(20)
    doubtful[(disc(30) == 1) & (certain == 0)] = 255
    assert breadth(doubtful) > breadth(certain) + 60 / 200 * 0.9


@given(st.integers(1, 3000), st.integers(1, 3000), st.sampled_from([128, 512]))
def test_what_is_kept_holds_all_that_is_seen_even_closer(h, w, side):
    size = kept_size((h, w), side)
    most = side_of(side, closer=True)
    assert most % STRIDE == 0
    assert max(size) == min(max(h, w), most)
    assert kept_size(size, side) == size
    assert kept_size((w, h), side) == size[::-1]
    if max(h, w) <= most:
        assert size == (h, w)
    else:
        assert min(size) == pytest.approx(max(min(h, w) * most / max(h, w), 1), abs=0.5)


def test_a_small_picture_is_kept_as_it_is_and_a_large_one_smaller():
    random = np.random.default_rng(0)
    small, large = (random.integers(0, 256, (*size, 3), np.uint8) for size in ((90, 120), (300, 400)))
    assert kept(small, 128) is small
    assert kept(large, 128).shape == (144, 192, 3)
    mask = np.zeros((300, 400), np.uint8)
    mask[7, 9] = 1
    assert kept_mask(mask, 512) is mask
    assert kept_mask(mask, 128).shape == (144, 192)
    assert kept_mask(mask, 128).sum() == 1


def test_mask_and_picture_are_seen_at_the_same_size():
    for side in (512, side_of(512, closer=True)):
        seen = seen_picture(np.zeros((90, 120, 3), np.uint8), side)
        assert seen.shape == (*seen_mask(disc(20)[:90, :120], side).shape, 3) == (side * 3 // 4, side, 3)


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


@pytest.mark.parametrize("size", [(512, 512), (97, 131), (1, 200), (300, 40), (1, 1), (2, 3)])
@pytest.mark.parametrize("classes", [1, 3])
def test_logits_at_the_picture_s_size(size, classes):
    logits = torch.randn(classes, 32, 32, generator=torch.Generator().manual_seed(0)) * 5
    found = enlarge(logits, size)
    assert found.shape == (classes, *size)
    assert found.dtype == np.float32
    assert found.min() >= logits.min() - 1e-4
    assert found.max() <= logits.max() + 1e-4
    alone = enlarge(logits[:1], size)
    np.testing.assert_allclose(found[:1], alone, atol=1e-5)  # classes do not mix


@pytest.mark.parametrize(("h", "w"), [(512, 512), (300, 200), (900, 1100)])
def test_an_object_keeps_its_shape(h, w):
    rows, columns = np.indices((h, w))
    mask = ((rows - h / 2) / (h / 3)) ** 2 + ((columns - w / 2) / (w / 4)) ** 2 <= 1
    share = torch.from_numpy(mask.astype(np.float32))[None, None]
    logits = torch.nn.functional.adaptive_avg_pool2d(share, (128, 128))[0] * 12 - 6
    found = enlarge(logits, (h, w))[0] > 0
    assert (found & mask).sum() / (found | mask).sum() > 0.97
