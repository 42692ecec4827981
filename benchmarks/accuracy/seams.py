"""Can the borders of windows be seen? The share of pixels that change when the grid of windows moves by half a step.

    python -m benchmarks.accuracy.seams --data DATA

Three field photographs of 3264×2448 (``DATA/weeds``), each with another one as the only example of a class.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from benchmarks.accuracy.worlds import mask, picture
from benchmarks.common import arguments, row, table

from asgnet import Segmenter
from asgnet.data.read import ArrayParts

TRIED = (("IMG_3438", "IMG_3456", 1), ("IMG_3459", "IMG_3444", 1), ("IMG_3468", "IMG_3453", 1))


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    given = parser.parse_args()
    segmenter, folder = Segmenter.from_pretrained(), given.data / "weeds"
    print(table(["picture", "seen", "windows", "object", "pixels that change"]))
    for support, query, number in TRIED:
        segmenter.fit(picture(folder, support), mask(folder, support, number), keep_pictures=False)
        found = []
        for shift in (False, True):
            strips = segmenter.strips(ArrayParts(picture(folder, query)))
            strips.shift = shift
            found.append(np.concatenate([strip.probability[0] > 0.5 for strip in strips]))
        changed = (found[0] != found[1]).mean()
        (scale,) = segmenter.fits
        print(row([query, scale, strips.windows, f"{found[0].mean():.2%}", f"{changed:.3%}"]), flush=True)


if __name__ == "__main__":
    main()
