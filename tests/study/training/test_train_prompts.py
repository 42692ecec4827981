"""Training on simulated clicks: its loss by hand, and a few steps that can be stopped."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from asgnet.model.prompts.channels import GRID, READ
from asgnet.model.prompts.network import DEPTHS, STRIDES, PromptNet
from asgnet.study.training import train_prompts
from asgnet.study.training.train_prompts import PromptRecipe, loss_of, train


def test_the_loss_by_hand():
    truth = torch.tensor([[[1, 0], [0, 255]]], dtype=torch.uint8)
    sure = torch.tensor([[[20.0, -20.0], [-20.0, 20.0]]])
    assert loss_of(sure, truth).item() == pytest.approx(0, abs=1e-4)  # the ignored pixel counts nothing
    # 0.69 of cross-entropy; the soft IoU is (0.5 + 1) / (1.5 + 1 - 0.5 + 1)
    assert loss_of(torch.zeros(1, 2, 2), truth).item() == pytest.approx(np.log(2) + 0.5, abs=1e-4)


def _shard(path, size):
    rng = np.random.default_rng(0)
    labels = np.zeros((size, 128, 128), np.uint8)
    labels[:, 30:90, 20:80] = 1
    sides = [4 * GRID // stride for stride in STRIDES]
    features = {
        name: rng.normal(size=(size, depth, side, side)).astype(np.float16)
        for name, depth, side in zip(READ, DEPTHS, sides, strict=True)
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, labels=labels, whole=np.ones(size, bool), **features)


def test_a_few_steps_and_going_on(tmp_path, monkeypatch):
    monkeypatch.setattr(train_prompts, "SIZE", 4)
    monkeypatch.setattr(train_prompts, "prompt_sources", lambda data: ())
    monkeypatch.setattr(train_prompts, "make_shards", lambda *_: _shard(tmp_path / "windows/00000.npz", 4))
    recipe = PromptRecipe(shards=1, steps=2, windows=2, objects=1)
    train(recipe, tmp_path, tmp_path)
    weights = load_file(tmp_path / "prompts.safetensors")
    PromptNet().load_state_dict(weights)
    train(recipe, tmp_path, tmp_path)  # all is done
    assert all(
        torch.equal(t, weights[name]) for name, t in load_file(tmp_path / "prompts.safetensors").items()
    )
