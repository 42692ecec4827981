"""The options that ``episodes``, ``evaluate`` and ``ablate`` share, each named and explained once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class ResizeRule(StrEnum):
    """How a network's input becomes square."""

    pad = "pad"
    squash = "squash"


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
Preset = Annotated[str, typer.Option(help="The preset that a published .pth belongs to.")]
Size = Annotated[int, typer.Option(help="Input side of the network (--net).")]
Resize = Annotated[ResizeRule, typer.Option(help="How the network's input (--net) becomes square.")]
Device = Annotated[str, typer.Option(help="Where the network (--net) runs: cpu, cuda, cuda:1 …")]
CacheDir = Annotated[Path | None, typer.Option(help="Where indices are kept. Default: your cache folder.")]
Workers = Annotated[
    int | None, typer.Option(help="Processes for a dataset's first reading. Default: one a core.")
]
Keep = Annotated[
    int,
    typer.Option(
        min=0,
        help="Keep what the backbone saw in so many pictures (the Segmenter: 11 MB each), which changes no "
        "result. 0: none; then the seconds measured are those of new pictures.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that are there.")]
