"""Laws of the whole: what may not change an answer does not, or by as little as is said here."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from asgnet.imaging.iou import overlap
from asgnet.model.paper.gpa import allocate, cosine
from asgnet.types import IGNORE

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 9))
PAIRS = SHAPES.flatmap(lambda size: st.tuples(*(arrays.arrays(bool, size) for _ in "ab")))


def iou(found, truth) -> float:
    return overlap(found, truth.astype(np.uint8)).iou


@given(PAIRS)
def test_iou_lies_between_0_and_1_is_symmetric_and_1_only_for_equals(pair):
    one, other = pair
    assert 0 <= iou(one, other) <= 1
    assert iou(one, other) == iou(other, one)
    assert iou(one, one) == 1
    assert (iou(one, other) == 1) == (one == other).all()


@given(PAIRS, st.data())
def test_ignored_pixels_count_for_nothing(pair, data):
    found, truth = pair
    void = data.draw(arrays.arrays(bool, found.shape))
    labels = np.where(void, IGNORE, truth).astype(np.uint8)
    assert overlap(found, labels) == overlap(found ^ void, labels)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_the_length_of_features_and_prototypes_leaves_the_cosine(seed, one, other):
    random = torch.Generator().manual_seed(seed)
    query, prototypes = torch.randn(1, 6, 4, 5, generator=random), torch.randn(1, 3, 6, generator=random)
    torch.testing.assert_close(cosine(query * one, prototypes * other), cosine(query, prototypes))
    valid = torch.ones(1, 3, dtype=torch.bool)
    whole, scaled = allocate(query, prototypes, valid, "max"), allocate(query * one, prototypes, valid, "max")
    torch.testing.assert_close(scaled.probability_map, whole.probability_map)


def blocks(seed, h=96, w=128):
    """A red block on smooth green: ``picture, mask``."""
    random = np.random.default_rng(seed)
    picture = random.integers(40, 70, (h, w, 3)).astype(np.uint8)
    mask = np.zeros((h, w), np.uint8)
    top, left = random.integers(8, h // 2), random.integers(8, w // 2)
    mask[top : top + h // 3, left : left + w // 3] = 1
    picture[mask == 1] = (200, 40, 30)
    return picture, mask


def change(one, other):
    return float(np.abs(one.probability - other.probability).mean()), iou(one.mask, other.mask)


@pytest.fixture(scope="module")
def three(segmenter):
    images, masks = zip(*(blocks(i) for i in range(3)), strict=True)
    return list(images), list(masks), blocks(9)[0]


def test_the_order_of_shots(segmenter, three):
    images, masks, query = three
    before = segmenter.fit(images, masks, adapt=False).predict(query)
    after = segmenter.fit(images[::-1], masks[::-1], adapt=False).predict(query)
    np.testing.assert_allclose(after.probability, before.probability, atol=1e-4)
    adapted = [segmenter.fit(images[::s], masks[::s]).predict(query) for s in (1, -1)]
    moved, same = change(*adapted)
    assert moved < 1e-3
    assert same > 0.99


def test_a_shot_shown_twice(segmenter, three):
    """By little, and no more when the second shot is there to learn on, too."""
    images, masks, query = three
    for adapt, most in ((False, 0.01), (True, 0.01)):
        once = segmenter.fit(images[:1], masks[:1], adapt=adapt).predict(query)
        twice = segmenter.fit(images[:1] * 2, masks[:1] * 2, adapt=adapt).predict(query)
        moved, same = change(once, twice)
        assert moved < most
        assert same > 0.98


def test_a_mirrored_picture_has_a_mirrored_answer(segmenter, three):
    images, masks, query = three
    segmenter.fit(images, masks, adapt=False)
    before, after = segmenter.predict(query), segmenter.predict(np.ascontiguousarray(query[:, ::-1]))
    assert np.abs(before.probability - after.probability[:, ::-1]).mean() < 0.02
    assert iou(before.mask, after.mask[:, ::-1]) > 0.97
    assert abs(before.presence - after.presence) < 0.1


def test_a_crop_has_the_same_answer_inside(segmenter, three):
    """A crop is enlarged to the network's side, so the object is seen larger: alike, not equal."""
    images, masks, query = three
    segmenter.fit(images, masks, adapt=False)
    whole, part = segmenter.predict(query), segmenter.predict(np.ascontiguousarray(query[:-12, :-16]))
    inside = np.s_[8:-20, 8:-24]
    assert iou(whole.mask[inside], part.mask[8:-8, 8:-8]) > 0.95
