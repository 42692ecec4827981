"""What the server says of one picture's result."""

import numpy as np
import pytest

from asgnet.serving.store.results import record_of
from asgnet.types import Prediction


@pytest.mark.parametrize(
    ("presence", "found", "expected"),
    [
        pytest.param(0.4, 0, 0.8, id="perhaps there, and nothing found"),
        pytest.param(1.0, 1, 0.5, id="there, with unsure pixels"),
        pytest.param(0.625, 1, 0.75, id="perhaps there: less sure than its pixels"),
    ],
)
def test_a_result_is_as_uncertain_as_in_the_report(presence, found, expected):
    mask = np.full((4, 4), found, np.uint8)
    unsure = Prediction(mask, np.full((4, 4), 0.75, np.float32), presence, np.zeros((4, 4), np.int32))
    assert record_of(unsure)["uncertainty"] == pytest.approx(expected)
