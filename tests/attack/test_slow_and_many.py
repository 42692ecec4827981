"""Clients that dawdle, many of them, and programs that we wait for: nobody else waits longer for it."""

from __future__ import annotations

import contextlib
import json
import socket
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from asgnet.faces.http import bodies, connections
from asgnet.faces.integrations import studio
from asgnet.serving.service import Bounds

HEAD = b"POST /label-studio/setup HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
CONFIG = (
    '<View><BrushLabels name="t" toName="i"><Label value="disc"/></BrushLabels>'
    '<Image name="i" value="$image"/></View>'
)
OK = b"HTTP/1.1 200 OK\r\n"


def closed(one: socket.socket, seconds: float) -> bool:
    """Does the server end this connection in time? What it says before is read."""
    one.settimeout(seconds)
    try:
        while one.recv(1 << 16):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


def all_of(one: socket.socket) -> bytes:
    """All that the server says until it hangs up."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while piece := one.recv(1 << 16):
            said += piece
    return said


def drip(one: socket.socket, piece: bytes, seconds: float) -> float:
    """Send it again and again; seconds until the server had enough."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        try:
            one.sendall(piece)
        except OSError:
            break
        time.sleep(0.05)
    return time.monotonic() - began


@pytest.mark.parametrize("sent", [b"", b"G", b"GET /healthz HTTP/1.1\r\nHost: "])
def test_a_head_that_does_not_come_ends_the_connection(live, sent):
    server = live(head_seconds=0.4)
    with server.connect() as one:
        one.sendall(sent)
        assert closed(one, 5)


def test_a_head_that_drips_ends_the_connection(live):
    server = live(head_seconds=0.4)
    with server.connect() as one:
        one.sendall(b"GET /healthz HTTP/1.1\r\n")
        assert drip(one, b"X: y\r\n", 10) < 5


def test_the_head_of_a_second_request_has_a_deadline_too(live):
    server = live(head_seconds=0.4)
    with server.connect() as one:
        for _ in range(2):
            one.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            answer = b""
            while not answer.endswith(b'"alive"}'):
                answer += one.recv(1 << 16)
            time.sleep(0.8)  # between requests it may rest
        assert drip(one, b"G", 10) < 5


def test_a_body_that_drips_is_408_and_the_connection_ends(live, monkeypatch):
    monkeypatch.setattr(bodies, "GRACE", 0.5)
    server = live()
    with server.connect() as one:
        one.sendall(HEAD + b"Content-Length: 100000\r\n\r\n" + b"x" * 9)
        answer = all_of(one)
    assert answer.split()[1] == b"408"
    assert b"urn:asgnet:problem:slow" in answer


def test_a_body_that_takes_its_time_is_taken(live, monkeypatch, painted):
    monkeypatch.setattr(bodies, "GRACE", 1.0)
    monkeypatch.setattr(bodies, "PACE", 400)
    server = live()
    body = b"x" * 4000
    with server.connect() as one:
        one.sendall(HEAD + f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode())
        for at in range(0, len(body), 200):
            one.sendall(body[at : at + 200])
            time.sleep(0.1)
        assert all_of(one).split()[1] == b"422"


def test_a_body_that_goes_on_after_the_answer_ends_the_connection(live, monkeypatch):
    monkeypatch.setattr(connections, "LINGER_SECONDS", 0.3)
    server = live(bounds=Bounds(request_bytes=1000))
    for announced in (b"Content-Length: 99999\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"):
        with server.connect() as one:
            one.sendall(HEAD + announced)
            assert drip(one, b"400\r\n" + b"x" * 1024 + b"\r\n", 10) < 5


def test_who_does_not_take_the_answer_is_let_go(live, monkeypatch):
    monkeypatch.setattr(connections, "STALL_SECONDS", 0.3)
    server = live()
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(("127.0.0.1", server.port))
        one.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 200)
        deadline = time.monotonic() + 10
        while server.server.server_state.connections and time.monotonic() < deadline:
            time.sleep(0.05)
    assert time.monotonic() < deadline


def test_half_open_connections_lock_nobody_out(live):
    server = live(most=40)
    held = [server.connect() for _ in range(150)]
    try:
        for one in held[::2]:
            with contextlib.suppress(OSError):
                one.sendall(b"GET / HT")
        began = time.monotonic()
        assert [server.get() for _ in range(20)] == [200] * 20
        assert time.monotonic() - began < 5
        assert len(server.server.server_state.connections) <= 41
    finally:
        for one in held:
            one.close()


def test_bodies_of_all_requests_together_are_bounded(live):
    server = live(bounds=Bounds(bodies_bytes=3_000_000))
    with server.connect() as first, server.connect() as second:
        first.sendall(HEAD + b"Content-Length: 4000000\r\n\r\n" + b"x" * 2_000_000)
        time.sleep(0.3)
        second.sendall(HEAD + b"Content-Length: 2000000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            second.sendall(b"x" * 2_000_000)
        answer = all_of(second)
    assert answer.split()[1] == b"429"
    assert b"retry-after" in answer
    time.sleep(0.3)
    with server.connect() as third:
        third.sendall(HEAD + b"Content-Length: 2000000\r\nConnection: close\r\n\r\n" + b"x" * 2_000_000)
        assert all_of(third).split()[1] == b"422"  # what the others held was given back


class Dripping:
    """A Label Studio that answers a byte at a time, for ever."""

    def __init__(self, start: bytes = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n"):
        self.start, self.open = start, True
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.address = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                one, _ = self.listener.accept()
                threading.Thread(target=self._one, args=(one,), daemon=True).start()

    def _one(self, one: socket.socket) -> None:
        with contextlib.suppress(OSError), one:
            one.recv(1 << 16)
            one.sendall(self.start)
            while self.open:
                one.sendall(b"x")
                time.sleep(0.1)

    def close(self) -> None:
        self.open = False
        self.listener.close()


@pytest.fixture
def dripping():
    with contextlib.closing(Dripping()) as made:
        yield made


def set_up(client, learn, project: int = 1) -> None:
    """As Label Studio introduces a project, and as if a concept had been learned from it."""
    told = {"project": f"{project}.1", "schema": CONFIG, "access_token": "key"}
    assert client.post("/label-studio/setup", json=told).status_code == 200
    concept = learn(client)
    client.app.state.service.database.put(f"label-studio/{project}/concept", concept["id"])


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: ",
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
    ],
)
def test_a_backend_that_drips_is_left_after_a_while_as_a_whole(start):
    from asgnet.faces.integrations.fetch import fetch

    with contextlib.closing(Dripping(start)) as backend:
        began = time.monotonic()
        if start.endswith(b"9\r\n\r\n"):
            assert fetch(backend.address, {}, 100, 5) == b"x" * 9
        else:
            with pytest.raises(ValueError, match="not within 1 s"):
                fetch(backend.address, {}, 1 << 20, 1)
        assert time.monotonic() - began < 4


def test_requests_that_wait_for_others_are_bounded_and_hold_nobody_up(
    stubbed, learn, dripping, painted, monkeypatch
):
    monkeypatch.setattr(studio, "SECONDS", 2.0)
    client = stubbed(label_studio=dripping.address, label_studio_key="key")
    set_up(client, learn)
    concept = client.get("/v1/concepts").json()["concepts"][0]["id"]
    task = {"project": "1.1", "tasks": [{"id": 1, "data": {"image": "/data/upload/1.png"}}]}

    def others(times: int) -> float:
        took = []
        for _ in range(times):
            began = time.perf_counter()
            files = {"picture": ("a.png", painted(1)[0])}
            assert client.post("/v1/segment", data={"concept": concept}, files=files).status_code == 200
            took.append(time.perf_counter() - began)
        return statistics.median(took)

    quiet = others(15)
    with ThreadPoolExecutor(100) as pool:
        waiting = [pool.submit(client.post, "/label-studio/predict", json=task) for _ in range(100)]
        time.sleep(0.5)
        busy = others(15)
        answers = [one.result(60) for one in waiting]
    assert {a.status_code for a in answers} == {422, 429}, [a.text for a in answers[:3]]
    assert sum(a.status_code == 429 for a in answers) >= 40
    assert all("retry-after" in a.headers for a in answers if a.status_code == 429)
    assert busy <= 4 * quiet + 0.05, (quiet, busy)


@pytest.mark.attack
def test_two_thousand_slow_sockets_and_a_hundred_slow_backends(tmp_path, learn, dripping, painted):
    """The median answer of others is at most twice the quiet one."""
    import httpx

    connections.raise_handles()
    command = [sys.executable, "-m", "tests.attack.stub_server", str(tmp_path / "data"), dripping.address]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        port = int(process.stdout.readline())
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            told = {"project": "1.1", "schema": CONFIG, "access_token": "key"}
            assert client.post("/label-studio/setup", json=told).status_code == 200
            concept = learn(client)["id"]
            note = sqlite3.connect(tmp_path / "data" / "asgnet.sqlite3")
            note.execute("INSERT INTO note VALUES ('label-studio/1/concept', ?)", (concept,))
            note.commit()
            files = {"picture": ("a.png", painted(1)[0])}

            def others(times: int = 100) -> float:
                took = []
                for _ in range(times):
                    began = time.perf_counter()
                    assert (
                        client.post("/v1/segment", data={"concept": concept}, files=files).status_code == 200
                    )
                    took.append(time.perf_counter() - began)
                return statistics.median(took)

            others(20)
            quiet = others()
            slow, waiting = connected(port, 2000), connected(port, 100)
            for one in slow:
                one.sendall(b"GET / HTTP/1.1\r\n")
            body = json.dumps({"project": "1.1", "tasks": [{"id": 1, "data": {"image": "/a.png"}}]}).encode()
            head = HEAD.replace(b"setup", b"predict") + f"Content-Length: {len(body)}\r\n\r\n".encode()
            for one in waiting:
                one.sendall(head + body)
            time.sleep(1)
            busy = others()
            for one in slow + waiting:
                one.close()
        assert process.poll() is None
    finally:
        process.kill()
    print(f"median quiet {quiet * 1000:.1f} ms, beside slow ones {busy * 1000:.1f} ms")
    assert busy <= 2 * quiet


def connected(port: int, number: int) -> list[socket.socket]:
    return [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(number)]
