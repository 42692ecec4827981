"""The published recipe, its faults by name: ten steps on a CPU in bf16, interrupted and resumed."""

import json
from types import SimpleNamespace

import pytest
import torch

from asgnet.errors import UsageError
from asgnet.model.paper.asgnet import ASGNet
from asgnet.study.recipe import load_recipe
from asgnet.study.sampling.material import cut_folds, prepare
from asgnet.study.training import train as story
from asgnet.study.training.start import make_net
from asgnet.study.training.trainee import Trainee

SMALL = {
    "side": 65, "batch": 2, "epochs": 0.0, "steps": 10, "every": 10, "save_every": 2, "log_every": 1, "validation": 4,
    "class_pixels": 50, "precision": "bf16", "rate": 1e-3,
}  # fmt: skip


@pytest.fixture(scope="module")
def recipe():
    return load_recipe("asgnet-code-pascal", SMALL)


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A deep-stem ResNet-50 alone, under the names of PSPNet's files."""
    file = tmp_path_factory.mktemp("bare") / "resnet50_v2.pth"
    torch.manual_seed(0)
    net = ASGNet.from_preset("paper-r50", inner=False).backbone.net
    theirs = {
        "conv1.0": "conv1",
        "conv1.1": "bn1",
        "conv1.3": "conv2",
        "conv1.4": "bn2",
        "conv1.6": "conv3",
        "bn1": "bn3",
    }
    renamed = {}
    for name, tensor in net.state_dict().items():
        head = next((ours for ours in theirs if name.startswith(f"{ours}.")), None)
        renamed[name if head is None else theirs[head] + name.removeprefix(head)] = tensor
    torch.save(renamed | {"fc.weight": torch.zeros(2, 2), "layer4.0.conv1.weight": torch.zeros(1)}, file)
    return file, net.state_dict()


def test_a_bare_resnet_fills_the_backbone(recipe, bare):
    file, tensors = bare
    found = make_net(recipe, str(file), seed=5).backbone.net.state_dict()
    assert all(torch.equal(found[name], t) for name, t in tensors.items())


def test_kaiming_starts_the_refinement_of_aspp_alone(bare):
    changes = {"network": "paper-r50-aspp", "decoder_start": "torch"}
    one, other = (
        make_net(load_recipe("asgnet-code-pascal", changes | more), str(bare[0])).decoder
        for more in ({}, {"decoder_start": "kaiming"})
    )
    assert torch.equal(one.merge.weight, other.merge.weight)
    for layer in ("low", "join"):
        before, after = (getattr(decoder, layer)[0].weight for decoder in (one, other))
        fan_in = after[0].numel()
        assert after.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.05)
        assert after.std() > 2 * before.std()


def test_ten_steps_interrupted_and_resumed_are_ten_steps(boxes, recipe, bare, tmp_path, monkeypatch):
    folds = cut_folds([boxes], "2-fold", 0)

    def run(out):
        net = make_net(recipe, str(bare[0]))
        story.train([boxes], folds, recipe, tmp_path / out, net=net, workers=0, resume=True)
        return net, [
            json.loads(line)["loss"] for line in (tmp_path / out / "metrics.jsonl").open() if "loss" in line
        ]

    drifted, losses = run("unbroken")
    assert len(losses) == 10
    real = story.rate_factor

    def dies(step, *rest):
        if step == 6:
            raise KeyboardInterrupt
        return real(step, *rest)

    monkeypatch.setattr(story, "rate_factor", dies)
    with pytest.raises(KeyboardInterrupt):
        run("broken")
    monkeypatch.setattr(story, "rate_factor", real)
    resumed, again = run("broken")
    assert again == losses
    name = "net.bn1.running_mean"
    assert not torch.equal(drifted.backbone.state_dict()[name], bare[1][name.removeprefix("net.")])
    assert torch.equal(drifted.backbone.state_dict()[name], resumed.backbone.state_dict()[name])


def test_only_drift_lets_batchnorm_train():
    net = ASGNet.from_preset("light")
    for drift in (True, False):
        trainee = Trainee(net, load_recipe("paper-pascal", {"drift": drift})).train()
        assert net.backbone.net.bn1.training == drift
        assert not trainee.net.backbone.training
        net.eval()
        assert not net.backbone.net.bn1.training


def test_nothing_is_held_out_and_weights_are_chosen_where_told(boxes, recipe):
    folds = cut_folds([boxes], "2-fold", 0)
    backbone = SimpleNamespace()  # nothing is cached
    all_in = prepare([boxes], folds, recipe, backbone)
    some = prepare([boxes], folds, load_recipe("asgnet-code-pascal", SMALL | {"held_out": 4}), backbone)
    assert len(all_in.train[0].pictures) == len(boxes.pictures) > len(some.train[0].pictures)
    assert {c for one in all_in.episodes[1] for c in one.classes} <= set(folds[0].base)
    on_test = prepare([boxes], folds, recipe, backbone, selection=[boxes])
    assert {c for one in on_test.episodes[1] for c in one.classes} == set(folds[0].test)


def test_the_last_published_step_has_no_rate(recipe):
    assert story.rate_factor(9, 10, recipe) == 0
    assert story.rate_factor(0, 10, recipe) == pytest.approx(0.9**0.9)


@pytest.mark.parametrize(
    ("changes", "said"), [({"held_out": 1}, "at least 2"), ({"cached": True}, "cached = false")]
)
def test_what_cannot_be_is_said(changes, said):
    with pytest.raises(UsageError, match=said):
        load_recipe("asgnet-code-pascal", changes)
