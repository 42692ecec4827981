"""The options of all commands that learn from examples, each named and explained once; and what they mean."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from asgnet.errors import UsageError
from asgnet.faces.cli import console
from asgnet.faces.cli.scales import said_of_scales, side_of, thoroughness_of

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter
    from asgnet.types import Rendering


Supports = Annotated[
    list[str] | None,
    typer.Option(
        "--support",
        metavar="IMG MASK",
        help="A picture and its mask (non-zero = object) or annotation file. Repeat for more examples.",
    ),
]
SupportDir = Annotated[
    Path | None,
    typer.Option(
        "--support-dir",
        metavar="FOLDER",
        help="A folder of pictures and their masks (mug.jpg and mug.png or mug_mask.png; images/ and masks/) "
        "or annotation files (labelme, COCO, YOLO, Label Studio). Says what it paired.",
    ),
]
Unpainted = Literal["auto", "background", "unknown"]
UnpaintedWord = Annotated[
    Unpainted,
    typer.Option(
        "--unpainted",
        help="What unpainted pixels of the examples are. unknown: only some objects, or strokes in them, are "
        "painted. auto: unknown where more of the object seems unpainted. Annotated pictures are complete "
        "unless unknown is said.",
    ),
]
Backgrounds = Annotated[
    list[str] | None,
    typer.Option(
        "--background",
        metavar="IMG MASK",
        help="A picture among the examples, and a mask that is non-zero where its background is painted: the "
        "rest of it is unknown. Repeat for more.",
        show_default=False,
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(help="A weights folder or Hub name. Default: those that came with the installation."),
]
Device = Annotated[str, typer.Option(help="Where the model runs: cpu, cuda, cuda:1 …")]
Runtime = Literal["auto", "openvino", "onnx", "torch"]
Precision = Literal["auto", "fp32", "bf16"]
RuntimeName = Annotated[
    Runtime,
    typer.Option("--runtime", help="What computes: auto is the fastest that is installed."),
]
PrecisionName = Annotated[
    Precision,
    typer.Option("--precision", help="auto: bf16 where processor and runtime are fast in it."),
]
Adapt = Annotated[
    bool | None,
    typer.Option("--adapt/--no-adapt", help="Learn on the examples first. Default: where it helps."),
]
Effort = Literal["quick", "auto", "best"]
EffortWord = Annotated[
    Effort,
    typer.Option("--effort", help="Of learning: quick takes a second, auto some, best up to a minute."),
]
Channels = Annotated[
    str,
    typer.Option(
        metavar="R,G,B",
        help="Of pictures with other channels: which are seen, by name or number (3,2,1), or an index of them "
        "((4-3)/(4+3)). Default: the first three. Kept in the concept.",
        show_default=False,
    ),
]
Range = Annotated[
    str | None,
    typer.Option(
        "--range",
        metavar="LOW,HIGH",
        help="Of pictures of more than 8 bits: the values seen as black and white. Default: found in the "
        "examples. Kept in the concept.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line on stdout.")]


def load_segmenter(
    weights: str | None,
    device: str = "cpu",
    runtime: Runtime = "auto",
    precision: Precision = "auto",
) -> Segmenter:
    """The Segmenter that the options ask for."""
    with console.phase("loading the model"):
        from asgnet.apply.segmenter import Segmenter

        return Segmenter.from_pretrained(weights, device, runtime, precision)


class Examples(NamedTuple):
    """Pictures, their masks by class, and of each picture whether its mask is a file of annotations."""

    images: list[Path]
    masks: dict[str, list[Any]]
    annotated: list[bool]


Partly = tuple[Unpainted, list[str] | None]
"""What ``--unpainted`` and ``--background`` say."""


def partly_painted(given: Examples, unpainted: Unpainted, background: list[str] | None) -> dict[str, Any]:
    """What ``Segmenter.fit`` is told of unpainted pixels.

    Raises:
        UsageError: the background is of a picture that is no example.
    """
    images = given.images
    grounds: list[Path | None] = [None] * len(images)
    for picture, mask in zip(*pairs(background or []), strict=True):
        same = [i for i, image in enumerate(images) if os.path.abspath(image) == os.path.abspath(picture)]
        if not same:
            raise UsageError(
                f"--background {picture}: that picture is no example; give it with --support, too."
            )
        grounds[same[0]] = mask
    words = [
        "background" if unpainted == "auto" and whole and ground is None else unpainted
        for whole, ground in zip(given.annotated, grounds, strict=True)
    ]
    return {"unpainted": words, "background": grounds if background else None}


def learned(
    concept: Path | None,
    support: list[str] | None,
    support_dir: Path | None,
    adapt: bool | None,
    model: tuple[Any, ...],
    shown: tuple[str, str | None] = ("", None),
    partly: Partly = ("auto", None),
    scale: tuple[str, int | None] = ("auto", None),
    effort: Effort = "auto",
) -> Segmenter:
    """The Segmenter of these options (:func:`load_segmenter`) with a concept: of a file, or of the examples.

    Raises:
        UsageError: there are neither, or both.
    """
    if bool(support or support_dir) == bool(concept):
        raise UsageError("Give examples (--support IMG MASK) or a concept (--concept FILE), one of the two.")
    rendering = rendering_of(*shown)
    if concept is None:
        given = examples(support, support_dir)
        return fitted(given, adapt, model, rendering, partly=partly, scale=scale, effort=effort)
    if partly != ("auto", None):
        raise UsageError("--unpainted and --background belong to examples, not to a concept; leave them out.")
    if rendering is not None:
        raise UsageError("The concept holds its channels and range; leave --channels and --range out.")
    from asgnet.apply.concept.file import Concept

    if scale[1] is not None or side_of(scale[0]) is not None:
        raise UsageError(
            "The concept holds its scale; take --scale auto, fast or full, and leave --window out."
        )
    known = Concept.load(concept)
    segmenter = load_segmenter(*model)
    segmenter.concept = known
    segmenter.thoroughness = thoroughness_of(scale[0])
    return segmenter


def fitted(
    given: Examples,
    adapt: bool | None,
    model: tuple[Any, ...],
    rendering: Rendering | None = None,
    keep_pictures: bool = False,
    partly: Partly = ("auto", None),
    scale: tuple[str, int | None] = ("auto", None),
    effort: Effort = "auto",
) -> Segmenter:
    """The Segmenter of these options (:func:`load_segmenter`), fitted on examples."""
    images, masks, _ = given
    said, side = partly_painted(given, *partly), side_of(scale[0])
    segmenter = load_segmenter(*model)
    with console.phase(f"learning from {len(images)} example{'s' * (len(images) > 1)}"):
        segmenter.fit(
            images,
            masks,
            adapt="auto" if adapt is None else adapt,
            keep_pictures=keep_pictures,
            rendering=rendering,
            scale=(side, scale[1]),
            effort=effort,
            **said,
        )
    segmenter.thoroughness = thoroughness_of(scale[0])
    for line in said_of_scales(segmenter.concept):
        console.say(line)
    return segmenter


def rendering_of(channels: str, values: str | None) -> Rendering | None:
    """What ``--channels`` and ``--range`` say; None if nothing.

    Raises:
        UsageError: the range is no two numbers, the lower one first.
    """
    from asgnet.types import Rendering

    if not channels and values is None:
        return None
    try:
        low, high = map(float, values.split(",")) if values is not None else (0.0, 1.0)
    except ValueError:
        low, high = 1.0, 0.0
    if not low < high:
        raise UsageError(f"The range {values!r} is no two numbers, the lower one first: --range 0,4095.")
    return Rendering(channels, None if values is None else (low, high))


def some(support: list[Any] | None) -> list[Any]:
    """The examples; UsageError if there are none."""
    if not support:
        raise UsageError("Give at least one example: --support IMG MASK.")
    return support


def pairs(support: list[str]) -> tuple[list[Path], list[Path]]:
    """Pictures and masks of ``--support IMG MASK``."""
    pairs = [value.split(console.PAIR) for value in support]
    return [Path(image) for image, _ in pairs], [Path(mask) for _, mask in pairs]


def examples(
    support: list[str] | None,
    support_dir: Path | None,
    name: str | None = None,
    option: str = "--name",
    check: bool = True,
) -> Examples:
    """The examples, read before any work to ``check`` them; what a folder's files were taken for is said.

    ``name`` is that of the only class, given with ``option``.
    """
    from asgnet.apply.examples.pairing import pair_folder
    from asgnet.apply.examples.read_pairs import check_pairs, names_classes, read_pairs
    from asgnet.data.annotations import is_annotations

    images, masks = pairs(support or [])
    listed = list(zip(images, masks, strict=True))
    named: dict[str, list[Any]] = {"object": list(masks)}
    if support_dir is not None:
        paired = pair_folder(support_dir)
        for line in paired.words:
            console.say(line)
        listed += paired.pairs
    some(listed)
    if support_dir is not None or any(map(names_classes, masks)):
        images, named = read_pairs(listed)
        if len(named) > 1:
            console.say(f"the examples show {len(named)} classes: {', '.join(named)}")
    if check:
        check_pairs(listed)
    if name is not None and len(named) > 1:
        raise UsageError(f"The examples have {len(named)} classes ({', '.join(named)}); leave out {option}.")
    if name is not None:
        named = {name: next(iter(named.values()))}
    return Examples(images, named, [is_annotations(mask) for _, mask in listed])
