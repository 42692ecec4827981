"""Several classes share out the pixels."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from asgnet.apply.inference.prediction import merge_classes
from asgnet.types import Prediction


def of(probability, guide, presence=1.0, name="a") -> Prediction:
    probability = np.asarray(probability, np.float32)
    return Prediction(probability > 0.5, probability, presence, np.asarray(guide, np.int32), (name,))


def test_the_most_probable_class_above_one_half_has_the_pixel():
    one, two = (
        of([[0.9, 0.6, 0.5, 0.2]], [[1, 2, 3, 4]], 0.3),
        of([[0.1, 0.7, 0.5, 0.4]], [[5, 6, 7, 8]], 0.8),
    )
    found = merge_classes({"a": one, "b": two})
    np.testing.assert_array_equal(found.mask, [[1, 2, 0, 0]])
    np.testing.assert_array_equal(found.probability, np.float32([[0.9, 0.7, 0.5, 0.4]]))
    np.testing.assert_array_equal(found.guide, [[1, 6, 3, 8]])
    assert found.presence == 0.8
    assert found.classes == ("a", "b")
    assert found.by_class["b"] is two
    np.testing.assert_array_equal(one.probability, np.float32([[0.9, 0.6, 0.5, 0.2]]))


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(2, 5), st.integers(1, 6), st.integers(1, 6)),
        elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]),
    )
)
def test_it_is_the_argmax(probabilities):
    guides = np.arange(probabilities.size).reshape(probabilities.shape)
    every = {
        str(i): of(p, g, name=str(i)) for i, (p, g) in enumerate(zip(probabilities, guides, strict=True))
    }
    found = merge_classes(every)
    best = probabilities.max(0)
    np.testing.assert_array_equal(found.mask, np.where(best > 0.5, probabilities.argmax(0) + 1, 0))
    np.testing.assert_array_equal(found.probability, best)
    chosen = np.take_along_axis(guides, probabilities.argmax(0)[None], 0)[0]
    np.testing.assert_array_equal(found.guide, chosen)
