"""Peak memory of a process that fits five examples and predicts pictures of thirty sizes.

python -m benchmarks.speed.sizes --engine onnx
"""

from __future__ import annotations

import resource

import numpy as np
from benchmarks.common import arguments
from PIL import Image
from skimage import data

from asgnet import Segmenter


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--engine", default="onnx")
    given = parser.parse_args()
    picture, random = data.coffee(), np.random.default_rng(0)
    mask = np.zeros(picture.shape[:2], np.uint8)
    mask[100:300, 180:420] = 1
    segmenter = Segmenter.from_pretrained(engine=given.engine)
    moved = range(0, 35, 7)
    segmenter.fit([np.roll(picture, m, 1) for m in moved], [np.roll(mask, m, 1) for m in moved])
    for width, height in random.integers(200, 1400, (30, 2)).tolist():
        segmenter.predict(np.asarray(Image.fromarray(picture).resize((width, height))))
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
