"""Time and peak memory of one made large picture; stopped in its middle and gone on with, or as another kind of file.

python -m benchmarks.speed.large --side 8192 --thoroughness auto
python -m benchmarks.speed.large --side 8192 --stop 0.5
python -m benchmarks.speed.large --side 12288 --kind png

The picture is made of discs on a background with texture; the example is 1024 pixels of the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from benchmarks.common import arguments
from PIL import Image
from skimage.draw import disk

TILE, RADIUS = 512, 10


def tile(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """``512 512 3`` uint8 and where the discs are."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(120, 12, (64, 64, 3))
    picture = np.asarray(
        Image.fromarray(coarse.clip(0, 255).astype(np.uint8)).resize((TILE, TILE), 2)
    ).astype(int)
    picture = picture + rng.normal(0, 4, picture.shape)
    mask = np.zeros((TILE, TILE), bool)
    for y, x in rng.integers(2 * RADIUS, TILE - 2 * RADIUS, (int(seed % 4 == 0), 2)):
        rows, columns = disk((y, x), RADIUS)
        picture[rows, columns] = (200, 60, 50)
        mask[rows, columns] = True
    return picture.clip(0, 255).astype(np.uint8), mask


def save(path: Path, size: tuple[int, int], kind: str) -> None:
    across = size[1] // TILE

    def tiles() -> Iterator[np.ndarray]:
        for number in range(size[0] // TILE * across):
            yield tile(number)[0]

    if kind == "png":
        rows = np.stack(list(tiles())).reshape(size[0] // TILE, across, TILE, TILE, 3)
        Image.fromarray(rows.swapaxes(1, 2).reshape(*size, 3)).save(path, compress_level=1)
        return
    tifffile.imwrite(
        path, tiles(), shape=(*size, 3), dtype=np.uint8, tile=(TILE, TILE), photometric="rgb",
        compression="zlib" if kind == "deflate" else "jpeg", bigtiff=True,
    )  # fmt: skip


def example() -> tuple[np.ndarray, np.ndarray]:
    rows = [[tile(-4 * (2 * y + x + 1) % 2**20) for x in range(2)] for y in range(2)]
    picture, mask = (
        np.concatenate([np.concatenate([one[i] for one in row], 1) for row in rows]) for i in (0, 1)
    )
    return picture, mask


def segment(path: Path, out: Path, thoroughness: str, stop: float | None) -> None:
    """In a process of its own: fit, run, tell."""
    from asgnet import Segmenter
    from asgnet.apply.batch import reading, segment_all

    reading.WHOLE = 1_000_000
    segmenter = Segmenter.from_pretrained().fit(*example())
    segmenter.thoroughness = thoroughness
    first: list[float] = []

    def told(name: str, part: float) -> None:
        first.append(part)
        print(f"{part:.2%}", file=sys.stderr, flush=True)
        if stop is not None and part >= stop:
            os.kill(os.getpid(), signal.SIGKILL)

    began, used = time.perf_counter(), sum(os.times()[:2])
    done = segment_all(segmenter, [path], out, formats=("png", "tiff", "counts"), report=True, on_part=told)
    said = {
        "seconds": round(time.perf_counter() - began, 1),
        "processor seconds": round(sum(os.times()[:2]) - used, 1),
        "MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "from": first[0] if first else 1.0,
        "failed": [reason for _, reason in done.failed],
        "count": int((out / "counts.csv").read_text().splitlines()[1].split(",")[2]),
        "scale": str(next(iter(segmenter.fits))),
    }
    print(json.dumps(said))


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--side", type=int, default=8192)
    parser.add_argument("--height", type=int)
    parser.add_argument("--kind", default="jpeg", choices=["jpeg", "deflate", "png"])
    parser.add_argument("--thoroughness", default="auto")
    parser.add_argument("--stop", type=float)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--child", nargs=2)
    given = parser.parse_args()
    if given.child:
        segment(*map(Path, given.child), given.thoroughness, given.stop)
        return
    with tempfile.TemporaryDirectory(dir=given.work) as folder:
        path = Path(folder) / ("x.png" if given.kind == "png" else "x.tif")
        size = given.height or given.side, given.side
        save(path, size, given.kind)
        out = Path(folder) / "out"
        call = [sys.executable, "-m", "benchmarks.speed.large", "--thoroughness", given.thoroughness]
        call += ["--child", str(path), str(out)]
        if given.stop is not None:
            subprocess.run([*call, "--stop", str(given.stop)], check=False)
        done = subprocess.run(call, check=True, stdout=subprocess.PIPE)
        discs = -(-size[0] * size[1] // TILE**2 // 4)
        said = {"megapixels": size[0] * size[1] / 1e6, "file MB": path.stat().st_size >> 20, "discs": discs}
        said |= json.loads(done.stdout)
        said["mask"] = hashlib.sha256((out / "x.png").read_bytes()).hexdigest()[:12]
        print(json.dumps(said))


if __name__ == "__main__":
    main()
