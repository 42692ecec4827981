"""``kill -9`` at any moment: at the next start everything that was acknowledged is there, byte for byte."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading

import pytest

from asgnet.serving.store.folder import LOST

httpx = pytest.importorskip("httpx", reason="needs httpx: pip install -e '.[dev]'")
TIMES = int(os.environ.get("ASGNET_KILLS", "10"))


class KilledError(Exception):
    """The server is gone in the middle of a request."""


class Server:
    """A stub server on a folder."""

    def __init__(self, folder):
        command = [sys.executable, "-m", "tests.attack.stub_server", str(folder), ""]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{int(line)}", timeout=30)

    def ask(self, method: str, path: str, **how):
        try:
            return self.client.request(method, path, **how)
        except httpx.TransportError as error:
            raise KilledError from error

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()
        self.client.close()


def work(server: Server, known: dict, painted, draw: random.Random) -> None:
    """Add, change and delete until the server is gone; ``known`` is what it acknowledged."""
    for step in range(10_000):
        picture, mask = painted(draw.randrange(9))
        pair = {"images": (f"{step}.png", picture), "masks": ("m.png", mask)}
        kind = draw.choice(["learn", "refit", "job", "job", "delete", "add"])
        if kind == "learn" or not known["concepts"]:
            made = server.ask("POST", "/v1/concepts", data={"adapt": "false"}, files=pair).json()
            known["concepts"][made["id"]] = made["version"]
        elif kind == "refit":
            concept = draw.choice(sorted(known["concepts"]))
            known["unsure"] = concept
            made = server.ask("PUT", f"/v1/concepts/{concept}/supports", files=pair).json()
            known["concepts"][concept] = made["version"]
            known["unsure"] = None
        elif kind == "job":
            concept = draw.choice(sorted(known["concepts"]))
            files = [("pictures", (f"{i}.png", painted(i)[0])) for i in range(draw.randrange(1, 5))]
            made = server.ask("POST", "/v1/jobs", data={"concept": concept}, files=files).json()
            known["jobs"][made["id"]] = len(files)
        elif kind == "add" and known["jobs"]:
            job = draw.choice(sorted(known["jobs"]))
            known["unsure"] = job
            server.ask("POST", f"/v1/jobs/{job}/pictures", files={"pictures": ("more.png", picture)})
            known["jobs"][job] += 1
            known["unsure"] = None
        elif kind == "delete" and len(known["jobs"]) > 3:
            job = draw.choice(sorted(known["jobs"]))
            del known["jobs"][job]
            known["unsure"] = job
            server.ask("DELETE", f"/v1/jobs/{job}")
            known["unsure"] = None


def check(server: Server, known: dict, masks: dict) -> None:
    """All that was acknowledged is there, finished masks are the bytes that they were."""
    concepts = {c["id"]: c for c in server.ask("GET", "/v1/concepts").json()["concepts"]}
    for concept, version in known["concepts"].items():
        assert concepts[concept]["version"] in (
            {version, version + 1} if concept == known["unsure"] else {version}
        )
        assert server.ask("GET", f"/v1/concepts/{concept}/file").status_code == 200
        for i in range(concepts[concept]["shots"]):
            assert server.ask("GET", f"/v1/concepts/{concept}/supports/{i}/mask.png").status_code == 200
        known["concepts"][concept] = concepts[concept]["version"]
    for job, total in list(known["jobs"].items()):
        server.ask("GET", f"/v1/jobs/{job}/events")  # until it has ended
        said = server.ask("GET", f"/v1/jobs/{job}").json()
        assert said["total"] in ({total, total + 1} if job == known["unsure"] else {total}), said
        assert (said["done"], said["failed"]) == (said["total"], 0), said
        known["jobs"][job] = said["total"]
        for i in range(said["total"]):
            found = server.ask("GET", f"/v1/jobs/{job}/results/{i}/mask.png").content
            assert masks.setdefault((job, i), found) == found
    known["unsure"] = None


@pytest.mark.attack
def test_a_server_that_is_killed_again_and_again_loses_nothing(tmp_path, painted):
    draw, masks = random.Random(1), {}
    known: dict = {"concepts": {}, "jobs": {}, "unsure": None}
    for _ in range(TIMES):
        server = Server(tmp_path / "data")
        try:
            check(server, known, masks)
            timer = threading.Timer(draw.uniform(0.02, 0.8), server.process.kill)
            timer.start()
            with pytest.raises(KilledError):
                work(server, known, painted, draw)
        finally:
            server.end()
        if len(known["jobs"]) > 8:
            known["jobs"] = dict(list(known["jobs"].items())[-4:])
    server = Server(tmp_path / "data")
    try:
        check(server, known, masks)
    finally:
        server.end()
    assert not list((tmp_path / "data").rglob(".asgnet-*"))
    assert not (tmp_path / "data" / LOST).exists(), list((tmp_path / "data" / LOST).rglob("*"))[:9]
