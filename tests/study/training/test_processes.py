"""Two processes (gloo, on the CPU) are one process with twice the batch."""

import json
import os
import socket
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

SCRIPT = """
import sys, torch
from asgnet.data.benchmarks.dataset import open_dataset
from asgnet.model.paper.asgnet import ASGNet
from asgnet.study.sampling.material import cut_folds
from asgnet.study.recipe import load_recipe
from asgnet.study.training.train import train
recipe, data, index, cache, out = sys.argv[1:]
torch.set_num_threads(1)
boxes = open_dataset(data, cache_dir=index, workers=1)
torch.manual_seed(0)
net = ASGNet.from_preset("default")
net.decoder.drop = 0.0  # each process drops other episodes' appearance
folds = cut_folds([boxes], "2-fold", None)
train([boxes], folds, load_recipe(recipe), out, net=net, cache_dir=cache)
"""


@pytest.fixture
def run(boxes, cache_dir, tmp_path):
    """Train on so many processes; the losses and the weights."""
    root = next(iter(boxes.pictures.values())).picture.parents[1]

    def run(recipe, processes):
        out = tmp_path / f"on{processes}"
        (tmp_path / "recipe.toml").write_text(recipe.toml())
        words = [tmp_path / "recipe.toml", f"folder:{root}", root.parent / "index", cache_dir, out]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        started = []
        for rank in range(processes):
            world = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "MASTER_PORT": port}
            several = {key: str(value) for key, value in world.items()} if processes > 1 else {}
            environment = os.environ | several | {"MASTER_ADDR": "127.0.0.1", "ACCELERATE_USE_CPU": "true"}
            command = [sys.executable, "-c", SCRIPT, *map(str, words)]
            started.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE))
        for process in started:
            _, said = process.communicate(timeout=120)
            assert process.returncode == 0, said.decode()
        rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
        return rows, load_file(out / "model.safetensors"), json.loads((out / "training.json").read_text())

    return run


def test_gradients_of_two_processes_are_those_of_twice_the_batch(run, tiny):
    """Plain SGD: after two steps the weights have moved by the sum of the two gradients."""
    plain = {"optimizer": "sgd", "momentum": 0.0, "decay": 0.0, "clip": 0.0, "ema": 0.0, "rate": 0.1}
    recipe = tiny.model_copy(update=plain | {"steps": 2, "every": 2, "validation": 2})
    two, two_weights, story = run(recipe, 2)
    one, one_weights, _ = run(recipe.model_copy(update={"batch": 2 * recipe.batch}), 1)
    assert story["processes"] == 2
    assert [row["step"] for row in two] == [row["step"] for row in one] == [1, 2, 2]
    for a, b in zip(two[:2], one[:2], strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-5)
        assert a["iou"] == pytest.approx(b["iou"])
        assert a["shots"] == b["shots"]
    for name, t in one_weights.items():
        torch.testing.assert_close(
            two_weights[name], t, rtol=1e-4, atol=1e-6, msg=lambda why, name=name: f"{name}: {why}"
        )
