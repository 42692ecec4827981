"""Seeds: exact tiny answers, then the loop of distance transforms they must agree with."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import distance_transform_edt

from asgnet.model.paper.seeds import count_prototypes, place_seeds, seed_masks
from asgnet.model.paper.seeds_on_device import seeds_on_device
from asgnet.model.paper.sgc import cluster


@pytest.mark.parametrize(
    ("pixels", "floor", "rounded"),
    [(0, 0, 0), (99, 0, 1), (100, 1, 1), (150, 1, 2), (250, 2, 2), (350, 3, 4), (499, 4, 5), (9999, 5, 5)],
)
def test_count_floor_and_bankers_rounding(pixels, floor, rounded):
    mask = np.zeros(10000, np.uint8)
    mask[:pixels] = 1
    mask = mask.reshape(100, 100)
    assert count_prototypes(mask) == floor
    assert count_prototypes(mask, rounding="round") == rounded
    assert count_prototypes(torch.from_numpy(mask)) == floor


def test_count_skips_ignored_pixels_and_obeys_area_and_most():
    mask = np.full((10, 10), 255, np.uint8)
    mask[:2] = 1
    assert count_prototypes(mask, area=10) == 2
    assert count_prototypes(mask, area=1, most=7) == 7


def test_first_seed_is_the_centre_then_the_corners():
    assert place_seeds(np.ones((3, 3), bool), 2).tolist() == [[1, 1], [0, 0]]
    assert place_seeds(np.ones((5, 5), bool), 2).tolist() == [[2, 2], [1, 1]]


def test_a_single_pixel_gives_a_single_seed():
    region = np.zeros((6, 7), bool)
    region[4, 5] = True
    for border in (True, False):
        assert place_seeds(region, 5, border).tolist() == [[4, 5]]


def test_nothing_gives_nothing():
    assert place_seeds(np.zeros((4, 4), bool), 3).shape == (0, 2)
    assert place_seeds(np.ones((4, 4), bool), 0).shape == (0, 2)


def test_a_ring_keeps_its_seeds_on_the_ring():
    row, column = np.mgrid[:41, :41]
    radius = np.hypot(row - 20, column - 20)
    ring = (radius > 10) & (radius < 18)
    seeds = place_seeds(ring, 5)
    assert ring[tuple(seeds.T)].all()
    gaps = np.hypot(*(seeds[:, None] - seeds[None]).transpose(2, 0, 1))[~np.eye(5, dtype=bool)]
    assert gaps.min() > 3


def repeated_transform(region, count, border):
    """The rule as stated: transform, take the maximum, remove that pixel, again."""
    rows, columns = np.nonzero(region)
    top, left = (rows.min(), columns.min()) if not border else (0, 0)
    roi = region[top : rows.max() + 1, left : columns.max() + 1].copy() if not border else np.pad(region, 1)
    seeds = []
    for _ in range(count):
        distance = distance_transform_edt(roi)
        at = np.unravel_index(distance.argmax(), roi.shape)
        roi[at] = False
        seeds.append((at[0] + top - border, at[1] + left - border))
    return np.array(seeds)


@settings(max_examples=200, deadline=None)
@given(
    arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.booleans() | st.just(True)),
    st.integers(1, 7),
    st.booleans(),
)
def test_one_transform_equals_many(region, count, border):
    count = min(count, int(region.sum()))
    if count:
        np.testing.assert_array_equal(
            place_seeds(region, count, border), repeated_transform(region, count, border)
        )


def test_a_full_box_degenerates_as_published_without_border_only():
    box = np.ones((20, 30), bool)
    np.testing.assert_array_equal(place_seeds(box, 5, border=False), repeated_transform(box, 5, False))
    assert {0, 19} & set(place_seeds(box, 5, border=False)[:, 0])
    inner = place_seeds(box, 5, border=True)
    assert inner.min() > 0
    assert (inner < [19, 29]).all()


@given(st.integers(0, 20), st.integers(0, 20))
@settings(max_examples=20, deadline=None)
def test_seeds_move_with_the_object(down, right):
    shape = np.zeros((40, 40), bool)
    shape[3:12, 4:18] = True
    shape[6, 9] = False
    moved = np.roll(shape, (down, right), (0, 1))
    for border in (True, False):
        np.testing.assert_array_equal(
            place_seeds(moved, 4, border), place_seeds(shape, 4, border) + np.array([down, right])
        )


def test_batch_is_padded_and_slot_zero_is_always_used():
    masks = torch.zeros(3, 30, 30)
    masks[1, :20, :11] = 1
    masks[2] = 1
    masks[2, :5] = 255
    seeds, valid = seed_masks(masks)
    assert seeds.shape == (3, 5, 2)
    assert seeds.dtype == torch.int64
    assert valid.sum(1).tolist() == [1, 2, 5]
    assert valid[:, 0].all()
    assert (seeds[~valid] == 0).all()
    np.testing.assert_array_equal(seeds[1, :2], place_seeds(masks[1] == 1, 2))
    assert (seeds[2, :, 0] >= 5).all()


@settings(max_examples=150, deadline=None)
@given(
    arrays(
        np.uint8,
        st.tuples(st.integers(1, 3), st.integers(1, 11), st.integers(1, 11)),
        elements=st.sampled_from([0, 1, 1, 1, 1, 255]),
    ),
    st.integers(1, 30),
    st.integers(1, 6),
    st.sampled_from(["floor", "round"]),
)
def test_on_a_device_the_seeds_are_the_same(masks, area, most, rounding):
    masks = torch.from_numpy(masks)
    for found, expected in zip(
        seeds_on_device(masks, area, most, rounding), seed_masks(masks, area, most, rounding), strict=True
    ):
        assert torch.equal(found, expected)


@pytest.mark.parametrize("size", [(40, 40), (3, 70), (64, 9)])
def test_on_a_device_large_objects_have_the_same_seeds_too(size):
    masks = torch.ones(2, *size, dtype=torch.uint8)
    masks[1, 1, 2] = 0
    for found, expected in zip(seeds_on_device(masks, 20, 5, "floor"), seed_masks(masks, 20), strict=True):
        assert torch.equal(found, expected)


def test_a_device_is_never_waited_for():
    """Meta tensors hold nothing that could be asked for."""
    seeds, valid = seed_masks(torch.ones(2, 9, 7, dtype=torch.uint8, device="meta"), area=5)
    assert (seeds.shape, valid.shape) == ((2, 5, 2), (2, 5))
    features = torch.randn(2, 4, 9, 7, device="meta")
    region = torch.ones(2, 9, 7, dtype=torch.bool, device="meta")
    assert cluster(features, region, seeds, valid).shape == (2, 5, 4)
