"""Between pixels and grid: exact tiny answers, and that no object is lost."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asgnet.apply.grid import LEAST, STRIDE, enlarge, nearest, on_grid, seen_size, spread_labels

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


@pytest.mark.parametrize(("size", "row"), [((1, 5), [0, 0, 1, 1, 2]), ((1, 3), [0, 1, 2]), ((1, 1), [0])])
def test_nearest_of_one_row(size, row):
    found = nearest(np.array([[0, 1, 2]]), size)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, [row])


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
