"""Sets of painted pictures to draw examples and queries from: classes of VOC 2012, and the scenes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from asgnet.types import Support
from benchmarks.accuracy import scenes

Set = list[Support]
CLASSES = {"cat": 8, "chair": 9, "cow": 10, "dog": 12, "horse": 13, "person": 15, "sheep": 17, "sofa": 18}
"""Of VOC 2012, those that are measured."""


def sets_of(root: Path | None, count: int, seed: int) -> dict[str, Set]:
    """``count`` pictures of each class, if there is a VOC devkit, and the last of each set of scenes."""
    found = {} if root is None else {name: voc(root, name, count, seed) for name in CLASSES}
    for name, pairs in scenes.sets().items():
        found[name] = [Support(picture, mask.astype(np.uint8)) for picture, mask in pairs[-count:]]
    return found


def voc(root: Path, name: str, count: int, seed: int) -> Set:
    """Pictures of a class that fills 3 to 70 % of them."""
    ids = (root / "ImageSets/Segmentation/val.txt").read_text().split()
    found: Set = []
    for one in np.random.default_rng(seed).permutation(ids):
        labels = np.asarray(Image.open(root / f"SegmentationClassAug/{one}.png"))
        share = (labels == CLASSES[name]).mean()
        if 0.03 < share < 0.7 and (labels != CLASSES[name])[labels != 255].any():
            mask = np.where(labels == 255, 255, labels == CLASSES[name]).astype(np.uint8)
            found.append(Support(np.asarray(Image.open(root / f"JPEGImages/{one}.jpg").convert("RGB")), mask))
        if len(found) == count:
            break
    return found
