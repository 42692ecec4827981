"""How quick and how steady is asgnet serve? A real server on this machine, asked as a client asks.

    python -m benchmarks.speed.serve                            # 50 clients, 4 requests each
    python -m benchmarks.speed.serve --clients 8 --requests 2 --out serve.json

Prints one object: seconds from the command to /readyz; seconds from starting a job to its first result, the
concept fitted; milliseconds of a request beyond the prediction itself (upload, decoding, encoding, queue),
the median of 30; requests of all clients at once that were lost; the server's memory after them, and by how
much it grew. The exit code is 1 if one of BOUNDS is passed. Start it on an idle machine.
"""

from __future__ import annotations

import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from benchmarks.common import arguments
from PIL import Image

BOUNDS = {"cold_start_s": 5.0, "first_result_s": 2.0, "overhead_ms": 15.0, "lost": 0, "grown_mb": 64.0}
SIZE = (640, 480)


def photograph() -> tuple[bytes, bytes]:
    """JPEG of 640 by 480 with a cup, PNG of a rough mask of it."""
    from asgnet.apply.examples.samples import photograph as of

    picture, coded, mask = Image.fromarray(of("coffee.png")).resize(SIZE), io.BytesIO(), io.BytesIO()
    picture.save(coded, "JPEG", quality=92)
    painted = np.zeros(SIZE[::-1], np.uint8)
    painted[60:310, 200:410] = 1
    Image.fromarray(painted).save(mask, "PNG")
    return coded.getvalue(), mask.getvalue()


class Server:
    """``asgnet serve`` on a free port, with a folder of its own."""

    def __init__(self, folder: str) -> None:
        code = "import sys; from asgnet.faces.cli.app import main; sys.exit(main(sys.argv[1:]))"
        options = ["serve", "--port", "0", "--no-browser", "--data-dir", folder]
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *options], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        self.client = httpx.Client(base_url=self.address, timeout=300)
        while self.client.get("/readyz").status_code != 200:
            time.sleep(0.02)
        self.cold_start = time.perf_counter() - began

    def memory(self) -> float:
        """Resident megabytes (Linux)."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * 4096 / 1e6

    def stop(self) -> None:
        """End it."""
        self.client.close()
        self.process.terminate()
        self.process.wait(60)


def first_result(client: httpx.Client, concept: str, picture: bytes) -> float:
    """Seconds from starting a job to its first result."""
    began = time.perf_counter()
    files = [("pictures", (f"{i}.jpg", picture)) for i in range(5)]
    job = client.post("/v1/jobs", data={"concept": concept}, files=files).raise_for_status().json()["id"]
    with client.stream("GET", f"/v1/jobs/{job}/events") as events:
        for line in events.iter_lines():
            if line == "event: result":
                return time.perf_counter() - began
    raise SystemExit("the job ended without a result")


def segment(client: httpx.Client, concept: str, picture: bytes) -> dict[str, Any]:
    """One answer; comes again when the server is busy."""
    while True:
        files = {"picture": ("a.jpg", picture)}
        answer = client.post("/v1/segment", data={"concept": concept}, files=files)
        if answer.status_code not in (429, 503):
            return answer.raise_for_status().json()
        time.sleep(float(answer.headers["retry-after"]))


def overhead(client: httpx.Client, concept: str, picture: bytes, count: int = 30) -> float:
    """Median milliseconds of a request beyond its prediction."""
    beyond = []
    for _ in range(count):
        began = time.perf_counter()
        seconds = segment(client, concept, picture)["seconds"]
        beyond.append((time.perf_counter() - began - seconds) * 1000)
    return statistics.median(beyond)


def lost(address: str, concept: str, picture: bytes, clients: int, requests: int) -> int:
    """Requests of all clients at once that got no answer."""

    def one(_: int) -> int:
        failed = 0
        with httpx.Client(base_url=address, timeout=600) as client:
            for _ in range(requests):
                try:
                    segment(client, concept, picture)
                except httpx.HTTPError as error:
                    print(f"lost: {error!r}", file=sys.stderr)
                    failed += 1
        return failed

    with ThreadPoolExecutor(clients) as pool:
        return sum(pool.map(one, range(clients)))


def measured(clients: int, requests: int) -> dict[str, float]:
    """All of BOUNDS, and what belongs to them."""
    picture, mask = photograph()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder)
        try:
            files = [("images", ("a.jpg", picture)), ("masks", ("m.png", mask))]
            answer = server.client.post("/v1/concepts", data={"adapt": "false"}, files=files)
            concept = answer.raise_for_status().json()["id"]
            found: dict[str, float] = {"cold_start_s": server.cold_start}
            found["first_result_s"] = first_result(server.client, concept, picture)
            found["overhead_ms"] = overhead(server.client, concept, picture)
            # Buffers of as many requests as may wait are filled once before memory is compared.
            lost(server.address, concept, picture, clients, 1)
            before = server.memory()
            began = time.perf_counter()
            found["lost"] = lost(server.address, concept, picture, clients, requests)
            found["per_second"] = clients * requests / (time.perf_counter() - began)
            found["memory_mb"] = server.memory()
            found["grown_mb"] = server.memory() - before
        finally:
            server.stop()
    return {name: round(value, 3) for name, value in found.items()}


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--requests", type=int, default=4)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    found = measured(args.clients, args.requests)
    print(json.dumps(found))
    if args.out:
        args.out.write_text(json.dumps(found) + "\n", "utf-8")
    passed = [name for name, most in BOUNDS.items() if found[name] > most]
    for name in passed:
        print(f"{name} is {found[name]}, more than {BOUNDS[name]}", file=sys.stderr)
    return 1 if passed else 0


if __name__ == "__main__":
    sys.exit(main())
