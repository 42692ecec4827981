"""The options of all commands that learn from examples, each named and explained once; and what they mean."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asgnet.errors import UsageError
from asgnet.faces import _console as console

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter


class Runtime(StrEnum):
    """What computes the answers."""

    auto = "auto"
    openvino = "openvino"
    onnx = "onnx"
    torch = "torch"


class Precision(StrEnum):
    """Of predicting."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"


Supports = Annotated[
    list[str] | None,
    typer.Option(
        "--support",
        metavar="IMG MASK",
        help="A picture and its mask (non-zero = object). Repeat for more examples.",
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(help="A weights folder or Hub name. Default: those that came with the installation."),
]
Device = Annotated[str, typer.Option(help="Where the model runs: cpu, cuda, cuda:1 …")]
RuntimeName = Annotated[
    Runtime, typer.Option("--runtime", help="What computes: auto is the fastest that is installed.")
]
PrecisionName = Annotated[
    Precision, typer.Option("--precision", help="auto: bf16 where processor and runtime are fast in it.")
]
Adapt = Annotated[
    bool | None,
    typer.Option("--adapt/--no-adapt", help="Learn on the examples first. Default: where it helps."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line on stdout.")]


def load_segmenter(
    weights: str | None,
    device: str = "cpu",
    runtime: Runtime = Runtime.auto,
    precision: Precision = Precision.auto,
) -> Segmenter:
    from asgnet.apply.segmenter import Segmenter

    return Segmenter.from_pretrained(weights, device, runtime.value, precision.value)


def some(support: list[str] | None) -> list[str]:
    if not support:
        raise UsageError("Give at least one example: --support IMG MASK.")
    return support


def pairs(support: list[str]) -> tuple[list[Path], list[Path]]:
    pairs = [value.split(console.PAIR) for value in support]
    return [Path(image) for image, _ in pairs], [Path(mask) for _, mask in pairs]


def fit_examples(
    segmenter: Segmenter,
    support: list[str] | None,
    adapt: bool | None,
    name: str = "object",
    keep_pictures: bool = False,
) -> None:
    images, masks = pairs(some(support))
    segmenter.fit(
        images, {name: masks}, adapt="auto" if adapt is None else adapt, keep_pictures=keep_pictures
    )
