"""Weights: published checkpoints land where they belong; ours come back as they went; the rest is refused."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from asgnet.errors import UsageError, WeightsError
from asgnet.model import ASGNet
from asgnet.model.checkpoint import fingerprint, load_weights, save_weights
from asgnet.model.default.network import DefaultNet
from asgnet.model.paper.config import Config
from asgnet.model.published import load_published

SMALL = Config(backbone="mobilenetv3_small_050", levels=(1, 2), channels=16, hidden=8)


def write(state, folder):
    file = folder / "checkpoint.pth"
    torch.save({"state_dict": state}, file)
    return file


def test_every_published_tensor_is_used(fem_state, fem_file):
    net = load_published(fem_file)
    assert not net.training
    held = {tuple(t.flatten()[:3].tolist()) for t in net.state_dict().values() if t.dim()}
    used = {n: t for n, t in fem_state.items() if t.dim() and not n.startswith("layer4.")}
    assert all(tuple(t.flatten()[:3].tolist()) in held for t in used.values())
    own = [n for n, t in net.state_dict().items() if t.dim()]
    assert len(own) == len(used)


def test_names_with_and_without_module_are_the_same(fem_state, fem_file, tmp_path):
    bare, prefixed = load_published(write(fem_state, tmp_path)), load_published(fem_file)
    assert all(torch.equal(t, prefixed.state_dict()[name]) for name, t in bare.state_dict().items())


def test_layer4_and_counters_may_be_absent(fem_state, tmp_path):
    lean = {n: t for n, t in fem_state.items() if not n.startswith("layer4.") and "num_batches" not in n}
    load_published(write(lean, tmp_path))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.pop("res1.0.weight"), "'decoder.fuse.weight' is missing"),
        (lambda s: s.update(surplus=torch.zeros(1)), "no tensor 'surplus'"),
        (
            lambda s: s.update({"cls.3.bias": torch.zeros(21)}),
            r"'cls.3.bias' has the shape \(21,\), not \(2,\)",
        ),
    ],
)
def test_the_first_culprit_is_named(fem_state, tmp_path, change, says):
    state = dict(fem_state)
    change(state)
    with pytest.raises(WeightsError, match=says):
        load_published(write(state, tmp_path))


def test_a_checkpoint_of_another_preset(fem_file, aspp_file):
    for file, preset in ((aspp_file, "paper-r50"), (fem_file, "paper-r50-aspp"), (fem_file, "paper-r101")):
        with pytest.raises(WeightsError, match=f"really a published {preset} checkpoint"):
            load_published(file, preset)
    for preset, says in (("paper-r51", "paper-r51"), ("default", "Nothing was published")):
        with pytest.raises(UsageError, match=says):
            load_published(fem_file, preset)


class Malice:
    """Touches a file when unpickled."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_checkpoint_is_never_run(tmp_path, zipped):
    target = tmp_path / "touched"
    file = tmp_path / "evil.pth"
    if zipped:
        torch.save({"state_dict": Malice(target)}, file)
    else:
        file.write_bytes(pickle.dumps({"state_dict": Malice(target)}))
    with pytest.raises(WeightsError, match="never run"):
        load_published(file)
    assert not target.exists()
    pickle.loads(pickle.dumps(Malice(target)))
    assert target.exists()  # the trap itself works


def test_files_that_are_no_checkpoint(tmp_path, fem_file):
    with pytest.raises(WeightsError, match="There is no checkpoint"):
        load_published(tmp_path / "nowhere.pth")
    with pytest.raises(WeightsError, match="There is no checkpoint"):
        load_published(tmp_path)
    broken = tmp_path / "broken.pth"
    for content in (b"", b"hello, I am a text", fem_file.read_bytes()[:100_000]):
        broken.write_bytes(content)
        with pytest.raises(WeightsError, match="cannot be read"):
            load_published(broken)
    for content in ([1, 2], {}, {"state_dict": {}}, {"state_dict": {"a": 3}}, {"epoch": 3}, torch.zeros(3)):
        torch.save(content, broken)
        with pytest.raises(WeightsError, match="state_dict"):
            load_published(broken)


@torch.inference_mode()
@pytest.mark.parametrize("config", [SMALL, replace(Config(), hidden=8, channels=16, inner=False)])
def test_saved_and_loaded_answers_the_same(tmp_path, config):
    net = ASGNet.from_config(config).eval()
    folder = save_weights(net, tmp_path / "new" / "net")
    again, file = load_weights(folder), load_weights(folder / "model.safetensors")
    episode = torch.randn(1, 3, 64, 64), torch.randn(1, 2, 3, 64, 64), torch.ones(1, 2, 64, 64)
    assert again.config == config
    assert not again.training
    assert torch.equal(net(*episode), again(*episode))
    assert torch.equal(net(*episode), file(*episode))
    assert sorted(f.name for f in folder.iterdir()) == ["config.json", "model.safetensors"]


def test_lite0_is_not_stored_again(tmp_path):
    save_weights(ASGNet.from_config(replace(Config(), hidden=8, channels=16)), tmp_path)
    assert not any(name.startswith("backbone.") for name in load_file(tmp_path / "model.safetensors"))
    assert (tmp_path / "model.safetensors").stat().st_size < 200_000


def test_nor_is_its_classifier(tmp_path):
    net = ASGNet.from_preset("default")
    save_weights(net, tmp_path)
    assert not any(name.startswith("kinds.") for name in load_file(tmp_path / "model.safetensors"))
    again = load_weights(tmp_path)
    assert torch.equal(again.imagenet.classifier.weight, net.imagenet.classifier.weight)


def test_the_calibration_comes_back_and_older_files_have_the_usual_one(tmp_path):
    usual = ASGNet.from_preset("default")
    numbers = replace(usual.config.calibration, logit_shift=0.5, relit=(2.0,), pixel_gain=3)
    net = DefaultNet.from_config(replace(usual.config, calibration=numbers))
    assert load_weights(save_weights(net, tmp_path)).config.calibration == numbers
    assert fingerprint(net) != fingerprint(usual)
    file = tmp_path / "config.json"
    written = json.loads(file.read_text())
    file.write_text(json.dumps({**written, "calibration": {"logit_shift": 0.5}}))
    assert load_weights(tmp_path).config.calibration == replace(usual.config.calibration, logit_shift=0.5)
    del written["calibration"]
    file.write_text(json.dumps(written))
    assert load_weights(tmp_path).config == usual.config
    for wrong, says in ((3, "'calibration' cannot be 3"), ({"colour": 3}, "not the configuration")):
        file.write_text(json.dumps({**written, "calibration": wrong}))
        with pytest.raises(WeightsError, match=says):
            load_weights(tmp_path)
    file.write_text(json.dumps({**written, "calibration": {"logit_shift": "much"}}))
    with pytest.raises(WeightsError, match="'logit_shift' cannot be 'much'"):
        load_weights(tmp_path)


def test_files_keep_the_names_of_tensors_that_the_first_version_gave_them(tmp_path):
    save_weights(ASGNet.from_preset("default"), tmp_path)
    names = load_file(tmp_path / "model.safetensors").keys()
    assert {"known", "decoder.direct.weight", "presence.judge.0.weight"} <= names


def test_a_failed_write_leaves_the_old_weights(tmp_path, monkeypatch):
    net = ASGNet.from_config(SMALL)
    save_weights(net, tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()
    net.projection[0].weight.data.zero_()

    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        save_weights(net, tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "cannot be read"),
        ("[]", "not the configuration"),
        ('{"colour": 3}', "not the configuration"),
        ('{"channels": "many"}', "'channels' cannot be 'many'"),
    ],
)
def test_a_configuration_that_is_none(tmp_path, content, says):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(WeightsError, match=says):
        load_weights(tmp_path)


def test_weights_that_do_not_fit_their_configuration(tmp_path):
    with pytest.raises(WeightsError, match="cannot be read"):
        load_weights(tmp_path / "nowhere")
    save_weights(ASGNet.from_config(SMALL), tmp_path)
    weights, config = tmp_path / "model.safetensors", tmp_path / "config.json"
    tensors = {name: t.clone() for name, t in load_file(weights).items()}
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(WeightsError, match=r"model\.safetensors cannot be read"):
        load_weights(tmp_path)
    save_file({n: t for n, t in tensors.items() if n != "projection.0.weight"}, weights)
    with pytest.raises(WeightsError, match=r"projection\.0\.weight' is missing"):
        load_weights(tmp_path)
    save_file(tensors | {"more": torch.zeros(1)}, weights)
    with pytest.raises(WeightsError, match="'more' does not belong"):
        load_weights(tmp_path)
    save_file(tensors, weights)
    config.write_text(json.dumps(json.loads(config.read_text()) | {"channels": 8}))
    with pytest.raises(WeightsError, match=r"has the shape"):
        load_weights(tmp_path)


def test_equal_weights_are_equal_files(tmp_path):
    net = ASGNet.from_config(SMALL)
    files = {(save_weights(net, tmp_path / str(i)) / "model.safetensors").read_bytes() for i in range(6)}
    assert len(files) == 1
