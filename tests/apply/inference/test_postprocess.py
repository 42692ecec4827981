import numpy as np
import pytest

from asgnet.apply.inference.postprocess import postprocess
from asgnet.errors import UsageError
from asgnet.types import Prediction


def one(probability, presence: float = 0.9) -> Prediction:
    probability = np.array([probability], np.float32)
    return Prediction(probability > 0.5, probability, presence, np.zeros(probability.shape, np.int32))


def two(a, b, presences=(0.9, 0.9)) -> Prediction:
    by_class = {"a": one(a, presences[0]), "b": one(b, presences[1])}
    stacked = np.stack([p.probability for p in by_class.values()])
    best = stacked.max(0)
    mask = np.where(best > 0.5, stacked.argmax(0) + 1, 0).astype(np.int32)
    return Prediction(mask, best, max(presences), np.zeros(mask.shape, np.int32), ("a", "b"), by_class)


def test_without_wishes_nothing_changes():
    prediction = one([0.2, 0.6])
    assert (postprocess(prediction).mask == prediction.mask).all()
    several = two([0.2, 0.6, 0.9], [0.4, 0.8, 0.1])
    assert (postprocess(several).mask == several.mask).all()


@pytest.mark.parametrize(("threshold", "expected"), [(0, [0, 1, 1]), (0.55, [0, 0, 1]), (1, [0, 0, 0])])
def test_the_threshold_cuts_the_probability(threshold, expected):
    assert postprocess(one([0, 0.5, 0.9]), threshold).mask.tolist() == [expected]


def test_an_absent_object_is_emptied_on_demand_only():
    prediction = one([0.9, 0.2], presence=0.3)
    assert postprocess(prediction, absent="mark").mask.any()
    assert not postprocess(prediction, absent="empty").mask.any()
    assert postprocess(one([0.9, 0.2], presence=0.7), absent="empty").mask.any()


def test_an_absent_class_leaves_its_pixels_to_the_others():
    prediction = two([0.9, 0.9], [0.2, 0.8], presences=(0.1, 0.9))
    assert prediction.mask.tolist() == [[1, 1]]
    assert postprocess(prediction, absent="empty").mask.tolist() == [[0, 2]]


def test_among_several_classes_the_likeliest_above_the_threshold_wins():
    assert postprocess(two([0.3, 0.9], [0.4, 0.1]), 0.2).mask.tolist() == [[2, 1]]
    assert postprocess(two([0.3, 0.9], [0.4, 0.1]), 0.95).mask.tolist() == [[0, 0]]


def test_the_mask_keeps_its_type():
    assert postprocess(one([0.9]), 0.3).mask.dtype == bool
    assert postprocess(two([0.9], [0.1]), 0.3).mask.dtype == np.int32


@pytest.mark.parametrize("wrong", [{"threshold": 1.5}, {"threshold": -0.1}, {"absent": "hide"}])
def test_impossible_wishes_are_usage_errors(wrong):
    with pytest.raises(UsageError):
        postprocess(one([0.5]), **wrong)
