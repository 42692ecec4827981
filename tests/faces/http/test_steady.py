"""Killed, crowded, full: what the server promises then."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from asgnet.serving.service import Bounds

httpx = pytest.importorskip("httpx", reason="needs httpx: pip install -e '.[dev]'")


class Process:
    """``asgnet serve`` as a user starts it."""

    def __init__(self, folder):
        code = "import sys; from asgnet.faces.cli.app import main; sys.exit(main(sys.argv[1:]))"
        options = ["serve", "--port", "0", "--no-browser", "--data-dir", str(folder)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.address = self.process.stdout.readline().strip()
        self.client = httpx.Client(base_url=self.address, timeout=60)
        for _ in range(600):
            if self.client.get("/readyz").status_code == 200:
                return
            time.sleep(0.1)
        raise AssertionError("never ready")

    def end(self, number: int) -> int:
        self.client.close()
        self.process.send_signal(number)
        return self.process.wait(30)


def test_after_kill_9_everything_is_there_and_the_rest_is_done(tmp_path, painted):
    """A real process, really killed in the middle of a job."""
    first = Process(tmp_path)
    try:
        picture, mask = painted(0)
        files = {"images": ("a.png", picture), "masks": ("m.png", mask)}
        concept = first.client.post("/v1/concepts", data={"adapt": "false"}, files=files).json()
        pictures = [("pictures", (f"{i}.png", painted(i)[0])) for i in range(12)]
        job = first.client.post("/v1/jobs", data={"concept": concept["id"]}, files=pictures).json()
        before = {}
        while len(before) < 3:
            listed = first.client.get(f"/v1/jobs/{job['id']}/results").json()["results"]
            before = {r["index"]: r for r in listed if r["status"] == "done"}
        assert len(before) < 12
    finally:
        assert first.end(signal.SIGKILL) == -signal.SIGKILL
    (tmp_path / "jobs" / job["id"] / ".asgnet-0123456789ab.png").write_bytes(b"half")
    (tmp_path / "concepts" / "left-over").mkdir()

    second = Process(tmp_path)
    try:
        assert second.client.get("/v1/concepts").json() == {"concepts": [concept]}
        events = second.client.get(f"/v1/jobs/{job['id']}/events").text
        end = json.loads(events.strip().rpartition("data: ")[2])
        assert (end["status"], end["done"], end["failed"]) == ("done", 12, 0)
        after = second.client.get(f"/v1/jobs/{job['id']}/results").json()["results"]
        assert {i: after[i] for i in before} == before  # finished ones were not done again
        for result in after:
            address = f"/v1/jobs/{job['id']}/results/{result['index']}"
            assert second.client.get(f"{address}/mask.png").content[:4] == b"\x89PNG"
        assert not (tmp_path / "concepts" / "left-over").exists()
        assert len(list(tmp_path.glob("lost+found/*/concepts/left-over"))) == 1
        assert not list(tmp_path.rglob(".asgnet-*"))
        third = subprocess.run(
            [sys.executable, "-m", "asgnet", "serve", "--port", "0", "--data-dir", str(tmp_path)],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert third.returncode == 1
        assert "is in use by another asgnet serve" in third.stderr
    finally:
        assert second.end(signal.SIGTERM) == 143


def test_old_jobs_expire_and_young_ones_stay(serve, learn, painted, finish):
    client = serve(bounds=Bounds(days=1))
    concept = learn(client)
    files = {"pictures": ("a.png", painted(1)[0])}
    old, young = (
        client.post("/v1/jobs", data={"concept": concept["id"]}, files=files).json()["id"] for _ in range(2)
    )
    finish(client, old), finish(client, young)
    service = client.app.state.service
    assert service.jobs.expire(1) == []
    with service.database.transaction() as index:
        index.execute("UPDATE job SET touched = touched - 90000 WHERE id = ?", (old,))
    assert service.jobs.expire(1) == [old]
    assert [job["id"] for job in client.get("/v1/jobs").json()["jobs"]] == [young]
    assert not (service.database.folder / "jobs" / old).exists()


def test_who_comes_too_late_is_told_when_to_come_again_and_health_answers_meanwhile(serve, learn, painted):
    client = serve(bounds=Bounds(waiting=2))
    concept = learn(client)
    gate = threading.Event()
    workers = client.app.state.service.pool
    held = [workers.submit(gate.wait) for _ in range(2)]
    while workers.busy < 2:
        time.sleep(0.01)
    held += [workers.submit(gate.wait) for _ in range(2)]
    try:
        answer = client.post(
            "/v1/segment", data={"concept": concept["id"]}, files={"picture": ("a.png", painted(1)[0])}
        )
        assert (answer.status_code, answer.json()["type"]) == (429, "urn:asgnet:problem:busy")
        assert int(answer.headers["retry-after"]) >= 1
        began = time.perf_counter()
        assert client.get("/healthz").status_code == 200
        assert client.get("/v1/concepts").status_code == 200
        assert time.perf_counter() - began < 2
    finally:
        gate.set()
    assert all(future.result(10) for future in held)


def test_slow_work_leaves_a_worker_for_the_rest(client, learn, painted):
    concept = learn(client)
    gate = threading.Event()
    workers = client.app.state.service.pool
    held = [workers.submit(gate.wait, "slow") for _ in range(3)]
    try:
        files = {"picture": ("a.png", painted(1)[0])}
        assert client.post("/v1/segment", data={"concept": concept["id"]}, files=files).status_code == 200
    finally:
        gate.set()
    assert all(future.result(10) for future in held)


def test_jobs_take_turns(client, learn, painted, finish):
    concept = learn(client)
    many = [("pictures", (f"{i}.png", painted(i)[0])) for i in range(30)]
    long = client.post("/v1/jobs", data={"concept": concept["id"]}, files=many).json()
    short = client.post("/v1/jobs", data={"concept": concept["id"]}, files=many[:1]).json()
    assert finish(client, short["id"])[-1][1]["done"] == 1
    assert client.get(f"/v1/jobs/{long['id']}").json()["status"] == "running"
    client.post(f"/v1/jobs/{long['id']}/cancel")


def test_many_clients_at_once_lose_nothing(client, learn, painted):
    """In small: benchmarks/speed/serve.py does it with fifty clients and a real server."""
    concept = learn(client)
    picture = painted(1)[0]

    def one(_: int) -> tuple[int, float]:
        while True:
            answer = client.post(
                "/v1/segment", data={"concept": concept["id"]}, files={"picture": ("a.png", picture)}
            )
            if answer.status_code != 429:
                return answer.status_code, answer.json()["presence"]
            time.sleep(0.05)

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(one, range(24)))
    assert {status for status, _ in answers} == {200}
    assert max(p for _, p in answers) - min(p for _, p in answers) < 1e-4


def test_a_full_disk_is_a_problem_of_its_own(client, learn, painted, monkeypatch):
    concept = learn(client)
    from asgnet.serving.store import results

    def full(path, data):
        from asgnet.errors import OutputError

        raise OutputError(f"{path} cannot be written: the disk is full.")

    monkeypatch.setattr(results, "save_bytes", full)
    files = {"pictures": ("a.png", painted(1)[0])}
    answer = client.post("/v1/jobs", data={"concept": concept["id"]}, files=files)
    assert (answer.status_code, answer.json()["type"]) == (507, "urn:asgnet:problem:storage")
    assert os.sep + "data" not in answer.text
    assert client.get("/v1/jobs").json() == {"jobs": []}
