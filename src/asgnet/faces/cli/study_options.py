"""What ``episodes``, ``evaluate`` and ``ablate`` share: options, each explained once, and what they mean."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from asgnet.errors import UsageError, note
from asgnet.faces.cli import console

if TYPE_CHECKING:
    from asgnet.data.benchmarks.dataset import Dataset
    from asgnet.data.benchmarks.episodes import EpisodeList
    from asgnet.model.build import Network


DatasetArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATASET",
        help="voc:PATH, coco2014:PATH, coco2017:PATH, fss1000:PATH, folder:PATH, or a path (then guessed).",
        show_default=False,
    ),
]
Split = Annotated[str | None, typer.Option(help="train, val, test or all. Default: the tested one.")]
Protocol = Annotated[str, typer.Option(help="pascal-5i, coco-20i, fss1000, N-fold (4-fold), or all classes.")]
FoldNumber = Annotated[int, typer.Option("--fold", help="Which fold's classes are tested, from 0.")]
Convention = Annotated[
    str | None, typer.Option(help="contiguous or every-fourth; for coco-20i one must be named.")
]
Shots = Annotated[int, typer.Option("--shots", "-k", help="Supports per class.")]
ManyShots = Annotated[list[int], typer.Option("--shots", "-k", help="Supports per class, a column each.")]
Ways = Annotated[int, typer.Option(help="Classes per episode.")]
Count = Annotated[int, typer.Option("--episodes", "-n", help="Episodes per list.")]
Seed = Annotated[int, typer.Option(help="Seed of the (first) list.")]
Seeds = Annotated[int, typer.Option(help="How many lists, of seeds SEED, SEED + 1, …")]
MinPictures = Annotated[int, typer.Option(help="Leave out classes with fewer pictures.")]
MinPixels = Annotated[int, typer.Option(help="A picture counts for a class from so many pixels on.")]
Order = Annotated[
    Literal["classes", "pictures"],
    typer.Option(help="Draw a class, then its query; or walk the pictures, then draw a class (published)."),
]
QueryPixels = Annotated[
    int | None,
    typer.Option(help="A query shows its class from so many pixels on. Default: --min-pixels; published: 1."),
]
Preset = Annotated[str, typer.Option(help="The preset that a published .pth belongs to.")]
Size = Annotated[int, typer.Option(help="Input side of the network (--net).")]
Resize = Annotated[
    Literal["pad", "squash"], typer.Option(help="How the network's input (--net) becomes square.")
]
Geometry = Annotated[
    Literal["rounded", "floored"],
    typer.Option(help="How --resize pad rounds sides: to a pixel, or down to multiples of 8 (published)."),
]
ProtocolOf = Annotated[
    Literal["asgnet-code"] | None,
    typer.Option(help="All switches as a publication's code has them: order, query pixels, geometry."),
]
Device = Annotated[str, typer.Option(help="Where the network (--net) runs: cpu, cuda, cuda:1 …")]
CacheDir = Annotated[Path | None, typer.Option(help="Where indices are kept. Default: your cache folder.")]
Workers = Annotated[
    int | None, typer.Option(min=0, help="Processes for a dataset's first reading. Default: one a core.")
]
Keep = Annotated[
    int,
    typer.Option(
        min=0,
        help="Keep what the backbone saw in so many pictures (the Segmenter: 11 MB each, and as many fits; a "
        "bare network: 1 GB at most), which changes no result. 0: none; then the seconds measured are those "
        "of new pictures.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that are there.")]


@dataclass(frozen=True)
class Drawn:
    """Of which dataset and classes episodes are drawn, and how many."""

    dataset: DatasetArgument
    split: Split = None
    protocol: Protocol = "all"
    fold: FoldNumber = 0
    convention: Convention = None
    count: Count = 1000
    seed: Seed = 0
    min_pictures: MinPictures = 0
    min_pixels: MinPixels = 2048
    order: Order = "classes"
    query_pixels: QueryPixels = None
    cache_dir: CacheDir = None
    workers: Workers = None

    def open(self) -> Dataset:
        """The dataset itself."""
        from asgnet.data.benchmarks.dataset import open_dataset

        with console.phase(f"reading {self.dataset}"):
            return open_dataset(self.dataset, self.split, cache_dir=self.cache_dir, workers=self.workers)

    def lists(
        self, dataset: Dataset, shots: int, ways: int = 1, seeds: int = 1, enough: int = 0
    ) -> list[EpisodeList]:
        """One list a seed, of the fold's classes with pictures enough."""
        from asgnet.data.benchmarks.episodes import draw
        from asgnet.data.benchmarks.folds import open_fold

        if seeds < 1:
            raise UsageError("--seeds is at least 1.")
        cut = open_fold(dataset, self.protocol, self.fold, convention=self.convention)
        drawn = [
            draw(
                dataset, cut.test, shots, self.count, self.seed + i, ways=ways, min_pixels=self.min_pixels,
                min_pictures=max(self.min_pictures, enough), protocol=cut.name,
                order=self.order, query_pixels=self.query_pixels,
            )
            for i in range(seeds)
        ]  # fmt: skip
        left_out = [dataset.classes[index] for index in cut.test if index not in drawn[0].classes]
        if left_out:
            console.say(f"{cut.name}: left out for too few pictures: {', '.join(left_out)}.")
        return drawn

    def lists_by_shots(
        self, dataset: Dataset, shots: list[int], ways: int, seeds: int
    ) -> dict[int, list[EpisodeList]]:
        """Lists for every number of shots, about the same queries, with supports that grow."""
        enough = max(shots) + 1  # the same classes for all: those with pictures enough for the most shots
        return {k: self.lists(dataset, k, ways, seeds, enough) for k in sorted(set(shots))}


@dataclass(frozen=True)
class Input:
    """What a bare network is, and what it is given."""

    preset: Preset = "paper-r50"
    size: Size = 473
    resize: Resize = "pad"
    geometry: Geometry = "rounded"
    device: Device = "cpu"


def as_published(drawn: Drawn, network: Input) -> tuple[Drawn, Input]:
    """The switches of the published evaluation: pictures walked, queries of any area, sides floored."""
    return replace(drawn, order="pictures", query_pixels=1), replace(
        network, resize="pad", geometry="floored"
    )


def say_seen(weights: str | None, classes: Collection[str]) -> None:
    """Warn of classes that a folder of weights (None: the installed ones) was trained on."""
    from asgnet.model import checkpoint

    folder = Path(checkpoint.__file__).with_name("bundled") if weights is None else Path(weights)
    try:
        story = json.loads((folder / "training.json").read_text("utf-8"))
        trained = {str(name).casefold() for one in story["data"] for name in one["trained_classes"]}
    except (OSError, ValueError, KeyError, TypeError):
        return  # a preset, a published file, a repository: what it was trained on is not known
    seen = sorted(name for name in set(classes) if name.casefold() in trained)
    if seen:
        note(
            f"These weights were trained on {', '.join(seen)}: the figures are too good for classes that "
            "training never saw. Ask about others, or train without them (asgnet train --fold)."
        )


def predictor(
    weights: str | None,
    adapt: bool | None,
    edges: bool,
    net: str | None,
    given: Input,
    keep: int,
) -> tuple[Any, dict[str, Any]]:
    """The Segmenter and its options of ``fit``, or with ``--net`` the network's predictor, which has none."""
    if net is not None:
        if weights is not None or adapt is not None or not edges:
            raise UsageError(
                "--weights, --adapt and --no-edges are for the Segmenter; leave them out beside --net."
            )
        from asgnet.study.evaluation.feature_cache import FeatureCache
        from asgnet.study.evaluation.predictor import NetPredictor

        loaded: Any = load_net(net, given)  # of another kind is refused by name
        encode = FeatureCache(loaded.encode, keep) if keep else None
        return NetPredictor(
            loaded, size=given.size, resize=given.resize, geometry=given.geometry, encode=encode
        ), {}
    if given.device != "cpu":
        raise UsageError("--device is for --net; the Segmenter is measured on the CPU.")
    from asgnet.apply.cached_fits import CachedFits
    from asgnet.apply.segmenter import Segmenter

    segmenter = Segmenter.from_pretrained(weights, engine="torch", precision="fp32", edges=edges)
    options = {} if adapt is None else {"adapt": adapt}
    if keep:
        return CachedFits(segmenter.with_feature_cache(keep), keep), options
    return segmenter, options


def load_net(net: str, given: Input) -> Network:
    """A weights folder or file, a published checkpoint, or a preset with an untrained head."""
    from asgnet.model.checkpoint import load_weights
    from asgnet.model.paper.asgnet import ASGNet
    from asgnet.model.published import load_published

    found: Network
    path = Path(net).expanduser()
    if path.suffix in (".pth", ".pt"):
        found = load_published(path, given.preset)
    elif path.exists():
        found = load_weights(path)
    else:
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # the same head, and so the same numbers, at every run
            found = ASGNet.from_preset(net)
        console.say(f"{net} is a preset: its head is untrained.")
    try:
        return found.to(given.device)
    except (RuntimeError, AssertionError) as problem:
        reason = str(problem).splitlines()[0].rstrip(".")
        raise UsageError(f"The device {given.device!r} cannot be used: {reason}.") from problem
