"""Networks stripped for inference answer as before."""

import pytest
import torch
from torch import nn

from asgnet.model import ASGNet
from asgnet.model.checkpoint import load_published
from asgnet.model.paper.lean import lean
from asgnet.model.paper.winograd import Winograd


@pytest.fixture(scope="module")
def episode(inputs):
    return inputs.episode(2, 137)


@pytest.mark.parametrize("preset", ["paper-r50", "paper-r50-aspp"])
@torch.inference_mode()
def test_the_paper_s_networks_answer_the_same(fem_file, aspp_file, episode, preset):
    net = load_published(aspp_file if preset.endswith("aspp") else fem_file, preset)
    quick = lean(net)
    expected, found = net(*episode).softmax(1), quick(*episode).softmax(1)
    assert (found - expected).abs().max() < 1e-4
    assert not any(isinstance(module, nn.BatchNorm2d) for module in quick.backbone.modules())
    assert sum(isinstance(module, Winograd) for module in quick.modules()) > 10
    assert not quick(*episode, auxiliary=True).auxiliary
    assert len(net(*episode, auxiliary=True).auxiliary) > 0


@torch.inference_mode()
def test_the_recorded_logits(fem_file, inputs, reference):
    query, _, masks = inputs.episode(1)
    logits = lean(load_published(fem_file, "paper-r50"))(query, query[:, None], masks)
    torch.testing.assert_close(logits[0, :, ::8, ::8], reference["logits"], atol=1e-3, rtol=0)


def test_the_network_itself_stays_as_it_is():
    net = ASGNet.from_preset("light").train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    quick = lean(net, winograd=False)
    assert net.training
    assert not quick.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert all(p.requires_grad for p in net.decoder.parameters())
    assert not any(isinstance(module, Winograd) for module in quick.modules())


def test_compiling_waits_for_the_first_pictures_and_keeps_torch_s_convolutions():
    quick = lean(ASGNet.from_preset("paper-r50"), compiled=True)
    assert all(part._compiled_call_impl is not None for part in (quick.backbone, quick.decoder))
    assert not any(isinstance(module, Winograd) for module in quick.modules())
