"""The best, the median and the worst prediction of every set of ``scenes.py``, a picture a set.

    python -m benchmarks.accuracy.gallery --out docs/images/kinds

One painted example and three of the set's other pictures, chosen by their IoU among twelve episodes.
Green is found and right, red found and wrong, blue missed.
"""

from __future__ import annotations

import warnings
from pathlib import Path

from benchmarks.accuracy.scenes import Scene, episodes, sets
from benchmarks.common import arguments, fitted
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from asgnet import Segmenter
from asgnet.imaging.colours import INK, PAPER
from asgnet.imaging.drawing import outlined
from asgnet.imaging.iou import iou
from asgnet.imaging.resize import resized
from asgnet.imaging.sheet import fitted as fitting
from asgnet.study.evaluation.pictures import MISSED, RIGHT, TOO_MUCH, errors, tinted

EPISODES = 12
CELL, GAP, LINE = (230, 184), 10, 20
RANKS = ("best", "median", "worst")


def ranked(
    segmenter: Segmenter, scenes: list[Scene], shots: int
) -> list[tuple[float, Scene, Scene, NDArray]]:
    """IoU, an example, the query, and what was found, of every episode, best first."""
    rows = []
    for query, supports in episodes(scenes, shots, EPISODES):
        found = fitted(segmenter, supports).predict(query[0]).mask
        rows.append((iou(found, query[1]), supports[0], query, found))
    return sorted(rows, key=lambda row: -row[0])


def line(name: str, rows: list[tuple[float, Scene, Scene, NDArray]]) -> Image.Image:
    """One set: an example, then the best, the median and the worst prediction."""
    page = Image.new("RGB", ((CELL[0] + GAP) * (1 + len(RANKS)) + GAP, CELL[1] + LINE + GAP), PAPER)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    _, (picture, mask), _, _ = rows[len(rows) // 2]
    cells = [(f"{name}: an example", outlined(picture, mask))]
    for rank, (overlap, _, (query, truth), found) in zip(
        RANKS, (rows[0], rows[len(rows) // 2], rows[-1]), strict=True
    ):
        marks = errors(found.astype(int), truth.astype(int))
        cells.append((f"{rank}: IoU {overlap:.2f}", tinted(query, marks, (RIGHT, TOO_MUCH, MISSED))))
    for i, (title, cell) in enumerate(cells):
        x = GAP + i * (CELL[0] + GAP)
        pen.text((x, 2), title, fill=INK, font=font)
        page.paste(Image.fromarray(resized(cell, fitting(cell.shape, *CELL))), (x, LINE))
    return page


def main() -> None:
    """Draw."""
    parser = arguments(__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--shots", type=int, default=1)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    segmenter = Segmenter.from_pretrained()
    given.out.mkdir(parents=True, exist_ok=True)
    for name, scenes in sets().items():
        row = line(name, ranked(segmenter, scenes, given.shots))
        row.quantize(192, Image.Quantize.MEDIANCUT).save(given.out / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
