"""What is believed before anything is measured."""

import pytest
import torch

from asgnet.apply.fitting.rules.prior import Prior

ALIKE, APART = torch.ones(2, 1), torch.eye(2)


def test_kinship_is_one_half_at_the_cosine_where_kinds_count_as_half_alike():
    prior = Prior()
    near = torch.tensor([[1.0, 0.0], [prior.alike, (1 - prior.alike**2) ** 0.5]])
    assert prior.kinship(near) == pytest.approx(0.5, abs=1e-4)
    assert prior.kinship(ALIKE) > 0.9
    assert prior.kinship(APART) < 0.01


def test_the_readout_is_not_shy():
    assert (Prior().shifted(0), Prior().shifted(1)) == (Prior().shift, 0)
