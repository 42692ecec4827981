"""A prediction taken apart: pieces, specks, what is measured."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.measure import label

from asgnet.apply.output.objects import ResultView, confidence, uncertainty, without_specks
from asgnet.types import Prediction

masks = hnp.arrays(np.int32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 2))


def prediction(mask: np.ndarray, *classes: str) -> Prediction:
    probability = np.linspace(0, 1, mask.size, dtype=np.float32).reshape(mask.shape)
    by_class = {
        name: Prediction(mask == i, probability, 0.8, mask, (name,)) for i, name in enumerate(classes, 1)
    }
    return Prediction(mask, probability, 0.9, mask, classes, by_class if len(classes) > 1 else {})


def view(mask: np.ndarray, *classes: str, apart: bool) -> ResultView:
    picture = np.zeros((*mask.shape, 3), np.uint8)
    return ResultView(prediction(mask, *classes), picture, apart=apart)


THREE = np.array([[1, 1, 0, 2], [1, 0, 0, 2], [0, 0, 1, 0]], np.int32)


def test_pieces_by_hand_class_by_class_the_larger_first():
    pieces = view(THREE, "mug", "cat", apart=True).objects
    assert [(t.name, t.area) for t in pieces] == [("mug", 3), ("mug", 1), ("cat", 2)]
    together = view(THREE, "mug", "cat", apart=False).objects
    assert [(t.name, t.area) for t in together] == [("mug", 4), ("cat", 2)]


def test_nothing_is_no_object():
    assert view(THREE * 0, "mug", apart=True).objects == []
    assert view(THREE * 0, "mug", apart=False).objects == []


@settings(deadline=None)
@given(masks)
def test_pieces_are_disjoint_connected_and_all_there_is(mask):
    pieces = view(mask, "mug", "cat", apart=True).objects
    total = np.zeros(mask.shape, int)
    for piece in pieces:
        assert label(piece.mask, connectivity=1).max() == 1
        total += piece.mask * (1 + (piece.name == "cat"))
    np.testing.assert_array_equal(total, mask)


@settings(deadline=None)
@given(masks, st.integers(0, 6))
def test_specks_go_and_nothing_else(mask, least):
    before = prediction(mask, "mug", "cat")
    after = without_specks(before, least)
    kept = [t for t in view(mask, "mug", "cat", apart=True).objects if t.area >= least]
    expected = sum((t.mask * (1 + (t.name == "cat")) for t in kept), np.zeros(mask.shape, int))
    np.testing.assert_array_equal(after.mask, expected)
    assert after.mask.dtype == mask.dtype
    for i, one in enumerate(after.by_class.values(), 1):
        np.testing.assert_array_equal(one.mask, after.mask == i)


def test_specks_of_a_single_class_of_bools():
    mask = THREE == 1
    after = without_specks(prediction(mask, "mug"), 2)
    assert after.mask.dtype == bool
    assert after.mask.sum() == 3


def test_confidence_is_the_mean_of_the_region():
    probability = np.array([[0.5, 1.0, 0.0]], np.float32)
    assert confidence(np.array([[True, True, False]]), probability) == 0.75
    assert confidence(np.zeros((1, 3), bool), probability) is None


@pytest.mark.parametrize(
    ("presence", "confidence", "expected"),
    [(1, 1, 0), (0, None, 0), (0.5, 0.9, 1), (0.9, 0.95, 0.2), (1, 0.6, 0.8), (0, 0.6, 0), (0.9, None, 0.9)],
)
def test_uncertainty_by_hand(presence, confidence, expected):
    assert uncertainty(presence, confidence) == pytest.approx(expected)
