"""What is believed before anything is measured."""

import math

import pytest
import torch

from asgnet.apply.fitting.rules.prior import asked_of_presence, kinship, shifted
from asgnet.model.default.calibration import Calibration

ALIKE, APART = torch.ones(2, 1), torch.eye(2)
NUMBERS = Calibration()


def test_kinship_is_one_half_at_the_cosine_where_kinds_count_as_half_alike():
    half = NUMBERS.similar_surroundings
    near = torch.tensor([[1.0, 0.0], [half, (1 - half**2) ** 0.5]])
    assert kinship(near, NUMBERS) == pytest.approx(0.5, abs=1e-4)
    assert kinship(ALIKE, NUMBERS) > 0.9
    assert kinship(APART, NUMBERS) < 0.01


def test_the_readout_is_not_shy():
    assert (shifted(0, NUMBERS), shifted(1, NUMBERS)) == (NUMBERS.logit_shift, 0)


def test_of_more_supports_more_is_asked_until_they_count_fully():
    one, two, many = (asked_of_presence(shots, NUMBERS) for shots in (1, 2, 50))
    assert one == pytest.approx(0.2 * 3.8 - 2)
    assert two == pytest.approx(0.4 * (3.8 + 0.7 * math.log(2)) - 2)
    assert many == pytest.approx(3.8 + 0.7 * math.log(50) - 2)
