"""A proposed mask as a file, beside a picture to look at it by, for nobody has painted it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from asgnet.apply.interactive.prompts import Prompts
from asgnet.apply.output.names import output_names
from asgnet.apply.output.save import save_prediction, summary
from asgnet.errors import UsageError
from asgnet.files import PathLike
from asgnet.types import Mask, Picture, Prediction

ON, OFF, INK, PAPER = (0, 200, 120), (220, 30, 30), (0, 0, 0), (255, 255, 255)


def proposal_files(out: Path) -> list[Path]:
    """The mask's file and that of the picture to look at, ``mug_mask.png`` and ``mug_mask_overlay.jpg``.

    Raises:
        UsageError: ``out`` does not name a PNG.
    """
    if out.suffix != ".png":
        raise UsageError(f"A mask is written as a PNG file; name one (mug_mask.png, say), not {str(out)!r}.")
    names = output_names(out.stem, overlay=True)
    return [out.parent / names[kind] for kind in ("png", "overlay")]


def save_proposal(
    mask: Mask, picture: Picture, prompts: Prompts, out: Path, *, source: PathLike, overwrite: bool = False
) -> dict[str, Any]:
    """Write a mask (0 and 255) and the picture with the mask and the prompts drawn in it, both or neither.

    Args:
        mask: ``h w`` in {0, 1}, as :meth:`asgnet.apply.interactive.propose.Proposer.propose` answers.
        picture: ``h w 3`` uint8.
        prompts: what was said about the object.
        out: the mask's file, see :func:`proposal_files`.
        source: the picture's file, which is never replaced.
        overwrite: replace what exists.

    Returns:
        Plain values for ``json.dumps``: ``picture``, ``mask``, ``overlay``, ``area_fraction`` and ``box``
        (``[x, y, width, height]`` of the mask).

    Raises:
        UsageError: nothing is object in the mask: the prompts contradict each other.
        OutputError: a file exists already or cannot be written.
    """
    if not mask.any():
        raise UsageError(
            "Nothing is left of the object: it is and is not in the same place; take away one of the points."
        )
    mask_file, overlay_file = proposal_files(out)
    found = Prediction(mask == 1, mask.astype(np.float32), 1.0, np.zeros(mask.shape, np.int32))
    shown = with_prompts(picture, prompts)  # of the files written here only the overlay shows the picture
    save_prediction(found, shown, out.parent, out.stem, overlay=True, overwrite=overwrite, source=source)
    said = summary(found, source, mask=mask_file)
    kept = {name: said[name] for name in ("picture", "mask", "area_fraction", "box")}
    return {**kept, "overlay": str(overlay_file)}


def save_completed(
    mask: Mask, picture: Picture, folder: Path, *, source: PathLike, overwrite: bool = False
) -> list[Path]:
    """Write a mask (0 and 255) that completes an example's, and the picture with it to look at.

    Args:
        mask: ``h w`` in {0, 1}.
        picture: ``h w 3`` uint8.
        folder: made if it is missing.
        source: the picture's file, which names the others and is never replaced.
        overwrite: replace what exists.

    Returns:
        the mask's file, and the picture's to look at.

    Raises:
        OutputError: a file exists already or cannot be written.
    """
    files = proposal_files(folder / f"{Path(source).stem}_mask.png")
    found = Prediction(mask == 1, mask.astype(np.float32), 1.0, np.zeros(mask.shape, np.int32))
    save_prediction(found, picture, folder, files[0].stem, overlay=True, overwrite=overwrite, source=source)
    return files


def with_prompts(picture: Picture, prompts: Prompts) -> Picture:
    """The picture with the box outlined, a green dot on each inside point, a red cross on each other."""
    image = Image.fromarray(picture)
    draw, unit = ImageDraw.Draw(image), max(1, round(min(prompts.size) / 240))
    if prompts.box is not None:
        draw.rectangle(prompts.box, outline=INK, width=3 * unit)
        draw.rectangle(prompts.box, outline=PAPER, width=unit)
    for x, y in prompts.inside:
        draw.circle((x, y), 4 * unit, fill=ON, outline=PAPER, width=unit)
    for x, y in prompts.outside:
        for colour, width in ((PAPER, 4 * unit), (OFF, 2 * unit)):
            for down in (4 * unit, -4 * unit):
                draw.line((x - 4 * unit, y - down, x + 4 * unit, y + down), fill=colour, width=width)
    return np.asarray(image)
