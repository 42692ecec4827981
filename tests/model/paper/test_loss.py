"""The loss of an episode."""

import math

import pytest
import torch
import torch.nn.functional as F

from asgnet.model.paper.loss import episode_loss
from asgnet.model.steps import Outputs


def test_loss_of_a_coin_toss_is_log_two_plus_its_auxiliary():
    even = torch.zeros(1, 2, 4, 4)
    target = torch.randint(0, 2, (1, 4, 4))
    assert float(episode_loss(even, target)) == pytest.approx(math.log(2))
    both = Outputs(even, (torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 1, 1)))
    assert float(episode_loss(both, target)) == pytest.approx(2 * math.log(2))
    assert float(episode_loss(both, target, weight=0.5)) == pytest.approx(1.5 * math.log(2))


def test_loss_skips_ignored_pixels():
    logits = torch.randn(2, 2, 6, 5)
    target = torch.randint(0, 2, (2, 6, 5))
    target[:, 3:] = 255
    torch.testing.assert_close(episode_loss(logits, target), F.cross_entropy(logits[:, :, :3], target[:, :3]))
    logits.requires_grad_()
    nothing = episode_loss(logits, torch.full((2, 6, 5), 255))
    nothing.backward()
    assert float(nothing.detach()) == 0
    assert (logits.grad == 0).all()
