"""What is believed before anything is measured."""

import math

import pytest

from asgnet.apply.fitting.rules.prior import asked_of_presence, kinship, shifted
from asgnet.model.default.calibration import Calibration

NUMBERS = Calibration()


def test_kinship_is_one_half_at_the_cosine_where_kinds_count_as_half_alike():
    assert kinship(NUMBERS.similar_surroundings, NUMBERS) == pytest.approx(0.5)
    assert kinship(1, NUMBERS) > 0.9
    assert kinship(0, NUMBERS) < 0.01


def test_the_readout_is_not_shy():
    assert (shifted(0, NUMBERS), shifted(1, NUMBERS)) == (NUMBERS.logit_shift, 0)


def test_of_more_supports_more_is_asked_until_they_count_fully():
    one, two, many = (asked_of_presence(shots, NUMBERS) for shots in (1, 2, 50))
    assert one == pytest.approx(0.2 * 3.8 - 2)
    assert two == pytest.approx(0.4 * (3.8 + 0.7 * math.log(2)) - 2)
    assert many == pytest.approx(3.8 + 0.7 * math.log(50) - 2)
