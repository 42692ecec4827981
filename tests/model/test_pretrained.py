"""Trained weights from the package, a folder or the Hub; and the fingerprint that tells them apart."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from asgnet.errors import WeightsError
from asgnet.model import ASGNet, checkpoint
from asgnet.model.checkpoint import fingerprint, load_weights, pretrained, save_weights
from asgnet.model.default.network import DefaultNet
from asgnet.model.paper.config import Config

SMALL = Config(backbone="mobilenetv3_small_050", levels=(1, 2), channels=16, hidden=8)

FIRST = "e090879c568c583ecbcabf25386ede2845d30ade4527d46ed90ffe621a926144"
"""Of the weights that the first version brought."""


@pytest.fixture
def offline(monkeypatch):
    """Whoever asks the network is told so."""

    def refuse(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.setattr("socket.socket.connect", refuse)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small network and its folder."""
    net = ASGNet.from_config(SMALL).eval()
    return net, save_weights(net, tmp_path_factory.mktemp("small"))


def test_the_bundled_weights_need_no_network(offline):
    net = pretrained()
    assert isinstance(net, DefaultNet)
    assert not net.training
    assert all(torch.isfinite(t).all() for t in net.state_dict().values())
    untrained = ASGNet.from_preset("default")
    assert net.config == untrained.config
    assert not torch.equal(net.decoder.out.weight, untrained.decoder.out.weight)
    assert fingerprint(net) == fingerprint(pretrained())


def test_concepts_of_the_first_version_keep_their_network(tmp_path):
    """Its configuration, as it was written then, beside the same weights; and its fingerprint."""
    bundled = Path(checkpoint.__file__).with_name("bundled")
    shutil.copy(bundled / "model.safetensors", tmp_path)
    first = {
        "backbone": "lite0", "levels": [1, 2, 3, 4, 5, 6], "channels": 16, "length": 0.0, "region": "area",
        "border": True, "rounding": "floor", "area": 16, "most": 5, "reduce": "max", "decoder": "weigh",
        "hidden": 32, "inner": True,
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(first))
    assert {fingerprint(net) for net in (pretrained(), pretrained(tmp_path))} == {FIRST}
    net = pretrained()
    net.config = replace(net.config, most=3)
    assert fingerprint(net) != FIRST


def test_a_folder_of_one_s_own(small, offline, monkeypatch):
    net, folder = small
    for source in (folder, str(folder), folder / "model.safetensors"):
        assert fingerprint(pretrained(source)) == fingerprint(net)
    monkeypatch.chdir(folder.parent)
    assert fingerprint(pretrained(folder.name)) == fingerprint(net)


@pytest.mark.parametrize("source", ["", "nowhere", "/a/b/c", "a/b/c", "a b/c", "https://example.org/a/b"])
def test_what_is_neither_folder_nor_repository(source, offline):
    with pytest.raises(WeightsError, match=r"There are no weights at .*asgnet train"):
        pretrained(source)


def test_a_place_without_weights_is_named(tmp_path):
    text = tmp_path / "text.jpg"
    text.write_text("Lorem ipsum")
    for source in (tmp_path, text):
        with pytest.raises(WeightsError, match=rf"{source.name}.*no config\.json.*asgnet train"):
            pretrained(source)


def test_the_hub_is_asked_for_weights_only(small, monkeypatch):
    asked = []

    def download(name, allow_patterns):
        asked.append((name, sorted(allow_patterns)))
        return str(small[1])

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert fingerprint(pretrained("someone/some.net-1")) == fingerprint(small[0])
    graphs = ["decode.onnx", "encode.onnx", "graphs.json"]
    files = ["config.json", *graphs, "model.safetensors", "statistics.onnx"]
    assert asked == [("someone/some.net-1", files)]


def test_a_hub_that_does_not_answer_is_one_sentence(monkeypatch, tmp_path):
    def fail(*_, **__):
        raise ConnectionError("No route to host\nand much more")

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(
        WeightsError, match=r"someone/net is neither a folder here.*No route to host"
    ) as refused:
        pretrained("someone/net")
    assert "\n" not in str(refused.value)
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: str(tmp_path))
    with pytest.raises(WeightsError, match=r"cannot be read as weights: no config\.json"):
        pretrained("someone/net")


def test_the_fingerprint_knows_every_weight_and_setting(small):
    net = load_weights(small[1])
    seen = {fingerprint(net)}
    net.config = replace(SMALL, area=99)
    seen.add(fingerprint(net))
    net.config = SMALL
    for tensor in net.state_dict().values():
        flat = tensor.view(-1)
        before = flat[-1].clone()
        flat[-1] += 1
        seen.add(fingerprint(net))
        flat[-1] = before
    assert len(seen) == 2 + len(net.state_dict())
    assert fingerprint(net) in seen
    assert fingerprint(net) == fingerprint(small[0])
    assert all(len(print_) == 64 for print_ in seen)


def test_the_fingerprint_does_not_depend_on_memory_layout(small):
    net = load_weights(small[1])
    net.to(memory_format=torch.channels_last)
    assert fingerprint(net) == fingerprint(small[0])


@pytest.mark.parametrize("source", [5, 1.5, ["runs"]])
def test_what_names_no_weights_is_refused(source):
    with pytest.raises(WeightsError, match="named by their folder or repository"):
        pretrained(source)
