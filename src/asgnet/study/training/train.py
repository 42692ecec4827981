"""The whole training story. From the command line:

    asgnet train --data voc:VOCdevkit --data folder:CCP --out runs/default         the default network
    asgnet train --data voc:VOCdevkit --fold 1 --out runs/fold1                    its classes 6 to 10 unseen
    asgnet train --recipe paper-pascal --backbone-weights imagenet …               as published
    asgnet train … --resume                                                        go on after a crash
    accelerate launch -m asgnet train …                                            many GPUs, many machines

Nothing is drawn from a running generator: episodes, shots and dropout of a step follow from (seed, step). So
a run that is resumed repeats the losses of an unbroken one.
"""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from asgnet.data.benchmarks.dataset import Dataset
from asgnet.data.benchmarks.folds import Fold
from asgnet.errors import AsgnetError, UsageError
from asgnet.imaging.iou import ratio
from asgnet.model.build import Network
from asgnet.model.checkpoint import save_weights
from asgnet.model.default.network import DefaultNet
from asgnet.study.environment import environment
from asgnet.study.recipe import Recipe
from asgnet.study.sampling.augment import seed_of
from asgnet.study.sampling.material import Material, Novel, prepare
from asgnet.study.sampling.prefetch import in_processes, in_thread
from asgnet.study.sampling.sampler import Sampler
from asgnet.study.training.reference_bank import known_kinds
from asgnet.study.training.run_folder import Log, load_state, publish, save_json, save_state
from asgnet.study.training.trainee import Batches, Trainee, make_reader, validate

if TYPE_CHECKING:
    from accelerate import Accelerator


def train(
    datasets: Sequence[Dataset],
    folds: Sequence[Fold],
    recipe: Recipe,
    out: str | Path,
    *,
    net: Network,
    novel: Novel = "keep",
    seed: int = 0,
    resume: bool = False,
    cache_dir: str | Path | None = None,
    workers: int | None = None,
    command: str = "",
    selection: Sequence[Dataset] = (),
) -> Path:
    """Train a network and leave the best averaged weights in ``out``, ready for ``load_weights``.

    Args:
        datasets: training splits; every ``held_out``-th picture validates instead.
        folds: one per dataset, see :func:`asgnet.study.sampling.material.cut_folds`.
        recipe: all numbers.
        out: the run's folder, see :mod:`asgnet.study.training.run_folder`.
        net: to be trained, its backbone frozen; it ends with the last step's weights. What a default network
            knew of things before is replaced, see :func:`~asgnet.study.training.reference_bank.known_kinds`.
        novel: whether training pictures that show a tested class are kept.
        seed: of episodes and dropout.
        resume: go on where ``out`` was left; start if nothing is there.
        cache_dir: of the features.
        workers: processes that read pictures where features are not cached; None: one per core, at most 8.
        command: kept in training.json.
        selection: see :func:`asgnet.study.sampling.material.prepare`; kept in training.json.

    Raises:
        AsgnetError: the loss is no number any more.
        DataError: too few pictures.
        OutputError: ``out`` holds a run already, or cannot be written.
        UsageError: ``out`` holds another run than the one to be resumed.
    """
    accelerator = make_accelerator(recipe)
    workers = min(os.cpu_count() or 1, 8) if workers is None else workers
    out, device, main = Path(out), accelerator.device, accelerator.is_main_process
    identity = {
        "recipe": recipe.model_dump(),
        "seed": seed,
        "data": [d.hash for d in datasets],
        "folds": [f.name for f in folds],
        "novel images": novel,
        "processes": accelerator.num_processes,
        "selected on the tested classes of": [d.hash for d in selection],
    }
    state = load_state(out, resume, identity)
    with accelerator.local_main_process_first():
        material = prepare(
            datasets, folds, recipe, net.backbone, novel=novel, cache_dir=cache_dir, device=device,
            selection=selection,
        )  # fmt: skip
    steps = total_steps(recipe, material, accelerator.num_processes)
    average = copy.deepcopy(net) if recipe.ema else net
    average.backbone = net.backbone
    optimizer = make_optimizer(net, recipe)
    start, best = 0, -1.0
    if state is not None:
        start, best = state["step"], state["best"]
        _load(net, state["net"], out)
        _load(average, state["average"], out)
    elif main and isinstance(net, DefaultNet) and isinstance(average, DefaultNet):
        bank = known_kinds(net.to(device), material.train, recipe.side)  # moving may replace the buffers
        net.reference_bank.copy_(bank)
        average.reference_bank.copy_(bank)
    trainee, optimizer = accelerator.prepare(Trainee(net, recipe), optimizer)
    average.to(device)
    if state is not None:
        optimizer.load_state_dict(state["optimizer"])  # on the device that the weights are on by now
        if accelerator.scaler is not None:
            accelerator.scaler.load_state_dict(state["scaler"])
    if main:
        out.mkdir(parents=True, exist_ok=True)
        (out / "recipe.toml").write_text(recipe.toml(), "utf-8")
        save_json(out / "training.json", _story(net, material, recipe, identity, steps, command))

    rank, world, parts = accelerator.process_index, accelerator.num_processes, recipe.accumulate
    sampler = Sampler(material.train, recipe, seed)
    read = Batches(sampler, make_reader(material.train, recipe, net), rank, world)
    log = Log(out, start, steps, main)
    with log.live():
        numbers = range(start * parts, steps * parts)
        batches = in_thread(read, numbers) if recipe.cached else in_processes(read, numbers, workers)
        for number, batch in zip(numbers, batches, strict=True):
            step, part = divmod(number, parts)
            for group in optimizer.param_groups:
                group["lr"] = recipe.rate * rate_factor(step, steps, recipe)
            torch.manual_seed(seed_of(seed, step, part, rank))
            trainee.train()
            with accelerator.accumulate(trainee):
                loss, overlap = trainee(batch.to(device))
                accelerator.backward(loss)
                if accelerator.sync_gradients and recipe.clip:
                    accelerator.clip_grad_norm_(trainee.parameters(), recipe.clip)
                optimizer.step()
                optimizer.zero_grad()
            if part + 1 < parts:
                continue
            done = step + 1
            if recipe.ema:
                follow(average, net, min(recipe.ema, done / (done + 9)))
            if done % recipe.log_every == 0:
                both, either = accelerator.reduce(overlap, "sum").tolist()
                mean_loss = float(accelerator.reduce(loss.detach(), "mean"))
                if not math.isfinite(mean_loss):
                    raise AsgnetError(
                        f"The loss of step {done} is {mean_loss}: training has diverged; take a lower rate "
                        "and another --out."
                    )
                shots = batch.masks.shape[1]
                rate = optimizer.param_groups[0]["lr"]
                log.step(done, {"loss": mean_loss, "iou": ratio(both, either), "shots": shots, "rate": rate})
            log.advance(done, recipe.batch * world * parts * (batch.masks.shape[1] + 1))
            validates = done % recipe.every == 0 or done == steps
            if validates and main:
                scores = validate(average, material, recipe, device)
                better = scores["base_iou"] > best
                if better:
                    best = scores["base_iou"]
                    save_weights(average, out / "best")
                log.validated(done, scores, better)
            if main and (validates or done % recipe.save_every == 0):
                save_state(out, _state(done, best, net, average, optimizer, accelerator.scaler), identity)
            if validates:
                accelerator.wait_for_everyone()
    if main:
        publish(out / "best", out)
        _export_graphs(out)
    accelerator.wait_for_everyone()
    return out


def _export_graphs(out: Path) -> None:
    """Beside a default network's weights its graphs, so that they serve without torch."""
    from asgnet.model.checkpoint import load_weights
    from asgnet.model.default.network import DefaultNet
    from asgnet.model.export import export_graphs

    net = load_weights(out)
    if isinstance(net, DefaultNet):
        export_graphs(net.eval(), out)


def make_accelerator(recipe: Recipe) -> Accelerator:
    """One process or many, as ``accelerate launch`` says.

    Raises:
        UsageError: fp16 without a GPU, which accelerate would quietly compute in full precision.
    """
    from accelerate import Accelerator, DistributedDataParallelKwargs, InitProcessGroupKwargs
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state()  # else the precision of a process's first run is that of all
    accelerator = Accelerator(
        mixed_precision=recipe.precision,
        gradient_accumulation_steps=recipe.accumulate,
        kwargs_handlers=[
            InitProcessGroupKwargs(timeout=timedelta(hours=12)),  # the others wait for the cache
            DistributedDataParallelKwargs(find_unused_parameters=not recipe.auxiliary),
        ],
    )
    if recipe.precision == "fp16" and accelerator.device.type == "cpu":
        raise UsageError("precision = 'fp16' needs a GPU, and there is none; take bf16 or no.")
    return accelerator


def make_optimizer(net: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Over what is not frozen."""
    weights = [p for p in net.parameters() if p.requires_grad]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(weights, recipe.rate, recipe.momentum, weight_decay=recipe.decay)
    return torch.optim.AdamW(weights, recipe.rate, weight_decay=recipe.decay)


def rate_factor(step: int, steps: int, recipe: Recipe) -> float:
    """What the rate is multiplied by in a step, from 0."""
    warm = min(1.0, (step + 1) / recipe.warmup) if recipe.warmup else 1.0
    if recipe.schedule == "poly":
        return warm * (1 - (step + recipe.first_step) / steps) ** recipe.power
    wave = (1 + math.cos(math.pi * step / steps)) / 2
    return warm * (recipe.floor + (1 - recipe.floor) * wave)


def total_steps(recipe: Recipe, material: Material, processes: int) -> int:
    """The recipe's steps, or its epochs over the training pictures that show a class."""
    if not recipe.epochs:
        return recipe.steps
    pictures = sum(len(source.showing[0]) for source in material.train)
    return max(1, round(recipe.epochs * pictures / (recipe.batch * recipe.accumulate * processes)))


@torch.no_grad()
def follow(average: nn.Module, net: nn.Module, keep: float) -> None:
    """Move the averaged weights towards the network's; the frozen backbone is shared."""
    own, new = average.state_dict(), net.state_dict()
    names = [name for name in own if not name.startswith("backbone.")]
    floats = [name for name in names if own[name].is_floating_point()]
    torch._foreach_lerp_([own[n] for n in floats], [new[n] for n in floats], 1 - keep)
    for name in set(names) - set(floats):
        own[name].copy_(new[name])


def _state(
    step: int, best: float, net: nn.Module, average: nn.Module, optimizer: Any, scaler: Any
) -> dict[str, Any]:
    """What ``load_state`` gives back; there is no generator whose state would have to be kept."""
    state = {"step": step, "best": best, "net": _trained(net), "average": _trained(average)}
    state["optimizer"] = optimizer.state_dict()
    return state | ({} if scaler is None else {"scaler": scaler.state_dict()})


def _load(net: nn.Module, tensors: dict[str, Tensor], out: Path) -> None:
    """What :func:`_trained` gave.

    Raises:
        UsageError: not all of it is there.
    """
    missing = net.load_state_dict(tensors, strict=False).missing_keys
    if any(not name.startswith("backbone.") for name in missing):
        raise UsageError(
            f"{str(out)!r} holds a run of another version of asgnet; begin a new one in another --out."
        )


def _trained(net: nn.Module) -> dict[str, Tensor]:
    """All but the frozen weights; statistics may drift."""
    frozen = {name for name, _ in net.named_parameters() if name.startswith("backbone.")}
    return {name: t for name, t in net.state_dict().items() if name not in frozen}


def _story(
    net: nn.Module, material: Material, recipe: Recipe, identity: dict[str, Any], steps: int, command: str
) -> dict[str, Any]:
    """training.json."""
    trained = sum(p.numel() for p in net.parameters() if p.requires_grad)
    return {
        "command": command,
        "recipe": recipe.model_dump(),
        "seed": identity["seed"],
        "steps": steps,
        "processes": identity["processes"],
        "trained_parameters": trained,
        "data": material.datasets_used,
        "selected_on": "test" if identity["selected on the tested classes of"] else "base",
        "environment": environment(net, command),
    }
