"""The soft loss on paper-sized examples."""

import math

import pytest
import torch

from asgnet.model.steps import Outputs
from asgnet.study.training.losses import presence_loss, soft_episode_loss, soft_target


def logits(odds):
    """``b 2 h w`` from ``b h w`` log odds, around an arbitrary background logit."""
    return torch.stack([torch.full_like(odds, 0.7), odds + 0.7], 1)


def test_shares_and_valid_parts():
    target = torch.tensor([[[1, 0, 1, 255], [0, 0, 1, 1], [255, 255, 1, 1], [0, 0, 1, 1]]])
    share, valid = soft_target(target, 2)
    assert share.flatten().tolist() == pytest.approx([0.25, 1.0, 0.0, 1.0])
    assert valid.flatten().tolist() == [1.0, 0.75, 0.5, 1.0]


def test_by_hand():
    """Two cells: one object at even odds, one ignored; entropy ln 2, Dice 1 − (2·½+1)/(½+1+1)."""
    target = torch.tensor([[[1, 255]]])
    target = target.repeat_interleave(2, 1)  # 1 2 2
    odds = torch.zeros(1, 2, 2)
    found = soft_episode_loss(Outputs(logits(odds)), target, grid=2, dice=0.0)
    assert found.item() == pytest.approx(math.log(2))
    # two valid cells: found ½+½, there 2, both 1
    with_dice = soft_episode_loss(Outputs(logits(odds)), target, grid=2, dice=0.5)
    assert with_dice.item() == pytest.approx(math.log(2) + 0.5 * (1 - (2 * 1 + 1) / (1 + 2 + 1)))


def test_ignored_pixels_do_not_count():
    target = torch.tensor([[[1, 0], [255, 255]]])
    odds = torch.tensor([[[3.0, -2.0], [0.0, 0.0]]], requires_grad=True)
    wild = torch.tensor([[[3.0, -2.0], [50.0, -50.0]]])
    one = soft_episode_loss(Outputs(logits(odds)), target, 2)
    assert one.item() == pytest.approx(soft_episode_loss(Outputs(logits(wild)), target, 2).item())
    one.backward()
    assert odds.grad[0, 1].tolist() == [0, 0]
    nothing = torch.full((1, 2, 2), 255)
    assert soft_episode_loss(Outputs(logits(wild)), nothing, 2).item() == 0


def test_episodes_weigh_the_same_and_auxiliaries_are_averaged_in():
    target = torch.randint(0, 2, (3, 8, 8))
    odds = [torch.randn(3, 8, 8), torch.randn(3, 4, 4), torch.randn(3, 4, 4)]
    each = [soft_episode_loss(Outputs(logits(odds[0][i : i + 1])), target[i : i + 1], 8) for i in range(3)]
    whole = soft_episode_loss(Outputs(logits(odds[0])), target, 8)
    assert whole.item() == pytest.approx(torch.stack(each).mean().item())
    aux = [soft_episode_loss(Outputs(logits(o)), target, 8) for o in odds[1:]]
    both = Outputs(logits(odds[0]), tuple(logits(o) for o in odds[1:]))
    expected = (whole + 0.5 * (aux[0] + aux[1]) / 2) / 1.5
    assert soft_episode_loss(both, target, 8, auxiliary=0.5).item() == pytest.approx(expected.item())
    assert soft_episode_loss(both, target, 8, auxiliary=0.0).item() == pytest.approx(whole.item())


def test_presence():
    target = torch.tensor([[[0, 1]], [[0, 255]]])
    sure = presence_loss(torch.tensor([20.0, -20.0]), target)
    assert sure.item() == pytest.approx(0, abs=1e-6)
    assert presence_loss(torch.zeros(2), target).item() == pytest.approx(math.log(2))
    assert presence_loss(torch.tensor([-20.0, 20.0]), target).item() == pytest.approx(20)


def test_an_absent_object_weighs_what_it_is_told_to():
    """Two episodes, one without any object: its share of the loss is scaled, the other's is not."""
    target = torch.zeros(2, 4, 4, dtype=torch.uint8)
    target[0, :2] = 1
    logits = torch.randn(2, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    each = [soft_episode_loss(Outputs(logits[i : i + 1]), target[i : i + 1], grid=4) for i in (0, 1)]
    found = soft_episode_loss(Outputs(logits), target, grid=4, absent=0.25)
    torch.testing.assert_close(found, (each[0] + 0.25 * each[1]) / 2)
