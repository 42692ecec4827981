"""Winograd's convolutions against torch's own."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from asgnet.model.paper import winograd
from asgnet.model.paper.winograd import Winograd, suits


def test_a_window_of_ones_counts_its_pixels():
    convolution = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    nn.init.ones_(convolution.weight)
    found = Winograd(convolution)(torch.ones(1, 1, 3, 5))
    expected = torch.tensor([[4.0, 6, 6, 6, 4], [6, 9, 9, 9, 6], [4, 6, 6, 6, 4]])
    torch.testing.assert_close(found[0, 0], expected, atol=1e-5, rtol=0)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 3), st.integers(1, 19), st.integers(1, 19), st.sampled_from([1, 2, 3]), st.booleans(),
    st.sampled_from([1, 1 << 14, 1 << 21]),
)  # fmt: skip
def test_equals_the_convolution(batch, height, width, dilation, bias, chunk):
    torch.manual_seed(height * 20 + width)
    convolution = nn.Conv2d(5, 7, 3, padding=dilation, dilation=dilation, bias=bias)
    x = torch.randn(batch, 5, height, width)
    with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
        patch.setattr(winograd, "CHUNK_BYTES", chunk)
        torch.testing.assert_close(Winograd(convolution)(x), convolution(x), atol=1e-5, rtol=1e-5)


def test_many_channels_keep_their_digits():
    convolution = nn.Conv2d(256, 64, 3, padding=1)
    x = torch.randn(1, 256, 20, 20)
    with torch.inference_mode():
        expected = convolution.double()(x.double())
        found = Winograd(convolution.float())(x)
    assert (found - expected).abs().max() < 3e-5 * expected.abs().max()


@pytest.mark.parametrize(
    ("convolution", "fits"),
    [
        (nn.Conv2d(64, 128, 3, padding=1), True),
        (nn.Conv2d(128, 128, 3, padding=2, dilation=2), True),
        (nn.Conv2d(128, 128, 3, padding=6, dilation=6), False),
        (nn.Conv2d(64, 64, 3, padding=1), False),
        (nn.Conv2d(128, 128, 3), False),
        (nn.Conv2d(128, 128, 3, padding=1, stride=2), False),
        (nn.Conv2d(128, 128, 3, padding=1, groups=128), False),
        (nn.Conv2d(128, 128, 1), False),
        (nn.Conv2d(32, 128, 3, padding=1), False),
        (nn.Conv2d(128, 128, 3, padding=1, padding_mode="reflect"), False),
        (nn.Linear(64, 64), False),
    ],
)
def test_what_suits(convolution, fits):
    assert suits(convolution) is fits
