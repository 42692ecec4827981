"""Training end to end: it learns, it resumes exactly, it selects on base classes, it says what it did."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from asgnet.errors import AsgnetError, OutputError, UsageError, WeightsError
from asgnet.model.checkpoint import load_weights, save_weights
from asgnet.model.paper.asgnet import ASGNet
from asgnet.model.steps import Outputs
from asgnet.study.recipe import load_recipe
from asgnet.study.sampling.material import cut_folds, prepare
from asgnet.study.sampling.readers import FeatureReader
from asgnet.study.sampling.sampler import Sampler
from asgnet.study.training import train as story
from asgnet.study.training import trainee
from asgnet.study.training.run_folder import STATE

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def fresh():
    """Makes the same untrained default network each time."""
    torch.manual_seed(0)
    start = ASGNet.from_preset("default")
    weights = {name: t.clone() for name, t in start.state_dict().items()}

    def make():
        start.load_state_dict(weights)
        for p in start.parameters():
            p.grad = None
        return start.train()

    return make


@pytest.fixture(scope="module")
def run(boxes, cache_dir, fresh):
    """Train on the boxes."""

    def run(recipe, out, **options):
        torch.manual_seed(123)  # whatever the generator was, nothing may follow from it
        folds = cut_folds([boxes], "2-fold", options.pop("fold", None))
        net = fresh()
        return net, story.train([boxes], folds, recipe, out, net=net, cache_dir=cache_dir, **options)

    return run


@pytest.fixture
def go(run, tmp_path):
    """Train into ``tmp_path / name``."""
    return lambda recipe, name="run", **options: run(recipe, tmp_path / name, **options)


@pytest.fixture(scope="module")
def unbroken(run, tiny, tmp_path_factory):
    """A run that nothing interrupted: the network's tensors and the folder."""
    net, out = run(tiny, tmp_path_factory.mktemp("unbroken"))
    return {name: t.clone() for name, t in net.state_dict().items()}, out


def lines(out):
    """metrics.jsonl without the clock."""
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def interrupted_at(step, monkeypatch):
    """Let the run die at the start of a step, as a crash would, before anything of it is written."""
    real = story.rate_factor

    def dying(at, *rest):
        if at == step:
            raise MemoryError
        return real(at, *rest)

    monkeypatch.setattr(story, "rate_factor", dying)


def test_leaves_weights_that_load_and_the_whole_story(go, tiny, boxes):
    net, out = go(tiny, fold=1, command="asgnet train …")
    best = load_weights(out)
    assert best.config == net.config
    written = load_file(out / "model.safetensors")
    assert written.keys() == load_file(out / "best" / "model.safetensors").keys()
    assert not any(name.startswith("backbone.") for name in written)
    again = load_file(save_weights(best, out / "again") / "model.safetensors")
    for name, t in written.items():
        assert torch.equal(again[name], t)
    assert best.reference_bank.any()
    assert torch.equal(best.reference_bank, net.reference_bank)
    assert load_recipe(out / "recipe.toml") == tiny
    said = json.loads((out / "training.json").read_text())
    assert said["command"] == "asgnet train …"
    assert said["data"][0]["hash"] == boxes.hash
    assert said["data"][0]["left_out"] == ["blue", "yellow"]
    assert said["data"][0]["trained_classes"] == ["red", "green"]
    assert said["environment"]["torch"] == str(torch.__version__)
    rows = lines(out)
    assert [row["step"] for row in rows if "loss" in row] == [1, 2, 3, 4, 5, 6]
    assert [row["step"] for row in rows if "base_iou" in row] == [3, 6]
    assert {row["shots"] for row in rows if "shots" in row} <= {1, 2}
    assert not list(out.rglob(".asgnet-*"))


def test_learns(go, tiny):
    recipe = tiny.model_copy(
        update={
            "steps": 30,
            "every": 15,
            "batch": 4,
            "rate": 0.006,
            "ema": 0.8,
            "pseudo": 0.0,
            "absent": 0.0,
            "unions": 0.0,
            "variants": 0,
        }
    )
    _, out = go(recipe)
    losses = [row["loss"] for row in lines(out) if "loss" in row]
    scores = [row["base_iou"] for row in lines(out) if "base_iou" in row]
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    assert scores[-1] > 0.5


def test_repeats_itself(go, tiny, unbroken):
    assert lines(go(tiny, "again")[1]) == lines(unbroken[1])
    assert lines(go(tiny, "other", seed=1)[1]) != lines(unbroken[1])


@pytest.mark.parametrize("step", [1, 3, 5])
def test_resumed_equals_unbroken(go, tiny, unbroken, step, monkeypatch):
    """Before the first checkpoint (at 2), right after a validation, and between checkpoints."""
    expected, whole = unbroken
    with monkeypatch.context() as patch:
        interrupted_at(step, patch)
        with pytest.raises(MemoryError):
            go(tiny, "broken")
    resumed, out = go(tiny, "broken", resume=True)
    assert lines(out) == lines(whole)
    assert all(torch.equal(resumed.state_dict()[name], t) for name, t in expected.items())
    assert (out / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


SCRIPT = """
import sys, torch
from asgnet.data.benchmarks.dataset import open_dataset
from asgnet.model.paper.asgnet import ASGNet
from asgnet.study.sampling.material import cut_folds
from asgnet.study.recipe import load_recipe
from asgnet.study.training.train import train
recipe, data, index, cache, out = sys.argv[1:]
boxes = open_dataset(data, cache_dir=index, workers=1)
torch.manual_seed(0)
net = ASGNet.from_preset("default")
folds = cut_folds([boxes], "2-fold", None)
train([boxes], folds, load_recipe(recipe), out, net=net, cache_dir=cache)
"""


def test_killed_for_good_and_resumed(boxes, cache_dir, go, tiny, tmp_path):
    """kill -9, wherever it happens to be; then the same losses as a run left alone."""
    recipe = tiny.model_copy(update={"steps": 12, "every": 4, "validation": 4})
    (tmp_path / "recipe.toml").write_text(recipe.toml())
    root = next(iter(boxes.pictures.values())).picture.parents[1]
    words = [
        tmp_path / "recipe.toml",
        f"folder:{root}",
        root.parent / "index",
        cache_dir,
        tmp_path / "killed",
    ]
    command = [sys.executable, "-c", SCRIPT, *map(str, words)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        _await_step(tmp_path / "killed" / "metrics.jsonl", 5, process)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert 5 <= lines(tmp_path / "killed")[-1]["step"] < 12
    assert lines(go(recipe, "killed", resume=True)[1]) == lines(go(recipe, "whole")[1])


def _await_step(file, step, run):
    limit = time.monotonic() + 300
    while time.monotonic() < limit and run.poll() is None:
        if file.is_file() and f'"step": {step},' in file.read_text():
            return
        time.sleep(0.01)
    raise AssertionError(f"step {step} never came: {run.stderr.read().decode() if run.poll() else ''}")


def test_refuses_to_mix_runs(go, tiny, tmp_path):
    _, out = go(tiny)
    with pytest.raises(OutputError, match="--resume"):
        go(tiny)
    with pytest.raises(UsageError, match=r"its rate was 0\.002, now 0\.5"):
        go(tiny.model_copy(update={"rate": 0.5}), resume=True)
    with pytest.raises(UsageError, match="seed was 0, now 7"):
        go(tiny, resume=True, seed=7)
    with pytest.raises(UsageError, match="folds was"):
        go(tiny, resume=True, fold=0)
    before = lines(out)
    assert lines(go(tiny, resume=True)[1]) == before  # a finished run stays what it is
    (out / STATE).write_bytes(b"nonsense")
    with pytest.raises(WeightsError, match=r"delete '.*last' to start again"):
        go(tiny, resume=True)


def test_a_run_of_another_version_is_not_resumed(go, tiny):
    _, out = go(tiny)
    state = torch.load(out / STATE, weights_only=True)
    del state["net"]["reference_bank"]  # as before networks knew anything
    torch.save(state, out / STATE)
    with pytest.raises(UsageError, match="another version of asgnet"):
        go(tiny, resume=True)


def test_validates_on_held_out_pictures_of_base_classes(boxes, cache_dir, fresh, tiny):
    folds = cut_folds([boxes], "2-fold", 1)
    material = prepare([boxes], folds, tiny, fresh().backbone, cache_dir=cache_dir)
    trained = set(material.train[0].pictures)
    asked = [episode for group in material.episodes.values() for episode in group]
    assert asked
    assert {c for episode in asked for c in episode.classes} == {1, 2}
    assert not trained & {view.row for episode in asked for view in episode.pictures}
    assert {view.variant for episode in asked for view in episode.pictures} == {0}


def test_best_is_kept_not_last(go, tiny, tmp_path, monkeypatch):
    scores = iter([0.9, 0.1])
    kept = []

    def judged(net, *rest):
        kept.append(load_file(save_weights(net, tmp_path / f"kept{len(kept)}") / "model.safetensors"))
        return {"base_iou": next(scores)}

    monkeypatch.setattr(story, "validate", judged)
    _, out = go(tiny)
    written = load_file(out / "model.safetensors")
    assert all(torch.equal(kept[0][name], t) for name, t in written.items())
    assert any(not torch.equal(kept[1][name], t) for name, t in written.items())


def test_validation_counts_by_class(boxes, cache_dir, fresh, tiny, monkeypatch):
    """With a network that paints everything, IoU is the object's share of the valid pixels, per class."""
    net = fresh()
    material = prepare([boxes], cut_folds([boxes], "2-fold", None), tiny, net.backbone, cache_dir=cache_dir)

    def all_object(net, batch, size, recipe):
        logits = torch.zeros(len(batch.target), 2, *size)
        logits[:, 1] = 1
        return Outputs(logits)

    monkeypatch.setattr(trainee, "answer", all_object)
    found = trainee.validate(net, material, tiny, CPU)
    read = FeatureReader(material.validation)
    for k, episodes in material.episodes.items():
        sums = {}
        for episode in episodes:
            target = read([episode]).target
            one = sums.setdefault(episode.classes, [0, 0])
            one[0] += int((target == 1).sum())
            one[1] += int((target != 255).sum())
        assert found[f"base_iou_{k}"] == pytest.approx(np.mean([a / b for a, b in sums.values()]))
    assert found["base_iou"] == pytest.approx((found["base_iou_1"] + found["base_iou_2"]) / 2)


def test_accumulated_parts_make_one_step(boxes, cache_dir, fresh, tiny):
    """Four episodes in two parts: the gradients of four episodes at once."""
    recipe = tiny.model_copy(update={"shots": (2,), "presence": 0.0, "batch": 4})
    net = fresh().eval()
    folds = cut_folds([boxes], "2-fold", None)
    material = prepare([boxes], folds, recipe, net.backbone, cache_dir=cache_dir)
    sampler, read = Sampler(material.train, recipe), FeatureReader(material.train)
    learner = trainee.Trainee(net, recipe)
    learner(read(sampler.episodes(0, 0, 4)))[0].backward()
    whole = [p.grad.clone() for p in net.parameters() if p.grad is not None]
    net.zero_grad()
    for first in (0, 2):
        (learner(read(sampler.episodes(0, first, 2)))[0] / 2).backward()
    parts = [p.grad for p in net.parameters() if p.grad is not None]
    assert len(parts) > 10
    for a, b in zip(whole, parts, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-3)


def test_divergence_is_said(go, tiny, tmp_path):
    with pytest.raises(AsgnetError, match=r"step \d is (nan|inf): training has diverged; take a lower rate"):
        go(tiny.model_copy(update={"rate": 1e38, "clip": 0.0, "optimizer": "sgd"}))
    rows = lines(tmp_path / "run")
    assert all(np.isfinite(row["loss"]) for row in rows if "loss" in row)


def test_rate():
    cosine = load_recipe("default", {"warmup": 4, "floor": 0.01})
    assert [story.rate_factor(s, 100, cosine) for s in (0, 1)] == pytest.approx([0.25, 0.5], rel=1e-3)
    assert story.rate_factor(50, 100, cosine) == pytest.approx(0.505)
    assert story.rate_factor(99, 100, cosine) == pytest.approx(0.01, abs=3e-4)
    poly = load_recipe("paper-pascal")
    assert story.rate_factor(0, 100, poly) == 1
    assert story.rate_factor(75, 100, poly) == pytest.approx(0.25**0.9)


def test_average_follows():
    old, new = torch.nn.BatchNorm1d(1), torch.nn.BatchNorm1d(1)
    with torch.no_grad():
        new.weight.fill_(3.0)
    new.num_batches_tracked.fill_(5)
    story.follow(old, new, 0.75)
    assert old.weight.item() == 1.5
    assert old.num_batches_tracked.item() == 5
