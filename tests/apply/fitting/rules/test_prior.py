"""What is believed before anything is measured."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from asgnet.apply.fitting.rules.prior import FINE, Prior, sigmoid

ALIKE, APART = torch.ones(2, 1), torch.eye(2)


def test_kinship_is_one_half_at_the_cosine_where_kinds_count_as_half_alike():
    prior = Prior()
    near = torch.tensor([[1.0, 0.0], [prior.alike, (1 - prior.alike**2) ** 0.5]])
    assert prior.kinship(near) == pytest.approx(0.5, abs=1e-4)
    assert prior.kinship(ALIKE) > 0.9
    assert prior.kinship(APART) < 0.01


def test_fine_is_what_pixels_tell_of_things_like_their_surroundings():
    prior = Prior()
    assert prior.fine(FINE, 0.6)
    assert not prior.fine(FINE - 0.1, 0.9)  # the decoder tells more
    assert not prior.fine(0.75, 0.5)  # clothes, of which pixels tell much, too


def test_the_readout_is_not_shy():
    assert (Prior().shifted(0), Prior().shifted(1)) == (Prior().shift, 0)


@given(st.floats(-1e300, 1e300))
def test_sigmoid_of_any_number(x):
    assert 0 < sigmoid(x) < 1
    assert sigmoid(x) + sigmoid(-x) == pytest.approx(1)
