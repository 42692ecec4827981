"""A whole folder, end to end: pictures a second, the highest memory, what a second class costs.

    python -m benchmarks.speed.folder                    # 500 and 2,000 pictures of 640 by 480
    python -m benchmarks.speed.folder --counts 16 32     # to see whether it works

Every number is of a process of its own that reads JPEGs and writes PNGs, as ``asgnet segment`` does. The
pictures are pieces of scikit-image's photographs, all different, in a temporary folder, as are the masks.
One JSON object a run on stdout. Runs with one class and with two take turns, ``--repeat`` times.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from benchmarks.common import arguments
from benchmarks.speed.measure import peak_memory
from PIL import Image

SIZE = (640, 480)
PHOTOGRAPHS = ("coffee.png", "chelsea.png", "astronaut.png", "motorcycle_left.png", "rocket.jpg")


def make_pictures(folder: Path, count: int) -> None:
    """``count`` JPEGs of 640 by 480: windows of photographs, moved, mirrored, lit differently."""
    from asgnet.apply.examples.samples import photograph

    folder.mkdir()
    whole = [Image.fromarray(photograph(name)) for name in PHOTOGRAPHS]
    random = np.random.default_rng(0)
    for i in range(count):
        image = whole[i % len(whole)]
        side = random.uniform(0.6, 1.0)
        w, h = round(image.width * side), round(image.height * side)
        left, top = (int(random.integers(0, room + 1)) for room in (image.width - w, image.height - h))
        view = image.resize(SIZE, box=(left, top, left + w, top + h))
        view = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if random.random() < 0.5 else view
        light = random.uniform(0.7, 1.2)
        view.point(lambda v, light=light: min(255, round(v * light))).save(folder / f"{i:05}.jpg", quality=90)


def make_concepts(folder: Path) -> None:
    """``1.concept`` of one class, ``2.concept`` of two, a shot each."""
    from asgnet import Segmenter
    from asgnet.apply.concept.edit import merged
    from asgnet.apply.examples.samples import eye, motorcycle

    segmenter = Segmenter.from_pretrained(engine="torch", precision="fp32")
    found = []
    for name, scene in (("motorcycle", motorcycle()), ("eye", eye())):
        found.append(segmenter.fit(scene.support.image, {name: scene.support.mask}).concept)
    found[0].save(folder / "1.concept")
    merged(found).save(folder / "2.concept")


def run(folder: Path, count: int, classes: int, runtime: str) -> dict[str, float]:
    """Segment ``count`` pictures in a new process."""
    command = [sys.executable, __file__, "--child", str(folder), str(count), str(classes), runtime]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def child(folder: Path, count: int, classes: int, runtime: str) -> dict[str, float]:
    """Seconds from the first picture to the last file, with the model loaded; the whole process's peak."""
    from asgnet import Concept, Segmenter
    from asgnet.apply.batch.run import segment_all
    from asgnet.data.listing import list_sources

    segmenter = Segmenter.from_pretrained(engine=runtime)
    segmenter.concept = Concept.load(folder / f"{classes}.concept")
    files = list_sources([folder / "pictures"])[:count]
    segmenter.predict(np.zeros((480, 640, 3), np.uint8))  # the engine is made at the first picture
    out = tempfile.mkdtemp(dir=folder)
    began = time.perf_counter()
    summary = segment_all(segmenter, files, out)
    seconds = time.perf_counter() - began
    written = len(list(Path(out).rglob("*.png")))
    if summary.done != count or written != count:
        raise SystemExit(f"{summary.done} done and {written} written, of {count}")
    return {
        "pictures": count,
        "classes": classes,
        "runtime": segmenter.engine,
        "precision": segmenter.precision,
        "seconds": round(seconds, 2),
        "pictures_per_second": round(count / seconds, 2),
        "peak_mb": round(peak_memory()),
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--runtime", default="auto", help="auto, torch, onnx, openvino")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        folder, count, classes, runtime = given.child
        print(json.dumps(child(Path(folder), int(count), int(classes), runtime)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make_pictures(folder / "pictures", max(given.counts))
        make_concepts(folder)
        first = min(given.counts)
        took: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(given.repeat):
            for classes in (1, 2):
                found = run(folder, first, classes, given.runtime)
                took[classes].append(found["seconds"])
                print(json.dumps(found), flush=True)
        more = np.median(np.divide(took[2], took[1])) - 1
        print(json.dumps({"second_class_costs": round(float(more), 3)}), flush=True)
        for count in sorted(set(given.counts) - {first}):
            print(json.dumps(run(folder, count, 1, given.runtime)), flush=True)


if __name__ == "__main__":
    main()
