"""Decoder and pixel head to one mask, three signs to one presence."""

import pytest
import torch

from asgnet.model.default.calibration import Calibration
from asgnet.model.default.fusion import fused_logits, presence_logit

NUMBERS = Calibration()
OWN, STRONGEST = NUMBERS.presence_per_shot, NUMBERS.presence_peak


def test_fusing_goes_from_one_head_to_the_other():
    generator = torch.Generator().manual_seed(0)
    decided, scores = torch.randn(3, 5, 5, generator=generator), torch.randn(3, 10, 10, generator=generator)
    none, half, all_ = (
        fused_logits(decided, scores, torch.tensor([s, 0.5, 1 - s]), 4.0) for s in (0.0, 0.5, 1.0)
    )
    assert none.shape == scores.shape
    larger = torch.nn.functional.interpolate(decided[None], (10, 10), mode="bilinear")[0]
    torch.testing.assert_close(none[0], larger[0])
    torch.testing.assert_close(half[0], (none[0] + all_[0]) / 2)
    torch.testing.assert_close(half[1], none[1])
    ratio = all_[0] / scores[0]
    assert (ratio > 0).all()
    torch.testing.assert_close(ratio, ratio[0, 0].expand(10, 10))
    torch.testing.assert_close(none[2], all_[0] / scores[0] * scores[2], atol=1e-4, rtol=1e-4)


def test_presence_adds_the_strongest_four_hundredth():
    """Of 1,600 cells of four pixels the four strongest count, each the mean of its pixels."""
    logits = torch.full((2, 80, 80), -5.0)
    logits[1, :4, :4] = 3.0  # four cells
    found = presence_logit(torch.tensor([1.0, -1.0]), logits, torch.zeros(2), torch.ones(2), NUMBERS)
    torch.testing.assert_close(found, OWN * torch.tensor([1 - 5 * STRONGEST, -1 + 3 * STRONGEST]))
    one = presence_logit(torch.zeros(1), torch.ones(1, 1, 1), torch.zeros(1), torch.ones(1), NUMBERS)
    assert one.item() == pytest.approx(OWN * STRONGEST)


def test_what_is_of_another_class_is_less_present():
    logits = torch.ones(3, 8, 8)
    cosines = torch.tensor([0.5, 0.0, -0.5])
    alike, other, opposed = presence_logit(torch.zeros(3), logits, cosines, torch.ones(3), NUMBERS).tolist()
    assert (
        alike - other
        == pytest.approx(0.5 * NUMBERS.presence_class_similarity)
        == pytest.approx(other - opposed)
    )


def test_with_more_supports_the_network_s_own_presence_counts_more():
    shots = torch.tensor([1.0, 2.0, 5.0, 50.0])
    found = presence_logit(torch.ones(4), torch.zeros(4, 8, 8), torch.zeros(4), shots, NUMBERS)
    torch.testing.assert_close(found, torch.tensor([OWN, 2 * OWN, 1.0, 1.0]))
