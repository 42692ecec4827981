"""The main job on photographs that come with the installation, drawn in one picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from asgnet.apply.examples.samples import SCENES, Scene, photograph
from asgnet.apply.figures.explain import explaining_rows
from asgnet.data.png import save_png
from asgnet.imaging.drawing import outlined, spotlight
from asgnet.imaging.iou import iou
from asgnet.imaging.sheet import mosaic, panel, rows_of
from asgnet.types import Picture

if TYPE_CHECKING:
    from asgnet.apply.segmenter import Segmenter
    from asgnet.types import Prediction

_WIDTH, _HEIGHT = 338, 240


@dataclass(frozen=True)
class Found:
    """A scene, what was found in it, and its IoU with what is there."""

    scene: Scene
    prediction: Prediction
    iou: float


def run_demo(segmenter: Segmenter, out_dir: Path, on_scene: Callable[[Found], None] | None = None) -> Path:
    """Segment every scene, look for the motorcycle where there is none, and draw it all in one picture.

    Args:
        segmenter: an unfitted or fitted Segmenter; fitted anew for every scene.
        out_dir: made if missing; ``demo.png`` goes there.
        on_scene: told of every scene as it is finished.

    Returns:
        The path of the picture.

    Raises:
        DataError: scikit-image came without its pictures.
        OutputError: the folder cannot be written.
    """
    rows: list[list[Picture]] = []
    strip: list[Picture] = []
    for make in SCENES:
        found = solve(segmenter, make())
        if not rows:
            rows = explaining_rows(segmenter, found.scene.query, found.prediction)
            missing = _absent(segmenter, found.prediction.presence)
        else:
            strip.append(_pair(found))
        if on_scene is not None:
            on_scene(found)
    path = out_dir / "demo.png"
    save_png(path, rows_of([*rows, [*strip, missing]], "Paint an object once, find it in other pictures"))
    return path


def solve(segmenter: Segmenter, scene: Scene) -> Found:
    """Fit on a scene's support and predict its query."""
    segmenter.fit(scene.support.image, scene.support.mask)
    prediction = segmenter.predict(scene.query)
    return Found(scene, prediction, iou(prediction.mask, scene.truth.astype(np.uint8)))


def _absent(segmenter: Segmenter, presence: float) -> Picture:
    """A panel: the fitted object sought where there is none; ``presence`` is that of where it is."""
    picture = photograph("coffee.png")
    prediction = segmenter.predict(picture)
    area = float(prediction.mask.mean())
    shown = mosaic([spotlight(picture, prediction.mask)], _WIDTH, _HEIGHT)
    verdict = "nothing was found" if area == 0 else f"{area:.0%} of the picture was taken for it"
    told = (
        f"The motorcycle of above sought where there is none: {verdict}. Presence {prediction.presence:.2f}, "
        f"where it is {presence:.2f}."
    )
    return panel(shown, "Not there", told)


def _pair(found: Found) -> Picture:
    """A panel: the painted support beside the result on the query."""
    scene = found.scene
    painted = outlined(scene.support.image, scene.support.mask == 1)
    shown = mosaic([painted, spotlight(scene.query, found.prediction.mask)], _WIDTH, _HEIGHT)
    told = f"{scene.told} IoU with the truth: {found.iou:.2f}."
    return panel(shown, scene.name.capitalize(), told)
