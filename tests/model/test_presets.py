"""Every preset is made, and keeps the promise of the four steps."""

import pytest
import torch

from asgnet.errors import UsageError
from asgnet.model import ASGNet
from asgnet.model.presets import PRESETS


@pytest.fixture(scope="module", params=sorted(PRESETS))
def net(request):
    torch.manual_seed(0)
    return ASGNet.from_preset(request.param).eval()


@torch.inference_mode()
def test_the_forward_is_encode_learn_allocate_decode(net):
    """One batch of two episodes of three shots; the steps as their protocol names them."""
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(2, 3, 96, 64, generator=generator)
    images = torch.randn(2, 3, 3, 64, 96, generator=generator)
    masks = torch.zeros(2, 3, 64, 96, dtype=torch.uint8)
    masks[:, :, 8:40, 20:70], masks[:, 1, :4] = 1, 255
    learnt = net.learn(net.encode(images.flatten(0, 1)), masks)
    queries = net.encode(query)
    allocation = net.allocate(queries, learnt)
    outputs = net.decode(queries, allocation, (96, 64))
    assert outputs.logits.shape == (2, 2, 96, 64)
    assert allocation.guide_map.shape[0] == 2
    assert outputs.logits.std() > 1e-4
    torch.testing.assert_close(outputs.logits, net(query, images, masks), atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_any_size_is_segmented(net):
    masks = torch.zeros(1, 1, 73, 97)
    masks[..., 5:40, 9:50] = 1
    logits = net(torch.randn(1, 3, 73, 97), torch.randn(1, 1, 3, 73, 97), masks)
    assert logits.shape == (1, 2, 73, 97)
    assert torch.isfinite(logits).all()


def test_what_a_preset_is():
    assert type(ASGNet.from_preset("light")) is ASGNet
    assert ASGNet.from_preset("paper-r50", inner=False).config.inner is False
    assert not isinstance(ASGNet.from_preset("default", inner=False), ASGNet)  # it keeps other promises


def test_an_unknown_preset_names_the_known():
    with pytest.raises(
        UsageError, match=r"default, light, paper-r101, paper-r50, paper-r50-aspp.*mean 'paper-r50'"
    ):
        ASGNet.from_preset("paper-r5o")
