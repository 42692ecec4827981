"""A server under mixed requests, killed, its disk filled, slow clients beside it: is anything lost, does it grow?

    python -m benchmarks.reliability.soak_server                       # an hour, or 10,000 requests
    python -m benchmarks.reliability.soak_server --minutes 3 --out soak_server.json

``asgnet serve`` with the bundled network answers pictures of 0.02 to 3 megapixels, learns, refits, runs jobs, and
gets garbage. Eight times it is killed with SIGKILL and started again on the same folder; four times the folder's
disk (a tmpfs; mounting one needs root, else it is left out) is full for some seconds; 40 clients dawdle all the
time. A line a twentieth of the time says how many requests were answered, and the memory of the server with its
processes. In the end all that was acknowledged is asked for: concepts, jobs, finished masks byte for byte. Exit
code 1 if something is lost, a status is 5xx but 503 or 507, or memory went over --most megabytes.
"""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

from benchmarks.common import arguments
from benchmarks.reliability.soak import scene
from tests.attack.server import Server

from asgnet.data.png import png_bytes

KILLS, FILLS, SLOW = 8, 4, 40
GONE = (OSError, HTTPException, ValueError)
"""What a request raises whose server is killed."""


class Soak:
    """The client: what it sent, and what the server acknowledged."""

    def __init__(self, folder: Path, seed: int = 0):
        self.folder, self.draw = folder, random.Random(seed)
        self.server = Server(folder)
        self.statuses, self.kinds = Counter[int](), Counter[str]()
        self.concepts: dict[str, int] = {}
        self.jobs: dict[str, int] = {}
        self.masks: dict[tuple[str, int], bytes] = {}
        self.lost: list[str] = []
        self.peak, self.kills = 0.0, 0

    def restart(self) -> None:
        """Kill it in the middle of whatever it does."""
        self.server.process.kill()
        self.server.process.wait()
        self.peak, self.kills = max(self.peak, self.server.peak), self.kills + 1
        self.server = Server(self.folder)

    def ask(self, path: str) -> tuple[int, bytes]:
        status, data = self.server.ask(path)
        self.statuses[status] += 1
        return status, data

    def send(self, path: str, fields: list[tuple[str, str, bytes]]) -> tuple[int, dict[str, Any]]:
        status, said = self.server.send(path, fields)
        self.statuses[status] += 1
        return status, said

    def step(self) -> None:
        """One request, or a few that belong together."""
        kinds = {"segment": 60, "large": 1, "learn": 4, "refit": 2, "job": 12, "look": 15, "garbage": 6}
        kind = self.draw.choices(list(kinds), list(kinds.values()))[0]
        if not self.concepts:
            kind = "learn"
        self.kinds[kind] += 1
        getattr(self, f"_{kind}")()

    def _picture(self, most: int = 1200) -> bytes:
        h, w = (self.draw.randrange(100, most) for _ in range(2))
        return png_bytes(scene(self.draw.randrange(1000), h, w)[0])

    def _segment(self, most: int = 1200) -> None:
        concept = self.draw.choice(sorted(self.concepts))
        self.send(
            "v1/segment", [("concept", "", concept.encode()), ("picture", "a.png", self._picture(most))]
        )

    def _large(self) -> None:
        self._segment(1750)

    def _pair(self) -> list[tuple[str, str, bytes]]:
        picture, mask = scene(self.draw.randrange(1000), 200, 300)
        return [("images", "a.png", png_bytes(picture)), ("masks", "m.png", png_bytes(mask))]

    def _learn(self) -> None:
        if len(self.concepts) < 40:
            status, made = self.send("v1/concepts", [("adapt", "", b"false"), *self._pair()])
            if status in (200, 201):
                self.concepts[made["id"]] = made["version"]

    def _refit(self) -> None:
        concept = self.draw.choice(sorted(self.concepts))
        before = self.concepts.pop(concept)  # until it answers nobody knows which of two it is
        status, made = self.send(f"v1/concepts/{concept}/supports", self._pair())
        self.concepts[concept] = made["version"] if status in (200, 201) else before

    def _job(self) -> None:
        concept, count = self.draw.choice(sorted(self.concepts)), self.draw.randrange(1, 5)
        pictures = [("pictures", f"{i}.png", self._picture(600)) for i in range(count)]
        status, made = self.send("v1/jobs", [("concept", "", concept.encode()), *pictures])
        if status in (200, 201, 202):
            self.jobs[made["id"]] = count

    def _look(self) -> None:
        self.ask(
            self.draw.choice(["healthz", "metrics", "v1/concepts", "v1/jobs", "v1/nothing", "openapi.json"])
        )
        if self.jobs:
            job = self.draw.choice(sorted(self.jobs))
            self._mask(job, self.draw.randrange(self.jobs[job]))

    def _garbage(self) -> None:
        data = self.draw.randbytes(self.draw.randrange(2000))
        path = self.draw.choice(["v1/segment", "v1/concepts", "v1/jobs"])
        self.send(path, [(self.draw.choice(["picture", "pictures", "images", "x"]), "a.png", data)])

    def _mask(self, job: str, i: int) -> bool:
        status, data = self.ask(f"v1/jobs/{job}/results/{i}/mask.png")
        if status == 200 and self.masks.setdefault((job, i), data) != data:
            self.lost.append(f"mask {i} of job {job} is another")
        return status == 200

    def check(self, seconds: float = 600) -> None:
        """All that was acknowledged is there."""
        end = time.monotonic() + seconds
        for concept in self.concepts:
            if self.ask(f"v1/concepts/{concept}/file")[0] != 200:
                self.lost.append(f"concept {concept}")
        for job, count in self.jobs.items():
            said: dict[str, Any] = {}
            while time.monotonic() < end:
                status, data = self.ask(f"v1/jobs/{job}")
                said = json.loads(data)
                if status != 200 or said["done"] + said["failed"] >= said["total"]:
                    break
                time.sleep(0.5)
            if said.get("total") != count or said.get("done") != count:
                self.lost.append(f"job {job}: {said}")
            elif not all(self._mask(job, i) for i in range(count)):
                self.lost.append(f"masks of job {job}")


def dawdle(soak: Soak, over: threading.Event) -> None:
    """Clients that send a head a byte a second, for as long as they are let."""
    while not over.is_set():
        port = int(soak.server.address.rstrip("/").rsplit(":", 1)[1])
        slow = []
        with suppress(OSError):
            slow = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(SLOW)]
        for byte in b"GET /healthz HTTP/1.1\r\nHost:":
            if over.wait(1):
                break
            for one in slow:
                with suppress(OSError):
                    one.send(bytes([byte]))
        for one in slow:
            one.close()


def fill(disk: Path, seconds: float) -> None:
    """No room on the disk for a while."""
    ballast = disk / "ballast"
    with suppress(OSError), open(ballast, "wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))
    time.sleep(seconds)
    ballast.unlink()


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--requests", type=int, default=10_000, help="stop after so many")
    parser.add_argument("--most", type=float, default=1000.0, help="megabytes that memory may come to")
    parser.add_argument("--out", type=Path, help="write what was found as JSON")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="asgnet-soak.") as place:
        disk = Path(place)
        mounted = not subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2g", "tmpfs", place]).returncode
        try:
            return soaked(asked, disk, mounted)
        finally:
            if mounted:
                subprocess.run(["umount", "-l", place], check=True)


def soaked(asked: Any, disk: Path, mounted: bool) -> int:
    soak, over, began = Soak(disk / "data"), threading.Event(), time.monotonic()
    slow = threading.Thread(target=dawdle, args=(soak, over), daemon=True)
    slow.start()
    seconds = 60 * asked.minutes
    events = [((i + 0.5) / KILLS, "kill") for i in range(KILLS)]
    events += [((i + 0.9) / FILLS, "fill") for i in range(FILLS if mounted else 0)]
    events, notes = sorted(events, reverse=True), list[dict[str, Any]]()
    filling: list[threading.Thread] = []
    while True:
        answered = soak.statuses.total()
        part = max((time.monotonic() - began) / seconds, answered / asked.requests)
        if part >= 1:
            break
        if events and part >= events[-1][0]:
            if events.pop()[1] == "fill":
                filling.append(threading.Thread(target=fill, args=(disk, min(20, seconds / 30))))
                filling[-1].start()
            else:
                threading.Timer(soak.draw.uniform(0, 0.5), soak.server.process.kill).start()
        if part * 20 >= len(notes):
            notes.append({"minutes": round((time.monotonic() - began) / 60, 1), "answered": answered,
                          "megabytes": round(soak.server.memory())})  # fmt: skip
            print(json.dumps(notes[-1]), flush=True)
        try:
            soak.step()
        except GONE:
            for thread in filling:
                thread.join()  # a server starts on a full disk as well, but does not promise when
            soak.restart()
    for thread in filling:
        thread.join()
    over.set()
    if soak.server.process.poll() is not None:
        soak.restart()
    soak.check()
    notes.append({"minutes": round((time.monotonic() - began) / 60, 1), "answered": soak.statuses.total(),
                  "megabytes": round(soak.server.memory())})  # fmt: skip
    took = soak.server.end()
    bad = sum(n for status, n in soak.statuses.items() if status >= 500 and status not in (503, 507))
    peak = round(max(soak.peak, soak.server.peak))
    result = {
        "requests": soak.statuses.total(), "kinds": dict(soak.kinds), "statuses": dict(sorted(soak.statuses.items())),
        "kills": soak.kills, "full disks": len(filling), "concepts": len(soak.concepts), "jobs": len(soak.jobs),
        "lost": soak.lost, "5xx but 503 and 507": bad, "megabytes at the start": notes[0]["megabytes"],
        "megabytes at the end": notes[-1]["megabytes"], "megabytes at most": peak, "seconds to end": round(took, 1),
    }  # fmt: skip
    print(json.dumps(result))
    if asked.out:
        asked.out.write_text(json.dumps({**result, "notes": notes}, indent=1) + "\n")
    return 1 if soak.lost or bad or peak > asked.most else 0


if __name__ == "__main__":
    sys.exit(main())
