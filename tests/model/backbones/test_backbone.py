"""The backbone: it sees what it should, at the levels asked for, and never changes."""

import subprocess
import sys

import pytest
import skimage.data
import timm
import torch
import torch.nn.functional as F

from asgnet.errors import UsageError, WeightsError
from asgnet.model.backbones.backbone import Backbone, lite0, published_resnet
from asgnet.model.backbones.lite0 import installed
from asgnet.model.default.imagenet import lite0_head


@pytest.mark.parametrize(
    ("photograph", "classes"), [("chelsea", range(281, 286)), ("coffee", (504, 967, 968))]
)
def test_lite0_knows_a_cat_and_a_cup(photograph, classes):
    """Every tensor of the package is in place, those of the classifier too."""
    picture = torch.from_numpy(getattr(skimage.data, photograph)()).permute(2, 0, 1)[None].float()
    net = lite0(indices=(6,))
    (x,) = net(net.normalise(F.interpolate(picture, (224, 224), mode="bilinear", antialias=True)))
    assert int(lite0_head(installed())(x, torch.ones(1, 1, 7, 7)).argmax()) in classes


def test_lite0_levels_by_block():
    net = lite0(indices=(1, 2, 3, 4, 5, 6))
    assert net.channels == [24, 40, 80, 112, 192, 320]
    assert net.strides == [4, 8, 16, 16, 32, 32]
    maps = net(torch.zeros(1, 3, 96, 130))
    assert [tuple(m.shape[1:]) for m in maps][2:4] == [(80, 6, 9), (112, 6, 9)]
    swapped = lite0(indices=(4, 2))(torch.ones(1, 3, 64, 64))
    assert [m.shape[1] for m in swapped] == [112, 40]


def test_blocks_equal_timms_own_stages():
    images = torch.randn(1, 3, 65, 97)
    net = Backbone("tf_efficientnet_lite0")
    whole = timm.create_model("tf_efficientnet_lite0", features_only=True, out_indices=(1, 2, 3, 4)).eval()
    whole.load_state_dict(net.net.state_dict(), strict=False)
    for ours, theirs in zip(net(images), whole(images), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("size", [(64, 64), (65, 97), (33, 34), (70, 71)])
def test_lite0_is_timms_network_tensor_by_tensor(size):
    net = lite0(indices=(0, 1, 2, 3, 4, 5, 6))
    theirs = timm.create_model(
        "tf_efficientnet_lite0", features_only=True, out_indices=(0, 1, 2, 3, 4)
    ).eval()
    theirs.load_state_dict(net.net.state_dict())  # the same names, none missing
    images = torch.randn(2, 3, *size)
    for index, expected in zip((0, 1, 2, 4, 6), theirs(images), strict=True):
        torch.testing.assert_close(net(images)[index], expected)


def test_what_lies_deeper_is_dropped():
    assert len(lite0(indices=(2,)).net.blocks) == 3
    shallow, deep = (sum(p.numel() for p in Backbone("resnet18", s).parameters()) for s in ([8], [32]))
    assert shallow < deep / 10


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv3_small_050", "convnext_atto"])
def test_cnn_levels_by_stride(name):
    net = Backbone(name)
    assert net.strides == [4, 8, 16, 32]
    maps = net(torch.zeros(2, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [
        (2, c, 64 // s, 96 // s) for c, s in zip(net.channels, net.strides, strict=True)
    ]
    (only,) = Backbone(name, strides=[16])(torch.zeros(1, 3, 64, 96))
    assert only.shape[-2:] == (4, 6)


@pytest.mark.parametrize(("name", "patch"), [("vit_tiny_patch16_224", 16), ("test_vit", 16)])
def test_vit_takes_any_size(name, patch):
    net = Backbone(name)
    assert (net.strides, net.multiple) == ([patch], patch)
    images = torch.randn(1, 3, 100, 130)
    (found,) = net(images)
    assert found.shape[-2:] == (6, 8)
    whole = F.interpolate(images, (96, 128), mode="bilinear", antialias=True)
    torch.testing.assert_close(net(whole)[0], found)
    assert len(Backbone(name, indices=(0, 2))(images)) == 2


@pytest.mark.parametrize("name", ["swin_tiny_patch4_window7_224", "hrnet_w18_small"])
def test_networks_that_need_a_multiple_get_it(name):
    net = Backbone(name)
    assert net.multiple == 32
    assert [tuple(m.shape[-2:]) for m in net(torch.zeros(1, 3, 70, 100))] == [
        (16, 24),
        (8, 12),
        (4, 6),
        (2, 3),
    ]


def test_published_resnet_is_dilated_throughout_stage_three():
    net = published_resnet(50)
    assert [block.conv2.dilation for block in net.net.layer3] == [(2, 2)] * 6
    assert [block.conv2.dilation for block in net.net.layer2] == [(1, 1)] * 4
    maps = net(torch.zeros(1, 3, 97, 73))
    assert [tuple(m.shape[1:]) for m in maps] == [(256, 25, 19), (512, 13, 10), (1024, 13, 10)]
    assert not any(name.startswith("net.layer4") for name in net.state_dict())


def test_frozen_and_always_in_eval_mode():
    net = Backbone("resnet18", strides=[8]).train()
    before = {name: t.clone() for name, t in net.state_dict().items()}
    (found,) = net(torch.randn(4, 3, 64, 64))
    assert not found.requires_grad
    assert not any(module.training for module in net.modules())
    assert all(torch.equal(before[name], t) for name, t in net.state_dict().items())


def test_normalise():
    pictures = torch.tensor([0, 127, 255], dtype=torch.uint8).view(1, 1, 1, 3).expand(1, 3, 1, 3)
    torch.testing.assert_close(lite0((1,)).normalise(pictures)[0, 0, 0], torch.tensor([-127 / 128, 0.0, 1.0]))
    net = Backbone("resnet18", strides=[4])
    torch.testing.assert_close(
        net.normalise(torch.full((3, 1, 1), 255.0))[0, 0, 0], torch.tensor(0.515 / 0.229)
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"net": "resnet5"}, "resnet50"),
        ({"net": "resnet18", "strides": [3]}, r"strides \[2, 4, 8, 16, 32\]"),
        ({"net": "resnet18", "indices": [9]}, "0 to 4"),
        ({"net": "resnet18", "indices": []}, "0 to 4"),
        ({"net": "resnet18", "indices": [1], "strides": [4]}, "not both"),
        ({"net": "mixer_s32_224"}, "no dense features"),
    ],
)
def test_a_level_or_network_that_is_not_there(arguments, says):
    with pytest.raises(UsageError, match=says):
        Backbone(**arguments)


def test_pretrained_weights_without_a_network(monkeypatch):
    def unreachable(*_, **__):
        raise OSError("Name or service not known\nRetrying")

    monkeypatch.setattr(timm, "create_model", unreachable)
    with pytest.raises(WeightsError, match=r"resnet18.*Name or service not known\)"):
        Backbone("resnet18", pretrained=True)


def test_the_default_needs_no_timm_to_start():
    """Importing it takes longer than all the rest of starting."""
    program = (
        "import sys; from asgnet import Segmenter; Segmenter.from_pretrained(engine='torch');"
        "print([name for name in ('timm', 'torchvision', 'torch._dynamo') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "[]\n"
