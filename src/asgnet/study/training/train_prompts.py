"""Trains the prompt network: clicks and boxes are simulated on objects of all kinds of pictures.

    python -m asgnet.study.training.train_prompts --data DATA --out runs/prompts
    python -m asgnet.model.prompts.export --weights runs/prompts

First windows are drawn and their features kept in OUT/windows (4 GB); training goes on where it was stopped. Delete
OUT when the weights are exported.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from asgnet.files import atomic_path
from asgnet.model.graph_files import PROMPT_WEIGHTS
from asgnet.model.prompts.channels import GRID, READ, prompt_channels
from asgnet.model.prompts.network import PromptNet, Read
from asgnet.study.sampling.prompt_sources import prompt_sources
from asgnet.study.sampling.window_store import SIZE, make_shards, read_shard
from asgnet.study.training.simulated_clicks import Box, Click, box_around, click_in, next_click, truths, worse
from asgnet.types import IGNORE, Mask


@dataclass(frozen=True)
class PromptRecipe:
    """How it is trained.

    Attributes:
        shards: of windows, see :mod:`asgnet.study.sampling.window_store`.
        steps: of the optimiser.
        windows, objects: windows of a step, and objects asked for in each.
        rounds: how often there are one, two, three and four prompts of an object, one after the other.
        boxes: part that begins with a box; of objects that a click does not tell, parts_boxes.
        earlier: part that begins with a poor answer, as a look from further away gives.
        rate, decay, average: of AdamW, and of the weights' moving average.
    """

    shards: int = 80
    steps: int = 3000
    windows: int = 6
    objects: int = 2
    rounds: tuple[float, ...] = (0.25, 0.35, 0.25, 0.15)
    boxes: float = 0.3
    parts_boxes: float = 0.7
    earlier: float = 0.3
    rate: float = 3e-3
    decay: float = 0.01
    average: float = 0.995


class Asked:
    """One object and what has been said about it."""

    def __init__(self, labels: Mask, whole: bool, recipe: PromptRecipe, rng: np.random.Generator) -> None:
        self.truth, self._rng = labels, rng
        self.clicks: list[Click] = []
        self.box: Box | None = None
        self.before: NDArray[np.float32] | None = None
        if rng.random() < recipe.earlier:
            self.before = worse(labels, rng)
        if rng.random() < (recipe.boxes if whole else recipe.parts_boxes):
            self.box = box_around(labels, rng)
        if self.box is None or rng.random() < 0.1:
            self.clicks.append(click_in(labels == 1, True, rng))

    def channels(self) -> NDArray[np.float32]:
        """``5 64 64``."""
        return prompt_channels(self.clicks, self.box, self.before)

    def answered(self, probability: NDArray[np.float32]) -> None:
        """A click where the answer, ``128 128``, is most wrong."""
        step = probability.shape[0] // GRID
        self.before = probability.reshape(GRID, step, GRID, step).mean((1, 3))
        more = next_click(self.truth, probability > 0.5, self._rng)
        if more is not None:
            self.clicks.append(more)


def loss_of(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy and one minus the soft IoU.

    Args:
        logits: ``n h w``.
        truth: ``n h w`` uint8 in {0, 1, 255}.
    """
    counts = (truth != IGNORE).float()
    target = (truth == 1).float()
    each = F.binary_cross_entropy_with_logits(logits, target, reduction="none") * counts
    found = logits.sigmoid() * counts
    both = (found * target).sum((1, 2))
    iou = (both + 1) / ((found + target).sum((1, 2)) - both + 1)
    return (each.sum((1, 2)) / counts.sum((1, 2)).clamp(min=1) + 1 - iou).mean()


def windows_of(folder: Path, count: int, recipe: PromptRecipe, rng: np.random.Generator) -> Iterator[dict]:
    """Batches of windows, from four shards at a time."""
    while True:
        files = [folder / f"{n:05}.npz" for n in rng.permutation(count)]
        for start in range(0, count, 4):
            shards = [read_shard(file) for file in files[start : start + 4]]
            order = rng.permutation(len(shards) * SIZE)
            for rows in order[: len(order) // recipe.windows * recipe.windows].reshape(-1, recipe.windows):
                places = [divmod(int(row), SIZE) for row in rows]
                yield {name: np.stack([shards[s][name][i] for s, i in places]) for name in shards[0]}


def step_loss(net: PromptNet, batch: dict, recipe: PromptRecipe, rng: np.random.Generator) -> list[Tensor]:
    """The loss of each round."""
    features = [torch.from_numpy(batch[name]).float() for name in READ]
    asked = [
        Asked(truth, bool(whole), recipe, rng)
        for labels, whole in zip(batch["labels"], batch["whole"], strict=True)
        for truth in truths(labels, rng, recipe.objects)
    ]
    truth = torch.from_numpy(np.stack([one.truth for one in asked]))
    flips = rng.random(2) < 0.5
    mirrored = [axis for axis, flip in zip((-1, -2), flips, strict=True) if flip]
    read = Read(*(map_.repeat_interleave(recipe.objects, 0) for map_ in net.read(*features)))
    read = Read(*(map_.flip(mirrored) for map_ in read))
    losses = []
    for _ in range(1 + rng.choice(len(recipe.rounds), p=recipe.rounds)):
        prompts = torch.from_numpy(np.stack([one.channels() for one in asked]))
        logits = net.decode(prompts.flip(mirrored), read).flip(mirrored)
        losses.append(loss_of(logits, truth))
        for one, found in zip(asked, logits.detach().sigmoid().numpy(), strict=True):
            one.answered(found)
    return losses


def train(
    recipe: PromptRecipe,
    data: Path,
    out: Path,
    minutes: float = math.inf,
    start_from: Path | None = None,
    seed: int = 0,
) -> None:
    """Train and write ``prompts.safetensors``; a checkpoint every 50 steps.

    Args:
        recipe: how.
        data: see :func:`~asgnet.study.sampling.prompt_sources.prompt_sources`.
        out: a folder.
        minutes: end after so long, if all steps take longer; the rate falls to its end by then.
        start_from: a folder of trained weights to go on from.
        seed: of everything.
    """
    from safetensors.torch import load_file, save_file

    make_shards(prompt_sources(data), out / "windows", recipe.shards, seed)
    torch.manual_seed(seed)
    net = PromptNet().train().to(memory_format=torch.channels_last)
    if start_from is not None:
        net.load_state_dict(load_file(start_from / PROMPT_WEIGHTS))
    mean = deepcopy(net).eval()
    optimiser = torch.optim.AdamW(net.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    done, spent, checkpoint = 0, 0.0, out / "checkpoint.pt"
    if checkpoint.exists():
        kept = torch.load(checkpoint, weights_only=True)
        net.load_state_dict(kept["net"])
        mean.load_state_dict(kept["mean"])
        optimiser.load_state_dict(kept["optimiser"])
        done, spent = kept["done"], kept["spent"]
    rng = np.random.default_rng((seed, done))
    batches = windows_of(out / "windows", recipe.shards, recipe, rng)
    start, kept_losses, part = time.monotonic() - spent, [], done / recipe.steps
    while part < 1:
        rate = recipe.rate * min(1, (done + 1) / 50) * (0.02 + 0.98 * (1 + math.cos(math.pi * part)) / 2)
        for group in optimiser.param_groups:
            group["lr"] = rate
        losses = step_loss(net, next(batches), recipe, rng)
        optimiser.zero_grad(set_to_none=True)
        sum(losses, torch.zeros(())).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        kept_losses.append((float(losses[0].detach()), float(losses[-1].detach())))
        _average(mean, net, min(recipe.average, (done + 1) / (done + 10)))
        done, spent = done + 1, time.monotonic() - start
        part = max(done / recipe.steps, spent / 60 / minutes)
        if done % 25 == 0:
            shown = " ".join(f"{value:.3f}" for value in np.mean(kept_losses[-25:], 0))
            print(f"step {done}: loss of the first and the last round {shown}, {spent:.0f} s", flush=True)
        if done % 50 == 0 or part >= 1:
            kept = {"net": net.state_dict(), "mean": mean.state_dict(), "optimiser": optimiser.state_dict()}
            with atomic_path(checkpoint) as partial:
                torch.save({**kept, "done": done, "spent": spent}, partial)
            with atomic_path(out / PROMPT_WEIGHTS) as partial:
                save_file({name: t.contiguous() for name, t in mean.state_dict().items()}, partial)
    (out / "recipe.json").write_text(json.dumps(asdict(recipe), indent=1) + "\n", "utf-8")


def _average(mean: PromptNet, net: PromptNet, kept: float) -> None:
    for old, new in zip(mean.state_dict().values(), net.state_dict().values(), strict=True):
        if old.is_floating_point():
            old.lerp_(new, 1 - kept)


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="VOC2012, CCP, LabelMeFacade, … lie in it")
    parser.add_argument("--out", type=Path, required=True)
    for name in ("steps", "shards"):
        parser.add_argument(f"--{name}", type=int, default=getattr(PromptRecipe, name))
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="end after so many minutes of training"
    )
    parser.add_argument("--rate", type=float, default=PromptRecipe.rate, help="of the optimiser")
    parser.add_argument(
        "--from", type=Path, dest="start_from", help="a folder of trained weights to go on from"
    )
    given = parser.parse_args()
    recipe = PromptRecipe(steps=given.steps, shards=given.shards, rate=given.rate)
    train(recipe, given.data, given.out, given.minutes, given.start_from)


if __name__ == "__main__":
    main()
