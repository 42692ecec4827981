"""``asgnet propose``: a box or a few clicks become a mask, for an example that nobody has painted."""

from __future__ import annotations

import math
import re
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from asgnet.errors import UsageError
from asgnet.faces.cli import console
from asgnet.faces.cli import segment_options as given


def propose(
    picture: Annotated[Path, typer.Argument(help="The picture to become an example.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The mask's PNG file to write; FILE_overlay.jpg beside it.")],
    box: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X0,Y0,X1,Y1",
            help="Around the object: left, upper, right and lower edge. Nothing beyond it is object.",
            show_default=False,
        ),
    ] = None,
    click: Annotated[
        list[str] | None,
        typer.Option(metavar="X,Y", help="A point on the object. Repeat for more.", show_default=False),
    ] = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(
            "--not",
            metavar="X,Y",
            help="A point that is not the object. Repeat for more.",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the files if they exist.")] = False,
    as_json: given.AsJson = False,
    device: given.Device = "cpu",
    weights: given.Weights = None,
) -> None:
    """Propose a mask where nobody has painted one, from a box or a few clicks; look at it, then use it.

    Pixels are counted from the upper left corner of the picture as it is displayed, turned upright.

    asgnet propose mug.jpg --box 40,60,200,180 --out mug_mask.png

    asgnet propose mug.jpg --click 90,70 --click 120,150 --not 10,10 --out mug_mask.png
    """
    from asgnet.apply.interactive.save import proposal_files, save_proposal

    points, around = _prompts(box or [], click or [], beside or [])
    for file in proposal_files(out):
        console.free(file, overwrite)
    from asgnet.apply.interactive.prompts import read_prompts
    from asgnet.apply.interactive.propose import Proposer
    from asgnet.data.read import read_picture

    image = read_picture(picture)
    prompts = read_prompts(points, around, image.shape[:2])  # a mistake is said before the model is loaded
    mask = Proposer(given.load_segmenter(weights, device), image).propose(points, around)
    found = save_proposal(mask, image, prompts, out, source=picture, overwrite=overwrite)
    if as_json:
        console.emit(found)
    else:
        console.put(found["mask"])
    _say(found)


def _prompts(
    boxes: list[str], on: list[str], beside: list[str]
) -> tuple[list[tuple[float, float, bool]], tuple[float, float, float, float] | None]:
    """The points and the box that the words mean."""
    if not boxes and not on:
        raise UsageError("Say where the object is: --box X0,Y0,X1,Y1 around it, or --click X,Y on it.")
    if len(boxes) > 1:
        raise UsageError("There is one --box a picture; for several objects --click on each instead.")
    points = []
    for option, words in (("--click", on), ("--not", beside)):
        for text in words:
            x, y = _numbers(option, text, "X,Y")
            points.append((x, y, option == "--click"))
    if not boxes:
        return points, None
    left, upper, right, lower = _numbers("--box", boxes[0], "X0,Y0,X1,Y1")
    return points, (left, upper, right, lower)


def _numbers(option: str, text: str, form: str) -> list[float]:
    parts = re.split(r"[,\s]+", text.strip())
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) != len(form.split(",")) or not all(map(math.isfinite, numbers)):
        example = {"--box": "40,60,200,180"}.get(option, "90,70")
        raise UsageError(f"{option} takes {form} in pixels ({option} {example}, say), not {text!r}.")
    return numbers


def _say(found: dict[str, Any]) -> None:
    """What was found, what to look at, and what comes next."""
    picture, mask = (shlex.quote(found[name]) for name in ("picture", "mask"))
    console.say(
        f"{found['area_fraction']:.1%} of the picture is object. Nobody has painted it: look first at"
    )
    console.say(f"  {found['overlay']}")
    console.say("If it is wrong, add --click, --not and --overwrite. If it is right, it is an example:")
    console.say(f"  asgnet segment PICTURES --support {picture} {mask} --out masks")
