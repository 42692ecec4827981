"""At what scale pictures are seen: the options, what is said of it, and what a run over large pictures will cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asgnet.errors import UsageError
from asgnet.faces.cli import console

if TYPE_CHECKING:
    from asgnet.apply.concept.file import Concept
    from asgnet.apply.segmenter import Segmenter
    from asgnet.types import Thoroughness

ASKED = 64
"""So many pictures' sizes stand for all."""
LONG = 5.0
"""Seconds from which on it is worth a line."""


Scale = Annotated[
    str,
    typer.Option(
        metavar="SCALE",
        help="At what size small objects in large pictures are seen: auto; fast, one view of the whole picture; full, "
        "every window. Set for the examples: 2048 (pixels of the longer side) or 50% (of each picture's own).",
    ),
]
Window = Annotated[
    int | None,
    typer.Option(metavar="PIXELS", help="Side of the windows on pictures that are larger. Default: 512."),
]


def thoroughness_of(scale: str) -> Thoroughness:
    """How thoroughly pictures are seen."""
    return "fast" if scale == "fast" else "full" if scale == "full" else "auto"


def side_of(scale: str) -> float | None:
    """The scale as ``Segmenter.fit`` takes it; None where none is set.

    Raises:
        UsageError: it is none.
    """
    if scale in ("auto", "fast", "full"):
        return None
    try:
        return float(scale[:-1]) / 100 if scale.endswith("%") else int(scale)
    except ValueError:
        raise UsageError(
            f"There is no scale {scale!r}: take auto, fast or full, 2048 (pixels of the longer side) or 50% (of each "
            "picture's own)."
        ) from None


def said_of_scales(concept: Concept | None) -> list[str]:
    """What is said of classes that are not seen as usual."""
    from asgnet.apply.concept.scale import USUAL, scales_of

    assert concept is not None
    return [
        f"{name} is seen {scale}; a picture takes longer"
        for name, scale in zip(concept.classes, scales_of(concept.tensors, len(concept.classes)), strict=True)
        if scale != USUAL
    ]


def tell_cost(segmenter: Segmenter, pictures: Sequence[Path | str]) -> None:
    """Say how many views the network has to see, and how long that takes, if pictures are seen in windows."""
    if not any(scale.in_windows for scale in segmenter.fits):
        return
    from asgnet.apply.inference.strips import count_windows, seconds_a_view

    sizes = [size for size in map(_size, pictures[:: len(pictures) // ASKED + 1]) if size is not None]
    if not sizes:
        return
    views = [count_windows(segmenter.backend, segmenter.fits, size, segmenter.thoroughness) for size in sizes]
    seconds = seconds_a_view(segmenter.backend, segmenter.fits) * sum(views) / len(views) * len(pictures)
    if seconds > LONG:
        each = str(views[0]) if min(views) == max(views) else f"{min(views)} to {max(views)}"
        console.say(
            f"{each} windows a picture, about {_duration(seconds)} in all; --scale fast takes one view of each"
        )


def _size(picture: Path | str) -> tuple[int, int] | None:
    """``(h, w)`` of a picture in this file system, as its file says."""
    from asgnet.data.read import large_size, read_header
    from asgnet.errors import AsgnetError

    if isinstance(picture, str):
        return None
    try:
        large = large_size(picture)
        size = None if large else read_header(picture).size
    except (AsgnetError, OSError):
        return None
    return large or (size and (size[1], size[0]))


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
