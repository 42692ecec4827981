"""What the way to the network's input and back costs by itself: true masks, framed and mapped back, against themselves.

    python -m benchmarks.accuracy.geometry voc:VOC2012 --split val

No network: the figures are what a perfect one would get in each geometry, mIoU over all classes.
"""

from __future__ import annotations

import numpy as np
import torch
from benchmarks.common import arguments, table

from asgnet.data.benchmarks.dataset import open_dataset
from asgnet.data.benchmarks.episodes import MIN_PIXELS
from asgnet.imaging.iou import Overlap
from asgnet.model.paper.asgnet import ASGNet
from asgnet.study.evaluation.metrics import confusion, mean_iou, overlaps_of
from asgnet.study.evaluation.predictor import NetPredictor

SIZES, GEOMETRIES = (473, 257), ("rounded", "floored")


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("dataset")
    parser.add_argument("--split", default="val")
    given = parser.parse_args()
    dataset, net = open_dataset(given.dataset, given.split), ASGNet.from_preset("light")
    ways = {
        (size, name): NetPredictor(net, size=size, geometry=name) for size in SIZES for name in GEOMETRIES
    }
    found: dict[tuple[int, str], list[tuple[int, Overlap]]] = {way: [] for way in ways}
    for target in dataset.classes:
        for name in dataset.holding(target, MIN_PIXELS):
            truth = dataset.mask(name, target)
            for way, predictor in ways.items():
                framed = predictor._frame_mask(truth) == 1
                logits = torch.stack([~framed, framed])[None].float() * 20  # 1 2 s s: sure of every pixel
                mask = (predictor._back(logits, truth.shape) > 0.5).numpy().astype(np.int64)
                found[way].append((target, overlaps_of(confusion(mask, truth, 2), [target])[target]))
    rows = [[name, *(f"{100 * mean_iou(found[size, name]):.2f}" for size in SIZES)] for name in GEOMETRIES]
    print(table(["--geometry", *(f"{size} pixels" for size in SIZES)], rows))


if __name__ == "__main__":
    main()
