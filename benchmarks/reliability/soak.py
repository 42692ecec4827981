"""Does anything grow? Many predictions, fits and cancelled jobs in one process, and what it holds meanwhile.

    python -m benchmarks.reliability.soak                        # 10,000 predictions, 200 fits, 100 cancelled jobs
    python -m benchmarks.reliability.soak --predictions 200 --fits 4 --jobs 2 --out soak.json

The work is mixed evenly. After the first tenth (caches are full by then) a line is noted at every twentieth:
resident memory, open handles, threads, temporary files. The last line compares the end with the first note;
the exit code is 1 if memory grew by more than --most megabytes or anything else by more than 3.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.common import arguments

from asgnet.data.png import png_bytes

SPARE = 3


def scene(seed: int, h: int = 60, w: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """A red disc on grey noise, and its mask."""
    random = np.random.default_rng(seed)
    picture = random.integers(90, 140, (h, w, 3)).astype(np.uint8)
    row, column = random.uniform(16, h - 16), random.uniform(16, w - 16)
    rows, columns = np.indices((h, w))
    mask = (rows - row) ** 2 + (columns - column) ** 2 <= 14**2
    picture[mask] = (220, 30, 30)
    return picture, mask.astype(np.uint8)


def held(temporary: Path, began: float, done: int) -> dict[str, Any]:
    """What this process holds now (Linux: /proc; elsewhere the peak of memory, and no handles)."""
    gc.collect()
    status = Path("/proc/self/statm")
    if status.exists():
        memory = int(status.read_text().split()[1]) * resource.getpagesize() / 1e6
        handles = len(os.listdir("/proc/self/fd"))
        threads = len(os.listdir("/proc/self/task"))
    else:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        handles, threads = 0, threading.active_count()
    files = sum(1 for path in temporary.rglob("*") if path.is_file())
    return {
        "done": done, "seconds": round(time.monotonic() - began, 1), "megabytes": round(memory, 1),
        "handles": handles, "threads": threads, "temporary": files,
    }  # fmt: skip


class Server:
    """The service behind asgnet serve, to start jobs of 20 pictures and cancel them at once."""

    def __init__(self, folder: Path, load: Any) -> None:
        from fastapi.testclient import TestClient

        from asgnet.faces.http.app import create_app
        from asgnet.faces.http.settings import Settings

        self.client = TestClient(
            create_app(Settings(folder, workers=1), load=load), base_url="http://127.0.0.1:8008"
        )
        self.client.__enter__()
        while self.client.get("/readyz").status_code != 200:
            time.sleep(0.05)
        picture, mask = (png_bytes(part) for part in scene(0))
        files = [("images", ("a.png", picture)), ("masks", ("m.png", mask))]
        answer = self.client.post("/v1/concepts", data={"adapt": "false"}, files=files)
        self.concept = answer.raise_for_status().json()["id"]

    def cancelled_job(self, seed: int) -> None:
        files = [("pictures", (f"{i}.png", png_bytes(scene(seed + i)[0]))) for i in range(20)]
        job = self.client.post("/v1/jobs", data={"concept": self.concept}, files=files).raise_for_status()
        address = f"/v1/jobs/{job.json()['id']}"
        self.client.post(f"{address}/cancel").raise_for_status()
        self.client.get(f"{address}/events").raise_for_status()  # until it has ended
        self.client.delete(address).raise_for_status()

    def close(self) -> None:
        self.client.__exit__(None, None, None)


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--predictions", type=int, default=10_000)
    parser.add_argument("--fits", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--side", type=int, default=128, help="of the network's pictures")
    parser.add_argument("--minutes", type=float, default=60.0, help="stop after so long, wherever it is")
    parser.add_argument("--most", type=float, default=50.0, help="megabytes that memory may grow")
    parser.add_argument("--out", type=Path, help="write all notes as JSON")
    asked = parser.parse_args()

    from asgnet.apply import segmenter as module

    module.SIDE = asked.side
    segmenter = module.Segmenter.from_pretrained(engine="torch", precision="fp32")
    temporary = Path(tempfile.mkdtemp(prefix="asgnet-soak."))
    tempfile.tempdir = str(temporary)
    data = Path(tempfile.mkdtemp(prefix="asgnet-soak-data.", dir=temporary.parent))
    server = Server(data, lambda: module.Segmenter(segmenter.backend)) if asked.jobs else None

    work = sorted(
        [((i + 0.5) / n, kind, i) for kind, n in (("predict", asked.predictions), ("fit", asked.fits),
                                                  ("job", asked.jobs)) for i in range(n)]
    )  # fmt: skip
    segmenter.fit(*scene(0))
    notes: list[dict[str, Any]] = []
    done = dict.fromkeys(("predict", "fit", "job"), 0)
    began = time.monotonic()
    first, every = len(work) // 10, max(len(work) // 20, 1)
    for n, (_, kind, i) in enumerate(work, 1):
        if kind == "predict":
            segmenter.predict(scene(i)[0])
        elif kind == "fit":
            segmenter.fit(*scene(i), adapt="auto")
        elif server is not None:
            server.cancelled_job(i)
        done[kind] += 1
        late = time.monotonic() - began > 60 * asked.minutes
        if n == first or (n > first and n % every == 0) or n == len(work) or late:
            notes.append(held(temporary, began, n))
            print(json.dumps(notes[-1]), flush=True)
        if late:
            break
    if server is not None:
        server.close()
    grown = {
        key: round(notes[-1][key] - notes[0][key], 1)
        for key in ("megabytes", "handles", "threads", "temporary")
    }
    print(json.dumps({"work": done, "grown": grown}))
    if asked.out:
        asked.out.write_text(json.dumps({"work": done, "grown": grown, "notes": notes}, indent=1) + "\n")
    steady = grown["megabytes"] <= asked.most and all(
        grown[k] <= SPARE for k in ("handles", "threads", "temporary")
    )
    return 0 if steady else 1


if __name__ == "__main__":
    sys.exit(main())
