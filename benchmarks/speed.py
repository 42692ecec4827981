"""How long fitting and predicting take here, and what they hold in memory.

python benchmarks/speed.py
"""

from __future__ import annotations

import time

BEGAN = time.perf_counter()

import resource  # noqa: E402
import statistics  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import skimage  # noqa: E402
from PIL import Image  # noqa: E402

from asgnet import Segmenter  # noqa: E402


def median(run: Callable[[], object], times: int) -> float:
    """Seconds."""
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        run()
        spent.append(time.perf_counter() - began)
    return statistics.median(spent)


def main() -> None:
    segmenter = Segmenter.from_pretrained()
    print(f"import and load: {time.perf_counter() - BEGAN:.2f} s")
    folder = Path(skimage.__file__).parent / "data"
    left, right = (
        np.asarray(Image.open(folder / f"motorcycle_{side}.png").convert("RGB").resize((512, 346)))
        for side in ("left", "right")
    )
    mask = np.zeros(left.shape[:2], bool)
    mask[80:260, 100:400] = True
    print("| shots | fit | fit without adaptation | predict |\n|---|---|---|---|")
    for shots in (1, 5):
        images = [np.roll(left, 9 * i, 1) for i in range(shots)]
        masks = [np.roll(mask, 9 * i, 1) for i in range(shots)]
        plain = median(lambda i=images, m=masks: segmenter.fit(i, m, adapt=False), 3)
        fit = median(lambda i=images, m=masks: segmenter.fit(i, m), 3)
        print(
            f"| {shots} | {fit:.3f} s | {plain:.3f} s | {median(lambda: segmenter.predict(right), 9):.3f} s |"
        )
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
