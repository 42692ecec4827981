"""asgnet suggest: which picture of a pile to paint next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from asgnet.faces.cli import console
from asgnet.faces.cli import segment_options as given


def suggest(
    pictures: Annotated[
        list[str], typer.Argument(help="Pictures, folders of them, or patterns.", show_default=False)
    ],
    support: given.Supports = None,
    support_dir: given.SupportDir = None,
    concept: Annotated[
        Path | None, typer.Option(help="A file that asgnet fit made, instead of --support.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many to suggest at most.")] = 5,
    as_json: given.AsJson = False,
    device: given.Device = "cpu",
    weights: given.Weights = None,
) -> int:
    """Say which pictures to paint next: the ones that stand for most of the others.

    asgnet suggest photos/ --support mug1.jpg mug1_mask.png --count 3
    """
    from asgnet.apply.doctor.suggest import suggest as suggested
    from asgnet.data.listing import list_pictures

    files = list_pictures(pictures)
    segmenter = given.learned(concept, support, support_dir, None, (weights, device))
    with console.bar(len(files), "comparing pictures") as step:
        found = suggested(segmenter, files, count, step)
    for one in found.best:
        if as_json:
            console.emit(one.record)
        else:
            console.put(one.words)
    if not found.best and len(files) > len(found.failed):
        console.say("asgnet: the examples show all of these pictures already; give others.")
    for reason in found.failed:
        console.say(f"asgnet: {reason}")
    return 3 if found.failed else 0
