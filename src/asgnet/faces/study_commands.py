"""``asgnet episodes``, ``asgnet evaluate``, ``asgnet ablate``: parse, call the study room, print."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asgnet.errors import OutputError, UsageError
from asgnet.faces import _console as console
from asgnet.faces import _study_options as given

if TYPE_CHECKING:
    from asgnet.data.benchmarks import Dataset
    from asgnet.data.episodes import EpisodeList
    from asgnet.model.asgnet import ASGNet


def episodes(
    dataset: given.DatasetArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.", show_default=False)],
    split: given.Split = None,
    protocol: given.Protocol = "all",
    fold: given.FoldNumber = 0,
    convention: given.Convention = None,
    shots: given.Shots = 1,
    ways: given.Ways = 1,
    count: given.Count = 1000,
    seed: given.Seed = 0,
    min_pictures: given.MinPictures = 0,
    min_pixels: given.MinPixels = 2048,
    cache_dir: given.CacheDir = None,
    workers: given.Workers = None,
    overwrite: given.Overwrite = False,
) -> None:
    """Draw a list of episodes and freeze it in a file that `asgnet evaluate --list` replays.

    The same pictures, fold, shots and seed give the same list on every machine. Prints its SHA-256.

    **Example**

    `asgnet episodes voc:VOCdevkit --protocol pascal-5i --fold 1 -k 5 --out fold1-5shot.jsonl`
    """
    from asgnet.data.benchmarks import open_dataset

    _free(out, overwrite)
    opened = open_dataset(dataset, split, cache_dir=cache_dir, workers=workers)
    (listed,) = _lists(
        opened, protocol, fold, convention, 1, seed, min_pictures,
        shots=shots, ways=ways, count=count, min_pixels=min_pixels,
    )  # fmt: skip
    listed.save(out)
    names = ", ".join(listed.classes.values())
    console.say(f"{len(listed.episodes)} episodes of {len(listed.classes)} classes ({names}) in {out}")
    print(listed.hash)


def evaluate(
    dataset: given.DatasetArgument,
    split: given.Split = None,
    weights: Annotated[
        str | None,
        typer.Option(help="The Segmenter's weights: a folder or Hub name. Default: the installed ones."),
    ] = None,
    adapt: Annotated[
        bool | None,
        typer.Option("--adapt/--no-adapt", help="The Segmenter learns on supports. Default: where it helps."),
    ] = None,
    edges: Annotated[
        bool, typer.Option("--edges/--no-edges", help="The Segmenter's masks follow the pictures' edges.")
    ] = True,
    net: Annotated[
        str | None,
        typer.Option(
            help="Measure a bare network: a weights folder, a published .pth, or a preset (untrained)."
        ),
    ] = None,
    preset: given.Preset = "paper-r50",
    protocol: given.Protocol = "all",
    fold: given.FoldNumber = 0,
    convention: given.Convention = None,
    shots: given.Shots = 1,
    ways: given.Ways = 1,
    count: given.Count = 1000,
    seed: given.Seed = 0,
    seeds: given.Seeds = 1,
    min_pictures: given.MinPictures = 0,
    min_pixels: given.MinPixels = 2048,
    frozen: Annotated[
        list[Path] | None,
        typer.Option("--list", help="Replay a file of `asgnet episodes`, and draw nothing. Repeatable."),
    ] = None,
    size: given.Size = 473,
    resize: given.Resize = given.ResizeRule.pad,
    device: given.Device = "cpu",
    presence: Annotated[
        bool, typer.Option("--presence", help="Also ask a picture without the object per episode: AUROC.")
    ] = False,
    boundary: Annotated[bool, typer.Option(help="Measure boundary F.")] = True,
    pictures: Annotated[
        int, typer.Option(min=0, help="Draw so many random and so many worst episodes: OUT/pictures.png.")
    ] = 0,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for results.json and the rest.")] = Path(
        "asgnet-results"
    ),
    cache_dir: given.CacheDir = None,
    workers: given.Workers = None,
    keep: given.Keep = 100,
    as_json: given.AsJson = False,
    overwrite: given.Overwrite = False,
) -> None:
    """Measure the Segmenter, or a bare network (--net), on frozen episodes of a dataset.

    Prints a table; writes results.json (metrics, protocol, list hashes, environment), episodes.jsonl (one
    line an episode) and the lists themselves, ready to be replayed.

    **Examples**

    `asgnet evaluate voc:VOCdevkit --protocol pascal-5i --fold 1 -k 5 --seeds 5`

    `asgnet evaluate coco2014:coco --protocol coco-20i --convention every-fourth --net epoch50.pth --size 641`
    """
    from asgnet.data.benchmarks import open_dataset
    from asgnet.data.episodes import load
    from asgnet.study.evaluate import evaluate as run

    _free(out / "results.json", overwrite)
    predictor, fit_options = _predictor(weights, adapt, edges, net, preset, device)
    opened = open_dataset(dataset, split, cache_dir=cache_dir, workers=workers)
    lists = [load(path, opened) for path in frozen or ()] or _lists(
        opened, protocol, fold, convention, seeds, seed, min_pictures,
        shots=shots, ways=ways, count=count, min_pixels=min_pixels,
    )  # fmt: skip
    report = run(
        predictor, opened, lists, size=size, resize=resize.value, presence=presence, boundary=boundary,
        fit_options=fit_options, command=_command(),
    )  # fmt: skip
    file = report.save(out)
    for i, one in enumerate(lists):
        one.save(out / f"list-{i}.jsonl")
    if pictures:
        from asgnet.data.images import save_png
        from asgnet.study.evaluate import as_predictor
        from asgnet.study.pictures import draw_grid

        asked = as_predictor(predictor, size=size, resize=resize.value)
        grid = draw_grid(asked, opened, lists, report.episodes, pictures, fit_options=fit_options)
        save_png(out / "pictures.png", grid)
    if as_json:
        console.emit(report.as_dict())
    else:
        _print(report.table())
    console.say(f"results in {file}")


def ablate(
    dataset: given.DatasetArgument,
    net: Annotated[
        str,
        typer.Option(help="A weights folder, a published .pth, or a preset (untrained).", show_default=False),
    ],
    split: given.Split = None,
    preset: given.Preset = "paper-r50",
    protocol: given.Protocol = "all",
    fold: given.FoldNumber = 0,
    convention: given.Convention = None,
    shots: given.ManyShots = [1, 5],  # noqa: B006  (typer's way of a repeatable default)
    count: given.Count = 1000,
    seed: given.Seed = 0,
    seeds: given.Seeds = 1,
    min_pictures: given.MinPictures = 0,
    min_pixels: given.MinPixels = 2048,
    size: given.Size = 473,
    resize: given.Resize = given.ResizeRule.pad,
    device: given.Device = "cpu",
    cache_dir: given.CacheDir = None,
    workers: given.Workers = None,
    as_json: given.AsJson = False,
) -> None:
    """Print the paper's three ablation tables for one network, every row on the same episodes.

    Prototypes and allocation (masked average or SGC, expanded or allocated); number of prototypes (N_max 1
    to 9, always five); k-shot fusion (pooled prototypes, masks, features, HSNet's vote).

    **Example**

    `asgnet ablate voc:VOCdevkit --net runs/fold1 --protocol pascal-5i --fold 1 -k 1 -k 5`
    """
    from asgnet.data.benchmarks import open_dataset
    from asgnet.study.ablate import ablate as run
    from asgnet.study.ablate import paper_variants
    from asgnet.study.report import markdown

    loaded = _load_net(net, preset, device)
    opened = open_dataset(dataset, split, cache_dir=cache_dir, workers=workers)
    # the same classes in every column: those with pictures enough for the most shots
    enough = max(min_pictures, max(shots) + 1)
    lists = {
        f"{k}-shot": _lists(
            opened, protocol, fold, convention, seeds, seed, enough,
            shots=k, ways=1, count=count, min_pixels=min_pixels,
        )
        for k in shots
    }  # fmt: skip
    found = {}
    for title, variants in paper_variants(loaded, size=size, resize=resize.value).items():
        found[title] = run(variants, opened, lists, boundary=False)
        if not as_json:
            print(f"**{title}**\n\n{markdown(found[title])}", flush=True)
    if as_json:
        console.emit({"command": _command(), "tables": found})


def _lists(
    dataset: Dataset,
    protocol: str,
    fold: int,
    convention: str | None,
    seeds: int,
    seed: int,
    min_pictures: int,
    **options: Any,
) -> list[EpisodeList]:
    """One list a seed, of the fold's classes."""
    from asgnet.data.episodes import draw
    from asgnet.data.folds import open_fold

    if seeds < 1:
        raise UsageError("--seeds is at least 1.")
    cut = open_fold(dataset, protocol, fold, convention=convention)
    lists = [
        draw(dataset, cut.test, seed=seed + i, min_pictures=min_pictures, protocol=cut.name, **options)
        for i in range(seeds)
    ]
    left_out = [dataset.classes[index] for index in cut.test if index not in lists[0].classes]
    if left_out:
        console.say(f"{cut.name}: left out for too few pictures: {', '.join(left_out)}.")
    return lists


def _predictor(
    weights: str | None, adapt: bool | None, edges: bool, net: str | None, preset: str, device: str
) -> tuple[Any, dict[str, Any]]:
    """The Segmenter and its options of ``fit``, or with ``--net`` the network, which has none."""
    if net is not None:
        if weights is not None or adapt is not None or not edges:
            raise UsageError(
                "--weights, --adapt and --no-edges are for the Segmenter; leave them out beside --net."
            )
        return _load_net(net, preset, device), {}
    if device != "cpu":
        raise UsageError("--device is for --net; the Segmenter is measured on the CPU.")
    from asgnet.apply.segmenter import Segmenter

    segmenter = Segmenter.from_pretrained(weights, engine="torch", precision="fp32", edges=edges)
    return segmenter, {} if adapt is None else {"adapt": adapt}


def _load_net(net: str, preset: str, device: str) -> ASGNet:
    """A weights folder or file, a published checkpoint, or a preset with an untrained head."""
    from asgnet.model.asgnet import ASGNet
    from asgnet.model.weights import load_published, load_weights

    path = Path(net).expanduser()
    if path.suffix in (".pth", ".pt"):
        found = load_published(path, preset)
    elif path.exists():
        found = load_weights(path)
    else:
        found = ASGNet.from_preset(net)
        console.say(f"{net} is a preset: its head is untrained.")
    try:
        return found.to(device)
    except (RuntimeError, AssertionError) as problem:
        reason = str(problem).splitlines()[0].rstrip(".")
        raise UsageError(f"The device {device!r} cannot be used: {reason}.") from problem


def _free(file: Path, overwrite: bool) -> None:
    if file.exists() and not overwrite:
        raise OutputError(f"{str(file)!r} exists already; give another --out, or --overwrite to replace it.")


def _command() -> str:
    return shlex.join(["asgnet", *sys.argv[1:]])


def _print(table: Any) -> None:
    from rich.console import Console

    Console().print(table)
