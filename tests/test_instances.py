"""The single objects of a prediction."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from asgnet.types import Prediction


@pytest.fixture
def prediction():
    mask = np.zeros((6, 10), bool)
    mask[1, 1] = mask[2:5, 4:9] = True
    probability = np.where(mask, np.float32(0.75), np.float32(0.1))
    return Prediction(mask, probability, 0.9, np.zeros((6, 10), np.int32))


def test_each_piece_is_an_object_the_larger_first(prediction):
    large, small = prediction.instances
    assert (large.area, small.area) == (15, 1)
    assert large.box == (4, 2, 5, 3)
    assert large.score == 0.75
    assert large.name == "object"
    np.testing.assert_array_equal(large.mask | small.mask, prediction.mask)
    np.testing.assert_array_equal(prediction.labels == 1, large.mask)
    np.testing.assert_array_equal(prediction.labels == 2, small.mask)


def test_nothing_found_is_no_object(prediction):
    empty = replace(prediction, mask=prediction.mask & False)
    assert empty.instances == []
    assert not empty.labels.any()


def test_objects_are_told_apart_as_asked(prediction):
    def halves(mask, probability):
        return np.where(mask, 1 + (np.arange(10) > 6), 0)

    divided = replace(prediction, separate=halves)
    assert [one.area for one in divided.instances] == [10, 6]


def test_classes_in_their_order(prediction):
    mask = np.zeros(prediction.mask.shape, np.int32)
    mask[0, :2], mask[3, 3:9] = 2, 1
    sure = replace(prediction, probability=prediction.probability * 0 + 1)
    both = Prediction(
        mask, sure.probability, 0.9, sure.guide, ("cup", "cat"), {"cup": sure, "cat": prediction}
    )
    assert [(one.name, one.area) for one in both.instances] == [("cup", 6), ("cat", 2)]
    assert both.instances[0].score == 1
    assert both.instances[1].score == pytest.approx(0.1)


def test_predictions_go_to_other_processes(prediction):
    assert len(pickle.loads(pickle.dumps(prediction)).instances) == 2
