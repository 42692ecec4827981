"""A fresh head on a backbone with weights."""

import pytest
import torch
from safetensors.torch import save_file

from asgnet.errors import UsageError, WeightsError
from asgnet.model.backbones.backbone import Backbone, published_resnet
from asgnet.model.checkpoint import save_weights
from asgnet.study.recipe import load_recipe
from asgnet.study.training.start import make_net


@pytest.fixture(scope="module")
def resnet():
    """A ResNet-18 as timm would give it, classifier included."""
    import timm

    torch.manual_seed(3)
    return timm.create_model("resnet18", pretrained=False).state_dict()


LIGHT = load_recipe("default", {"network": "light", "backbone": "resnet18"})


def test_head_follows_from_the_seed():
    recipe = load_recipe("default")
    one, same, other = (make_net(recipe, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    differing = {name.split(".")[0] for name in one if not torch.equal(one[name], other[name])}
    assert differing == {"decoder", "presence", "projection"}


def test_backbone_from_a_file_of_timm(resnet, tmp_path):
    save_file({name: t.contiguous() for name, t in resnet.items()}, tmp_path / "resnet18.safetensors")
    net = make_net(LIGHT, str(tmp_path / "resnet18.safetensors"))
    assert net.config.backbone == "resnet18"
    assert torch.equal(net.backbone.net.conv1.weight, resnet["conv1.weight"])
    save_weights(net, tmp_path / "trained")
    again = make_net(LIGHT, str(tmp_path / "trained"), seed=9)
    assert torch.equal(again.backbone.net.conv1.weight, resnet["conv1.weight"])
    assert not torch.equal(again.projection[0].weight, net.projection[0].weight)


def test_the_published_resnet_takes_timms_names_and_keeps_its_dilation(tmp_path):
    resnet = published_resnet(50).net.state_dict()
    save_file({name: t.contiguous() for name, t in resnet.items()}, tmp_path / "r50.safetensors")
    fresh = make_net(load_recipe("paper-pascal"), str(tmp_path / "r50.safetensors"), seed=4)
    block = fresh.backbone.net.layer3[0].conv2
    assert torch.equal(block.weight, resnet["layer3.0.conv2.weight"])
    assert block.dilation == (2, 2)


def test_imagenet_is_asked_of_timm(monkeypatch):
    asked = []

    class Downloaded:
        def __init__(self, name, indices, pretrained):
            asked.append((name, pretrained))
            self.net = Backbone("resnet18", indices=indices).net

    monkeypatch.setattr("asgnet.study.training.start.Backbone", Downloaded)
    make_net(LIGHT, "imagenet")
    assert asked == [("resnet18", True)]


def test_a_published_checkpoint_gives_its_backbone_alone(monkeypatch, tmp_path):
    asked = []

    def load(path, preset):
        asked.append((path.name, preset))
        return make_net(LIGHT, str(tmp_path / "r18.safetensors"), seed=5)

    import timm

    torch.manual_seed(8)
    tensors = timm.create_model("resnet18", pretrained=False).state_dict()
    save_file({name: t.contiguous() for name, t in tensors.items()}, tmp_path / "r18.safetensors")
    monkeypatch.setattr("asgnet.study.training.start.load_published", load)
    torch.save({"state_dict": {"module.layer0.0.weight": torch.zeros(1)}}, tmp_path / "epoch.pth")
    net = make_net(LIGHT, str(tmp_path / "epoch.pth"), seed=6)
    assert asked == [("epoch.pth", "light")]
    assert torch.equal(net.backbone.net.conv1.weight, tensors["conv1.weight"])
    other = make_net(LIGHT, str(tmp_path / "r18.safetensors"), seed=5)
    assert not torch.equal(net.projection[0].weight, other.projection[0].weight)


def test_refuses(tmp_path, resnet):
    with pytest.raises(UsageError, match=r"'published-50' comes without weights; give --backbone-weights"):
        make_net(load_recipe("paper-pascal"))
    with pytest.raises(WeightsError, match="cannot be read"):
        make_net(LIGHT, str(tmp_path / "none.safetensors"))
    resnet = {name: t.contiguous() for name, t in resnet.items()}
    gone = resnet.pop("layer2.0.bn1.weight")
    save_file(resnet, tmp_path / "part.safetensors")
    with pytest.raises(WeightsError, match=r"'layer2\.0\.bn1\.weight' is missing from .*part"):
        make_net(LIGHT, str(tmp_path / "part.safetensors"))
    save_file({**resnet, "layer2.0.bn1.weight": gone[:5]}, tmp_path / "odd.safetensors")
    with pytest.raises(WeightsError, match=r"has the shape \(5,\)"):
        make_net(LIGHT, str(tmp_path / "odd.safetensors"))
