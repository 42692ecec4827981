"""An adaptation calibrates, and comes back from a concept's arrays."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asgnet.apply.concept.adaptation import Adaptation, is_thin, sigmoid
from asgnet.model.default.calibration import Calibration

NUMBERS = Calibration()

numbers = st.floats(-50, 50, width=32)


@settings(max_examples=50, deadline=None)
@given(numbers, st.lists(numbers, min_size=2, max_size=20))
def test_calibrated_probabilities_keep_the_order(shift, logits):
    one = Adaptation(0.5, 0.5, np.zeros(2, np.float32), 0.0, shift)
    ordered = np.sort(np.array(logits, np.float32))
    probability = one.calibrated(ordered, 2.0)
    assert probability.dtype == np.float32
    assert (np.diff(probability) >= 0).all()
    assert ((probability >= 0) & (probability <= 1)).all()
    presence = [one.presence(float(logit)) for logit in ordered]
    assert (np.diff(presence) >= 0).all()
    assert 0 <= min(presence) <= max(presence) <= 1


def test_by_default_the_threshold_stays_and_background_is_surer():
    one = Adaptation(0.5, 0.5, np.zeros(2, np.float32), 0.0)
    logits = np.array([-2.0, 0.0, 3.0], np.float32)
    expected = 1 / (1 + np.exp(-np.array([-2.0 * 2.0, 0.0, 3.0])))
    np.testing.assert_allclose(one.calibrated(logits, 2.0), expected, atol=1e-6)
    assert one.presence(0.0) == 0.5
    assert replace(one, presence_bias=4.0).presence(4.0) == 0.5
    assert np.isfinite(one.calibrated(np.array([-1e30, 1e30], np.float32), 2.0)).all()


def test_as_arrays_and_back():
    few = [
        Adaptation(0.25, 0.5, np.arange(3, dtype=np.float32), -1.5, 0.5),
        Adaptation(0.0, 1.0, np.ones(3, np.float32), 0.0),
    ]
    arrays = Adaptation.to_arrays(few)
    assert all(array.dtype == np.float32 and len(array) == 2 for array in arrays.values())
    for found, expected in zip(Adaptation.from_arrays(arrays), few, strict=True):
        for name in Adaptation.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
            assert isinstance(getattr(found, name), type(getattr(expected, name)))
    del arrays["adapted_trust"]
    with pytest.raises(KeyError, match="adapted_trust"):
        Adaptation.from_arrays(arrays)


def test_thin_is_what_pixels_tell_of_objects_like_their_surroundings():
    assert is_thin(NUMBERS.thin_fusion_weight, NUMBERS.similar_surroundings + 0.01, NUMBERS)
    assert not is_thin(NUMBERS.thin_fusion_weight - 0.1, 1.0, NUMBERS)  # the decoder tells more
    assert not is_thin(0.75, NUMBERS.similar_surroundings, NUMBERS)  # clothes, of which pixels tell much, too


@given(st.floats(-1e300, 1e300))
def test_sigmoid_of_any_number(x):
    assert 0 < sigmoid(x) < 1
    assert sigmoid(x) + sigmoid(-x) == pytest.approx(1)
