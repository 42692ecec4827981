"""``asgnet train``: parse, call the study room, print."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from asgnet.errors import DataError, OutputError, UsageError
from asgnet.faces.cli import console
from asgnet.faces.cli import study_options as given

if TYPE_CHECKING:
    from huggingface_hub import HfApi  # noqa: TID251 (for its type alone)

    from asgnet.data.benchmarks.dataset import Dataset


UPLOADED = ("config.json", "model.safetensors", "recipe.toml", "training.json", "metrics.jsonl")


def train(
    data: Annotated[
        list[str],
        typer.Option(
            "--data",
            metavar="DATASET",
            help="voc:PATH, coco2014:PATH, coco2017:PATH, fss1000:PATH, folder:PATH, or a path. Repeatable.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for weights, metrics and checkpoints.")],
    recipe: Annotated[
        str,
        typer.Option(help="default, light, paper-pascal, paper-coco, asgnet-code-pascal, or a TOML file."),
    ] = "default",
    change: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a number of the recipe. Repeatable."),
    ] = None,
    fold: Annotated[
        int | None, typer.Option(help="Leave out this fold's classes, from 0. Default: train on all.")
    ] = None,
    protocol: given.Protocol = "pascal-5i",
    convention: given.Convention = None,
    novel_images: Annotated[
        Literal["keep", "drop"],
        typer.Option(help="Training pictures that show a left-out class: keep or drop."),
    ] = "keep",
    split: Annotated[
        str | None,
        typer.Option(help="train, val or all. Default: the training one, all where there is none."),
    ] = None,
    listed: Annotated[
        Path | None,
        typer.Option(
            "--list", help="Train on the pictures that this file names (of the first --data) alone."
        ),
    ] = None,
    select_on: Annotated[
        Literal["base", "test"],
        typer.Option(
            help="Choose weights on held-out pictures of base classes, or (published) on the test fold."
        ),
    ] = "base",
    shots: Annotated[
        list[int] | None, typer.Option("--shots", "-k", help="Supports; several: one of them per batch.")
    ] = None,
    backbone: Annotated[
        str | None, typer.Option(help="published-50, published-101, lite0, or any timm network.")
    ] = None,
    backbone_weights: Annotated[
        str | None,
        typer.Option(
            help="imagenet (downloads), a weights folder, a published or bare ResNet's .pth, or .safetensors."
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Steps of the optimizer, instead of the recipe's.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other episodes.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where --out was left; start if nothing is there.")
    ] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the network on a CPU.")] = None,
    push_to_hub: Annotated[
        str | None, typer.Option(metavar="REPO", help="Upload the result to this Hugging Face repository.")
    ] = None,
    cache_dir: given.CacheDir = None,
    workers: given.Workers = None,
) -> None:
    """Train a network on your data. Prints the folder of the weights, ready for --net and --weights.

    **Examples**

    `asgnet train --data voc:VOCdevkit --data folder:CCP --out runs/default`

    `asgnet train --recipe paper-pascal --backbone-weights imagenet --data voc:VOCdevkit --fold 1 --out p1`

    `asgnet train --data voc:VOCdevkit --set rate=0.001 --steps 500 --out runs/slow --resume`
    """
    _need_accelerate()
    from asgnet.study.recipe import load_recipe, parse_changes
    from asgnet.study.sampling.material import cut_folds
    from asgnet.study.training.memory import keep_memory
    from asgnet.study.training.start import make_net
    from asgnet.study.training.train import train as run

    changes = parse_changes(change or [])
    if steps is not None:
        changes |= {"steps": steps, "epochs": 0.0}
    if shots:
        changes |= {"shots": shots, "odds": []}
    if backbone is not None:
        changes["backbone"] = backbone
    chosen = load_recipe(recipe, changes)
    hub = _hub(push_to_hub) if push_to_hub is not None and _first() else None
    keep_memory()
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    with console.phase("making the network"):
        net = make_net(chosen, backbone_weights, seed)
    with console.phase(f"reading {', '.join(data)}"):
        datasets = [_open(spec, split, cache_dir, workers) for spec in data]
    if listed is not None:
        datasets[0] = datasets[0].only(listed)
    folds = cut_folds(datasets, protocol, fold, convention)
    selection = _tested(data, fold, cache_dir, workers) if select_on == "test" else []
    with console.phase("preparing the training pictures, then training"):
        folder = run(
            datasets, folds, chosen, out, net=net, novel=novel_images, seed=seed, resume=resume,
            cache_dir=cache_dir, workers=workers, selection=selection, command=shlex.join(["asgnet", *sys.argv[1:]]),
        )  # fmt: skip
    if hub is not None and push_to_hub is not None:
        _push(hub, folder, push_to_hub)
    if _first():
        console.put(str(folder))


def _need_accelerate() -> None:
    from importlib.util import find_spec

    if find_spec("accelerate") is None or find_spec("filelock") is None:
        raise UsageError("Training needs more packages; run: pip install 'asgnet[train]'")


def _open(spec: str, split: str | None, cache_dir: Path | None, workers: int | None) -> Dataset:
    """The training split where there is one, all pictures otherwise."""
    from asgnet.data.benchmarks.dataset import open_dataset

    try:
        return open_dataset(spec, split or "train", cache_dir=cache_dir, workers=workers)
    except DataError as problem:
        if split is not None or "has no split 'train'" not in str(problem):
            raise
    return open_dataset(spec, "all", cache_dir=cache_dir, workers=workers)


def _tested(data: list[str], fold: int | None, cache_dir: Path | None, workers: int | None) -> list[Dataset]:
    """The validation splits, to choose weights on the tested classes; said in red."""
    from rich.console import Console

    from asgnet.data.benchmarks.dataset import open_dataset

    if fold is None:
        raise UsageError("--select-on test needs --fold: without one there are no tested classes.")
    Console(stderr=True).print(
        "Weights are chosen on the tested classes, as the published code does: the figures are too good, and no "
        "estimate for new classes.",
        style="bold red",
    )
    return [open_dataset(spec, "val", cache_dir=cache_dir, workers=workers) for spec in data]


def _first() -> bool:
    """Of the processes that ``accelerate launch`` started, or the only one."""
    return os.environ.get("RANK", "0") == "0"


def _hub(repository: str) -> HfApi:
    """The hub, where the repository now exists; asked before an hour of training, not after.

    Raises:
        OutputError: it cannot be written to.
    """
    from asgnet import quiet

    api = quiet.huggingface_hub().HfApi()
    try:
        api.create_repo(repository, exist_ok=True)
    except Exception as problem:  # the hub raises whatever its transports raise
        raise _not_uploaded(repository, problem) from problem
    return api


def _push(api: HfApi, folder: Path, repository: str) -> None:
    """Upload what ``from_pretrained`` needs, and how it came about."""
    try:
        api.upload_folder(repo_id=repository, folder_path=folder, allow_patterns=list(UPLOADED))
    except Exception as problem:
        raise _not_uploaded(repository, problem) from problem
    console.say(f"uploaded to https://huggingface.co/{repository}")


def _not_uploaded(repository: str, problem: Exception) -> OutputError:
    reason = (str(problem).strip() or type(problem).__name__).splitlines()[0].rstrip(".")
    return OutputError(
        f"The repository {repository!r} cannot be written to ({reason}); log in with `hf auth login`, "
        "or train without --push-to-hub."
    )
