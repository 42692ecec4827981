"""asgnet doctor: do the examples agree with each other, and if not, why? Is all of the object painted?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asgnet.errors import UsageError
from asgnet.faces.cli import console
from asgnet.faces.cli.segment_options import (
    AsJson,
    Backgrounds,
    Device,
    Examples,
    SupportDir,
    Supports,
    UnpaintedWord,
    Weights,
    examples,
    load_segmenter,
    partly_painted,
)

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter


def doctor(
    support: Supports = None,
    support_dir: SupportDir = None,
    unpainted: UnpaintedWord = "auto",
    background: Backgrounds = None,
    out: Annotated[
        Path | None, typer.Option(help="Also draw the findings: the PNG file to write, doctor.png, say.")
    ] = None,
    complete: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Also write, where more looks like the object and is unpainted, a mask with all of it to look at.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files if they exist.")] = False,
    as_json: AsJson = False,
    device: Device = "cpu",
    weights: Weights = None,
) -> int:
    """Check examples before relying on them: does each one agree with the others, and if not, why?

    asgnet doctor --support a.jpg a_mask.png --support b.jpg b_mask.png --out doctor.png

    asgnet doctor --support cells.jpg some_cells.png --complete proposals/
    """
    from asgnet.apply.doctor.diagnosis import diagnose

    if out is not None:
        console.free(out, overwrite)
    given = examples(support, support_dir, check=False)
    images, named, _ = given
    only = next(iter(named.values()))
    if complete is not None and len(named) > 1:
        raise UsageError(
            "--complete proposes masks of one class, and the examples show several; leave it out."
        )
    masks = named if len(named) > 1 or any(mask is None for mask in only) else only
    partly = partly_painted(given, unpainted, background)
    segmenter = load_segmenter(weights, device)
    with console.phase(f"checking {len(images)} example{'s' * (len(images) > 1)} against each other"):
        diagnosis = diagnose(segmenter, images, masks, **partly)
    for finding in diagnosis.findings:
        if as_json:
            console.emit(finding.record)
        else:
            console.put(finding.words)
    if not as_json:
        console.put(diagnosis.advice)
        if diagnosis.expected is not None:
            console.put(diagnosis.expected.words)
    if out is not None:
        from asgnet.apply.figures.doctor import doctor_page
        from asgnet.data.png import save_png

        save_png(out, doctor_page(diagnosis))
        console.say(f"drawn in {out}")
    if complete is not None and diagnosis.usable:
        _propose(segmenter, given, partly, complete, overwrite)
    return 0 if diagnosis.usable else 4


def _propose(
    segmenter: Segmenter, given: Examples, partly: dict[str, Any], folder: Path, overwrite: bool
) -> None:
    """Write masks with what looks like the object, each beside a picture to look at it by."""
    from asgnet.apply.doctor.look_alikes import completed
    from asgnet.apply.interactive.save import save_completed

    masks, written = next(iter(given.masks.values())), 0
    with console.phase("looking for what is unpainted"):
        for found in completed(segmenter, given.images, masks, **partly):
            picture = given.images[found.example]
            saved = save_completed(found.mask, found.picture, folder, source=picture, overwrite=overwrite)
            console.say(
                f"{picture}: {found.more} more; look at {saved[1]}; if it is right, {saved[0]} is its mask"
            )
            written += 1
    if not written:
        console.say("In none of the examples more looks like the object.")
