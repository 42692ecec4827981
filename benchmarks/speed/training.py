"""Training steps of the default recipe: with features from the cache, and with pictures read and seen anew.

    python -m benchmarks.speed.training

Made-up pictures in the sizes of photographs; two steps to warm up, then ``--steps`` of them.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from benchmarks.common import arguments
from PIL import Image

from asgnet.data.benchmarks.dataset import open_dataset
from asgnet.study.recipe import load_recipe
from asgnet.study.sampling.material import cut_folds, prepare
from asgnet.study.sampling.prefetch import in_processes, in_thread
from asgnet.study.sampling.sampler import Sampler
from asgnet.study.training.start import make_net
from asgnet.study.training.train import make_optimizer
from asgnet.study.training.trainee import Batches, Trainee, make_reader
from benchmarks.speed import work

WARM = 2


class Speed(NamedTuple):
    """Of training.

    Attributes:
        pictures: a second.
        waiting: share of the time in which the network waits for its next batch.
    """

    pictures: float
    waiting: float


def speed(cached: bool, steps: int, folder: Path, pictures: int = 48) -> Speed:
    """Train for a few steps, three shots.

    Args:
        cached: as the recipe's.
        steps: that are measured.
        folder: for pictures and features; they are made if they are not there.
        pictures: of the dataset.
    """
    root = folder / "pictures"
    if not root.exists():
        make_pictures(root, pictures)
    # Episodes about colours are left out: only the cache has them.
    changes = {"cached": cached, "pseudo": 0.0, "shots": [3], "odds": [], "held_out": 6, "class_pixels": 500}
    recipe = load_recipe("default", changes)
    net = make_net(recipe)
    dataset = open_dataset(f"folder:{root}", "all", cache_dir=folder, workers=0)
    folds = cut_folds([dataset], "pascal-5i", None)
    material = prepare([dataset], folds, recipe, net.backbone, cache_dir=folder)
    trainee, optimizer = Trainee(net, recipe).train(), make_optimizer(net, recipe)
    read, numbers = (
        Batches(Sampler(material.train, recipe), make_reader(material.train, recipe, net)),
        range(steps + WARM),
    )
    cores = os.cpu_count() or 1
    batches = iter(in_thread(read, numbers) if cached else in_processes(read, numbers, min(cores, 8)))
    began, waited, seen = time.perf_counter(), 0.0, 0
    for number in numbers:
        if number == WARM:
            began, waited, seen = time.perf_counter(), 0.0, 0
        asked = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - asked
        loss, _ = trainee(batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        seen += recipe.batch * (batch.masks.shape[1] + 1)
    took = time.perf_counter() - began
    return Speed(seen / took, waited / took)


def make_pictures(root: Path, count: int) -> None:
    """A dataset of three classes: the same photograph, moved."""
    left, _, mask = work.scene(500)
    for place in ("images", "masks"):
        (root / place).mkdir(parents=True)
    (root / "classes.txt").write_text("null\none\ntwo\nthree\n")
    for i in range(count):
        moved, object_ = (np.roll(a, (3 * i, 10 * i), (0, 1)) for a in (left, mask))
        Image.fromarray(moved).save(root / f"images/{i:03}.jpg")
        Image.fromarray((object_ * (i % 3 + 1)).astype(np.uint8)).save(root / f"masks/{i:03}.png")


def compare(steps: int = 6) -> dict[str, Speed]:
    """Both ways, on the same pictures."""
    with tempfile.TemporaryDirectory() as folder:
        ways = {"cached features": True, "pictures anew": False}
        return {name: speed(cached, steps, Path(folder)) for name, cached in ways.items()}


def main() -> None:
    """Print both."""
    parser = arguments(__doc__)
    parser.add_argument("--steps", type=int, default=12)
    for name, found in compare(parser.parse_args().steps).items():
        print(f"{name}: {found.pictures:.0f} pictures/s, waiting {found.waiting:.0%} of the time")
    print(f"{torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()
