"""Folded normalisations: the same function from fewer modules, and the network itself untouched."""

import copy
import pickle

import pytest
import torch
from torch import nn

from asgnet.model import ASGNet
from asgnet.model.for_inference import Blocked, ChannelwiseNorm, FoldedOnce, channelwise, fold_batchnorm


@pytest.fixture(scope="module")
def unusual():
    """A light network whose normalisations are far from doing nothing."""
    torch.manual_seed(0)
    net = ASGNet.from_preset("light").eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
    return net


@pytest.mark.parametrize("side", [64, 97])
def test_the_function_is_the_same(unusual, side):
    quick = fold_batchnorm(unusual, unusual.backbone, torch.zeros(1, 3, 64, 64))
    images = torch.randn(2, 3, side, side)
    with torch.inference_mode():
        for one, other in zip(quick.backbone(images), unusual.backbone(images), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_no_normalisation_is_left_and_the_network_keeps_its_own(unusual):
    before = {name: tensor.clone() for name, tensor in unusual.state_dict().items()}
    quick = fold_batchnorm(unusual, unusual.backbone, torch.zeros(1, 3, 64, 64))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in quick.backbone.modules())
    after = unusual.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_a_normalisation_that_follows_no_convolution_stays():
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.BatchNorm2d(4)).eval()
    images = torch.randn(1, 3, 5, 5)
    quick = fold_batchnorm(net, net, images)
    assert isinstance(quick[2], nn.BatchNorm2d)
    torch.testing.assert_close(quick(images), net(images))


def test_a_network_at_work_in_another_thread_is_not_listened_to():
    """Its own passes would be taken for the one that tells which normalisation follows which convolution."""
    net, listened = None, []

    class Watched(nn.Sequential):
        def forward(self, images):
            listened.append(any(module._forward_hooks for module in net.modules()))
            return super().forward(images)

    net = Watched(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).eval()
    assert isinstance(fold_batchnorm(net, net, torch.randn(1, 3, 5, 5))[1], nn.Sequential)
    assert listened == [False]


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_norms_by_channel_are_group_norms(groups):
    norm = nn.GroupNorm(groups, 6)
    nn.init.uniform_(norm.weight, 0.5, 2)
    nn.init.uniform_(norm.bias, -1, 1)
    maps = torch.randn(2, 6, 5, 7, generator=torch.Generator().manual_seed(0)) * 3 + 40  # far from zero
    torch.testing.assert_close(ChannelwiseNorm(norm)(maps), norm(maps), rtol=1e-4, atol=1e-4)


def test_every_group_norm_is_replaced_wherever_it_is():
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.GroupNorm(2, 4), nn.GELU()), nn.GroupNorm(4, 4))
    maps = torch.randn(1, 3, 6, 6)
    wanted = net(maps)
    changed = channelwise(net)
    assert not any(isinstance(module, nn.GroupNorm) for module in changed.modules())
    torch.testing.assert_close(changed(maps), wanted)


def small(*more):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(), *more).eval()
    net[1].running_var.uniform_(0.5, 2)
    return AsList(net)


class AsList(nn.Module):
    """One map, as a backbone gives its maps."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, images):
        return [self.net(images)]


@pytest.mark.parametrize(
    ("more", "dtype", "blocked"),
    [
        ((nn.MaxPool2d(2),), torch.float32, True),
        ((nn.Sigmoid(),), torch.float32, False),
        ((), torch.float64, False),
    ],
)
def test_the_fast_copy_gives_the_same_maps_in_the_layout_that_fits(more, dtype, blocked):
    net, images = small(*more).to(dtype), torch.randn(1, 3, 17, 20, dtype=dtype)
    quick = FoldedOnce()(net, images)
    assert isinstance(quick, Blocked) == (blocked and torch.backends.mkldnn.is_available())
    torch.testing.assert_close(quick(images)[0], net(images)[0])


def test_the_fast_copy_is_made_once_and_again_after_any_change():
    net, folded, images = small(), FoldedOnce(), torch.randn(1, 3, 9, 9)
    first = folded(net, images)
    assert folded(net, images) is first
    with torch.no_grad():
        net.net[1].running_mean += 1
    torch.testing.assert_close(folded(net, images)(images)[0], net(images)[0])
    net.load_state_dict({name: t + 0.5 for name, t in net.state_dict().items()})
    torch.testing.assert_close(folded(net, images)(images)[0], net(images)[0])
    net.double()
    torch.testing.assert_close(folded(net, images.double())(images.double())[0], net(images.double())[0])


def test_a_copy_made_in_inference_mode_serves_outside_it():
    net, folded, images = small(), FoldedOnce(), torch.randn(1, 3, 9, 9)
    with torch.inference_mode():
        folded(net, images)
    torch.testing.assert_close(folded(net, images)(images)[0], net(images)[0])


def test_without_normalisations_nothing_is_copied_and_copies_share_nothing():
    net, images = nn.Conv2d(3, 4, 1), torch.randn(1, 3, 5, 5)
    folded = FoldedOnce()
    assert folded(net, images) is net
    for other in (copy.deepcopy(folded), pickle.loads(pickle.dumps(folded))):
        assert other._made is None
