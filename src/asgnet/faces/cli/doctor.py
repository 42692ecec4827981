"""asgnet doctor: do the examples agree with each other, and if not, why?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from asgnet.faces.cli import console
from asgnet.faces.cli.segment_options import (
    AsJson,
    Device,
    SupportDir,
    Supports,
    Weights,
    examples,
    load_segmenter,
)


def doctor(
    support: Supports = None,
    support_dir: SupportDir = None,
    out: Annotated[
        Path | None, typer.Option(help="Also draw the findings: the PNG file to write, doctor.png, say.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    as_json: AsJson = False,
    device: Device = "cpu",
    weights: Weights = None,
) -> int:
    """Check examples before relying on them: does each one agree with the others, and if not, why?

    asgnet doctor --support a.jpg a_mask.png --support b.jpg b_mask.png --out doctor.png
    """
    from asgnet.apply.doctor.diagnosis import diagnose

    if out is not None:
        console.free(out, overwrite)
    images, named = examples(support, support_dir, check=False)
    only = next(iter(named.values()))
    masks = named if len(named) > 1 or any(mask is None for mask in only) else only
    segmenter = load_segmenter(weights, device)
    with console.phase(f"checking {len(images)} example{'s' * (len(images) > 1)} against each other"):
        diagnosis = diagnose(segmenter, images, masks)
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
    return 0 if diagnosis.usable else 4
