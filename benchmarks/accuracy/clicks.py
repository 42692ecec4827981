"""How good is the mask after one click, of a box, and how many clicks does it take?

    python -m benchmarks.accuracy.clicks --data DATA                        # the tables of all sets
    python -m benchmarks.accuracy.clicks --data DATA --only voc --method walker --objects 40

DATA holds VOC2012, particles and weeds. The objects of clicks.json: connected pieces of classes in VOC's val
pictures, numbered objects in every second micrograph, plants (pieces of 2,000 pixels or more) in every third field
photograph; training sees none of these pictures. Each has a click at its middle, one anywhere well within it (RClicks),
and a box, its edges off by 4 % of the object's size. Further clicks lie in the middle of the largest region of errors,
as in the literature; NoC85 counts clicks until the IoU is 0.85, and 20 where it never is.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from benchmarks.common import arguments, table
from numpy.typing import NDArray
from PIL import Image, ImageOps
from scipy.ndimage import distance_transform_edt, find_objects, label, zoom

from asgnet import Segmenter
from asgnet.apply.interactive.propose import Proposer
from asgnet.imaging.iou import iou

FROZEN = Path(__file__).with_suffix(".json")
MOST, ENOUGH = 20, 0.85
SIDE = 256
"""Of the pictures that the other methods see, the longer one."""
Point = tuple[float, float, bool]
Ask = Callable[[Sequence[Point], Any], NDArray]
"""Points and a box -> a mask."""
FILES = {
    "voc": ("VOC2012/JPEGImages/{}.jpg", "VOC2012/SegmentationClassAug/{}.png"),
    "particles": ("particles/images/{}.jpg", "particles/instances/{}.png"),
    "weeds": ("weeds/images/{}.jpg", "weeds/masks/{}.png"),
}


class Scores(NamedTuple):
    """Of one object: IoU after a click at the middle, after one elsewhere, of a box, after a click more; clicks."""

    middle: float
    moved: float
    box: float
    corrected: float
    clicks: int


def read(data: Path, kind: str, name: str) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """The picture, and its labels."""
    picture, labels = (data / form.format(name) for form in FILES[kind])
    upright = ImageOps.exif_transpose(Image.open(picture))
    return np.asarray(upright.convert("RGB")), np.asarray(Image.open(labels)).astype(np.int32)


def truth_at(labels: NDArray[np.int32], x: float, y: float) -> NDArray[np.uint8]:
    """The piece under a click: ``h w`` in {0, 1, 255}."""
    value = labels[int(y), int(x)]
    numbers, _ = label(labels == value)
    return np.where(numbers == numbers[int(y), int(x)], 1, np.where(labels == 255, 255, 0)).astype(np.uint8)


def next_click(truth: NDArray, found: NDArray) -> Point | None:
    """In the middle of the largest region of errors."""
    best: tuple[float, NDArray, bool] = (0, truth, True)
    for missing, wrong in ((True, (truth == 1) & (found == 0)), (False, (truth == 0) & (found == 1))):
        numbers, _ = label(wrong)
        areas = np.bincount(numbers.ravel())
        areas[0] = 0
        if areas.max() > best[0]:
            best = float(areas.max()), numbers == areas.argmax(), missing
    if not best[0]:
        return None
    (place,) = find_objects(best[1].astype(np.uint8))
    depth = distance_transform_edt(np.pad(best[1][place], 1))[1:-1, 1:-1]
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    return float(column + place[1].start) + 0.5, float(row + place[0].start) + 0.5, best[2]


def scores(ask: Ask, one: dict, truth: NDArray[np.uint8], most: int) -> Scores:
    """Of one object."""
    boxed = ask([], one["box"])
    more = next_click(truth, boxed)
    x0, y0, x1, y1 = one["box"]
    within = more is None or (x0 <= more[0] <= x1 and y0 <= more[1] <= y1)
    corrected = ask([more], one["box"]) if more and within else boxed
    points: list[Point] = [(*one["click"], True)]
    found = first = ask(points, None)
    while iou(found, truth) < ENOUGH and len(points) < most:
        more = next_click(truth, found)
        if more is None:
            break
        points.append(more)
        found = ask(points, None)
    taken = len(points) if iou(found, truth) >= ENOUGH else MOST
    moved = ask([(*one["moved"], True)], None)
    return Scores(*(iou(mask, truth) for mask in (first, moved, boxed, corrected)), taken)


def walker(picture: NDArray[np.uint8]) -> Ask:
    """skimage's random walker, from the clicks; without one beside the object, from the picture's edge."""
    from skimage.segmentation import random_walker

    def ask(points: Sequence[Point], box: Any) -> NDArray:
        seeds, small = seeded(picture, points, box, 2, 1)
        if not (seeds == 1).any():
            seeds[[0, -1]], seeds[:, [0, -1]] = 1, 1
        found = (
            random_walker(small / 255, seeds, 500, mode="cg_j", tol=1e-3, channel_axis=-1, prob_tol=1) == 2
        )
        return enlarged(found, picture.shape)

    return ask


def grabcut(picture: NDArray[np.uint8]) -> Ask:
    """OpenCV's GrabCut, five rounds; what is in the box, or lies near the clicks, may be object."""
    import cv2

    def ask(points: Sequence[Point], box: Any) -> NDArray:
        seeds, small = seeded(picture, points, box, 2, 1)
        mask = np.full(seeds.shape, cv2.GC_PR_BGD, np.uint8)
        if box is not None:
            mask[seeds == 0] = cv2.GC_PR_FGD
        else:
            apart = distance_transform_edt(seeds != 2)
            mask[apart < max(seeds.shape) / 8] = cv2.GC_PR_FGD
        mask[seeds == 1] = cv2.GC_BGD
        mask[seeds == 2] = cv2.GC_FGD if points else cv2.GC_PR_FGD
        if not np.isin(mask, (cv2.GC_BGD, cv2.GC_PR_BGD)).any():
            mask[[0, -1]] = cv2.GC_BGD
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(np.ascontiguousarray(small[..., ::-1]), mask, None, *models, 5, cv2.GC_INIT_WITH_MASK)
        return enlarged(np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)), picture.shape)

    return ask


def seeded(picture: NDArray, points: Sequence[Point], box: Any, on: int, off: int) -> tuple[NDArray, NDArray]:
    """Seeds on a smaller picture, and that: discs of 3 pixels; outside of the box, and its middle."""
    scale = min(1, SIDE / max(picture.shape[:2]))
    height, width = (max(2, round(n * scale)) for n in picture.shape[:2])
    small = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))
    y, x = np.mgrid[:height, :width] + 0.5
    seeds = np.zeros((height, width), np.int32)
    if box is not None:
        x0, y0, x1, y1 = (v * scale for v in box)
        seeds[(x < x0) | (x > x1) | (y < y0) | (y > y1)] = off
        apart = np.hypot((x - (x0 + x1) / 2) / (x1 - x0), (y - (y0 + y1) / 2) / (y1 - y0))
        seeds[(apart < 0.15) | (apart == apart.min())] = on
    for px, py, inside in points:
        apart = np.hypot(x - px * scale, y - py * scale)
        seeds[(apart <= 3) | (apart == apart.min())] = on if inside else off
    return seeds, small


def enlarged(mask: NDArray, shape: Sequence[int]) -> NDArray:
    """``h w`` bool at the picture's size."""
    return (
        zoom(
            mask.astype(np.float32), np.array(shape[:2]) / mask.shape, order=1, grid_mode=True, mode="nearest"
        )
        > 0.5
    )


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", choices=FILES, help="one set")
    parser.add_argument("--method", choices=("asgnet", "walker", "grabcut"), default="asgnet")
    parser.add_argument("--objects", type=int, help="only the first ones of each set")
    parser.add_argument("--most", type=int, help=f"clicks; default: {MOST} on VOC, 1 on the others")
    given = parser.parse_args()
    segmenter = Segmenter.from_pretrained() if given.method == "asgnet" else None
    rows, head = (
        [],
        [
            "set",
            "objects",
            "one click",
            "moved",
            "box",
            "box and a click",
            f"NoC{ENOUGH * 100:.0f}",
            "ms a click",
        ],
    )
    for kind in [given.only] if given.only else FILES:
        found, times = [], []
        objects = [one for one in json.loads(FROZEN.read_text()) if one["set"] == kind][: given.objects]
        for number, one in enumerate(objects, 1):
            picture, labels = read(given.data, kind, one["picture"])
            if segmenter is not None:
                proposer = Proposer(segmenter, picture)
                answer: Ask = lambda points, box, proposer=proposer: proposer.propose(points, box)  # noqa: E731
            else:
                answer = {"walker": walker, "grabcut": grabcut}[given.method](picture)

            def ask(points: Sequence[Point], box: Any, answer: Ask = answer, times: list = times) -> NDArray:
                start = time.perf_counter()
                mask = answer(points, box)
                times.append(time.perf_counter() - start)
                return mask

            most = given.most or (MOST if kind == "voc" else 1)
            found.append(scores(ask, one, truth_at(labels, *one["click"]), most))
            if number % 10 == 0 or number == len(objects):
                means = [statistics.fmean(values) for values in zip(*found, strict=True)]
                print(kind, number, *(f"{mean:.3f}" for mean in means), flush=True)
        counted = f"{means[4]:.2f}" if most == MOST else "–"
        shown = [f"{mean:.3f}" for mean in means[:4]]
        rows.append([kind, len(objects), *shown, counted, f"{statistics.median(times) * 1000:.0f}"])
    print(table(head, rows))


if __name__ == "__main__":
    main()
