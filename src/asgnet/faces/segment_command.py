"""``asgnet segment``: parse, call the apply room, print."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asgnet.errors import UsageError
from asgnet.faces import _console as console
from asgnet.faces import _segment_options as given

if TYPE_CHECKING:
    from asgnet.apply.batch import Result


class Format(StrEnum):
    """How ``segment`` writes its results."""

    png = "png"
    coco = "coco"
    yolo = "yolo"


class Absent(StrEnum):
    """What ``segment`` does where the object seems not to be in the picture."""

    empty = "empty"
    mark = "mark"


def segment(
    pictures: Annotated[
        list[str], typer.Argument(help="Pictures, folders of them, or patterns.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results; made if missing.")],
    support: given.Supports = None,
    concept: Annotated[
        Path | None, typer.Option(help="A file that asgnet fit made, instead of --support.")
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", help="Masks as PNG, one COCO JSON, or YOLO polygons.")
    ] = Format.png,
    overlay: Annotated[
        bool, typer.Option("--overlay", help="Also write each picture with the object tinted.")
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Also draw how each result came about.")] = False,
    as_json: given.AsJson = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Do all again and replace what exists.")
    ] = False,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Probability from which a pixel is object. Default: 0.5, calibrated on the examples.",
        ),
    ] = None,
    adapt: given.Adapt = None,
    absent: Annotated[
        Absent,
        typer.Option(help="Object seems not there: empty the mask, or leave it and mark it in --json."),
    ] = Absent.mark,
    device: given.Device = "cpu",
    weights: given.Weights = None,
) -> int:
    """Segment pictures, given examples or a concept. Run again, it goes on where it was stopped.

    [bold]asgnet segment photos/ --support mug1.jpg mug1_mask.png --out masks/[/bold]

    [bold]asgnet segment *.jpg --support a.jpg a.png --support b.jpg b.png --out masks/ --json[/bold]

    [bold]asgnet segment photos/ --concept mug.concept --out masks/ --format coco[/bold]
    """
    from asgnet.apply.batch import COCO_FILE, segment_all
    from asgnet.data.listing import list_pictures

    if bool(support) == bool(concept):
        raise UsageError("Give examples (--support IMG MASK) or a concept (--concept FILE), one of the two.")
    files = list_pictures(pictures)
    segmenter = given.load_segmenter(weights, device)
    if concept is not None:
        from asgnet.types import Concept

        segmenter.concept = Concept.load(concept)
    else:
        given.fit_examples(segmenter, support, adapt)

    def told(result: Result) -> None:
        step()
        if as_json:
            console.emit(result.record)
        elif result.status != "failed":
            for path in list(result.record["files"].values())[:1]:
                console.put(path)

    with console.bar(len(files), "pictures") as step:
        summary = segment_all(
            segmenter, files, out, formats=(form.value,), overlay=overlay, explain=explain,
            overwrite=overwrite, threshold=threshold, absent=absent.value, on_result=told,
        )  # fmt: skip
    if form is Format.coco and not as_json:
        console.put(str(out / COCO_FILE))
    for _, reason in summary.failed:
        console.say(f"asgnet: {reason}")
    console.say(_in_words(summary, out))
    return 3 if summary.failed else 0


def _in_words(summary: Any, out: Path) -> str:
    parts = [f"{summary.done} segmented"]
    if summary.skipped:
        parts.append(f"{summary.skipped} finished before")
    if summary.absent:
        parts.append(f"in {summary.absent} nothing found")
    if summary.failed:
        parts.append(f"{len(summary.failed)} failed")
    return f"{', '.join(parts)}; results in {out}"
