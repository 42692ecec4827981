"""Work that is measured in processes of its own: starting, memory, a folder from start to end."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from benchmarks.speed import work

ROOT = Path(__file__).parents[2]
START = {
    "import asgnet": "import asgnet",
    "load the default": "from asgnet import Segmenter; Segmenter.from_pretrained()",
}
PEAK = """
from benchmarks.speed import work
from benchmarks.speed.measure import peak_memory
work.segmenter("{engine}", {shots}).predict(work.scene()[1])
print(peak_memory())
"""


def start(what: str) -> float:
    """Seconds from nothing to one of ``START``."""
    began = time.perf_counter()
    _python("-c", START[what])
    return time.perf_counter() - began


def peak_memory(engine: str, shots: int) -> float:
    """Megabytes that a process holds at most for a fit and a prediction."""
    return float(_python("-c", PEAK.format(engine=engine, shots=shots)))


def folder(pictures: int, workers: int) -> float:
    """Seconds that ``asgnet segment`` takes for a folder, start and fit included.

    Args:
        pictures: so many.
        workers: processes, each with its share of pictures and of cores.
    """
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        left, query, mask = work.scene()
        for i in range(pictures):
            Image.fromarray(query).save(place / f"{i:03}.jpg")
        Image.fromarray(left).save(place / "support.png")
        Image.fromarray(mask * 255).save(place / "mask.png")
        names = sorted(map(str, place.glob("*.jpg")))
        support = ["--support", str(place / "support.png"), str(place / "mask.png")]
        share = str(max((os.cpu_count() or 1) // workers, 1))
        alone = {"OMP_NUM_THREADS": share} | os.environ
        began = time.perf_counter()
        command = [sys.executable, "-m", "asgnet", "segment", *support]
        running = [
            subprocess.Popen(
                [*command, *names[i::workers], "--out", str(place / f"out{i}")],
                cwd=ROOT, env=alone, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            for i in range(workers)
        ]  # fmt: skip
        codes = [process.wait() for process in running]
        took = time.perf_counter() - began
        if any(codes):
            raise RuntimeError(f"asgnet segment ended with {codes}")
        return took


def _python(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout
