"""Are objects counted rightly, and touching ones told apart?

    python -m benchmarks.accuracy.instances --particles particles

Five examples with numbered objects, four other pictures, in each of the episodes of instances.json: 60 electron
micrographs in particles/images, with numbered objects in particles/instances. Objects are told apart as the
examples ask for, by connected pieces without small ones, and by connected pieces. A found object is right if its IoU
with one that is there exceeds one half. AP50 is right / (right + too many + missed) of a picture; the table has
the mean over pictures, F1 over all objects, and the median of |found - true| / true.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from benchmarks.common import arguments, table
from numpy.typing import NDArray
from PIL import Image

from asgnet import Segmenter
from asgnet.apply.fitting.separation import NO_SMALL, PIECES
from asgnet.imaging.separation import match_iou, renumbered

EPISODES = Path(__file__).with_suffix(".json")
WAYS = ("as chosen on the examples", "connected pieces without small ones", "connected pieces")
Counts = tuple[int, int, int]
"""Right, found and true objects of a picture."""


def counted(found: NDArray, true: NDArray) -> Counts:
    """What was found (``h w``, numbered) in a picture with these objects."""
    right = match_iou(renumbered(found), renumbered(true)) > 0.5
    return int(right.sum()), *right.shape


def episode(segmenter: Segmenter, root: Path, supports: Sequence[str], queries: Sequence[str]) -> dict:
    """The counts of each query, by way."""

    def picture(name: str) -> NDArray:
        return np.asarray(Image.open(root / "images" / f"{name}.jpg").convert("RGB"))

    def objects(name: str) -> NDArray[np.int32]:
        return np.asarray(Image.open(root / "instances" / f"{name}.png")).astype(np.int32)

    segmenter.fit([picture(n) for n in supports], [objects(n) for n in supports])
    rows = defaultdict(list)
    for name in queries:
        found, true = segmenter.predict(picture(name)), objects(name)
        for way, labels in zip(WAYS, (found.labels, NO_SMALL(found.mask), PIECES(found.mask)), strict=True):
            rows[way].append(counted(labels, true))
    return rows


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--particles", type=Path, required=True, help="its folder")
    parser.add_argument("--episodes", type=int, help="only the first ones")
    given = parser.parse_args()
    segmenter, rows = Segmenter.from_pretrained(), defaultdict(list)
    for number, one in enumerate(json.loads(EPISODES.read_text())[: given.episodes], 1):
        for way, counts in episode(segmenter, given.particles, **one).items():
            rows[way] += counts
        chosen = segmenter.concept.separations if segmenter.concept else {}
        print(number, chosen, rows[WAYS[0]][-len(one["queries"]) :], flush=True)
    print(report(rows))


def report(rows: dict[str, list[Counts]]) -> str:
    """The table."""
    lines = []
    for way, counts in rows.items():
        right, found, true = np.array(counts, float).T
        ap = right / np.maximum(found + true - right, 1)
        f1 = 2 * right.sum() / (found.sum() + true.sum())
        error = np.abs(found - true) / true
        lines.append([way, f"{ap.mean():.3f}", f"{f1:.3f}", f"{np.median(error):.0%}"])
    return table(["objects are told apart", "AP50", "F1", "count error, median"], lines)


if __name__ == "__main__":
    main()
