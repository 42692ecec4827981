"""Servers to be attacked: in this process with a network that takes no time, and as a process of its own."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.attack.stub import Stub
from tests.faces.http.conftest import finish, learn, painted

__all__ = ["finish", "learn", "painted"]


@pytest.fixture
def stubbed(tmp_path) -> Iterator[Callable]:
    """``(folder, **settings) -> client`` of a server with a :class:`Stub`."""
    from fastapi.testclient import TestClient

    from asgnet.faces.http.app import create_app
    from asgnet.faces.http.settings import Settings
    from asgnet.faces.integrations import labelstudio

    with ExitStack() as stack:

        def started(folder: Path | None = None, **settings) -> TestClient:
            settings = {"workers": 2, **settings}
            told = Settings(folder or tmp_path / "data", **settings)
            app = create_app(told, Stub, [labelstudio.install])
            client = TestClient(app, base_url="http://127.0.0.1:8008", raise_server_exceptions=False)
            stack.enter_context(client)
            app.state.service.loaded.result(60)
            return client

        yield started


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk of three megabytes; skipped where none can be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], capture_output=True)
    if made.returncode:
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


class Live:
    """A server of this process that listens on a socket, as ``asgnet serve`` has it."""

    def __init__(self, app, most: int, head_seconds: float):
        import uvicorn

        from asgnet.faces.http.connections import bounded

        self.app = app
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        http = bounded(most, head_seconds)
        config = uvicorn.Config(
            app, http=http, ws="none", log_level="critical", access_log=False, lifespan="off",
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(
            target=self.server.run, kwargs={"sockets": [self.listener]}, daemon=True
        )

    def __enter__(self) -> Live:
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        return self

    def __exit__(self, *_) -> None:
        self.server.should_exit = True
        self.thread.join(20)
        self.listener.close()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def get(self, path: str = "/healthz") -> int:
        with self.connect() as one:
            one.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while piece := one.recv(1 << 16):
                answer += piece
        return int(answer.split()[1]) if answer else 0


@pytest.fixture
def live(stubbed) -> Iterator[Callable]:
    """``(most, head_seconds, **settings)`` -> a :class:`Live` server."""
    with ExitStack() as stack:

        def started(most: int = 1000, head_seconds: float = 10.0, **settings) -> Live:
            return stack.enter_context(Live(stubbed(**settings).app, most, head_seconds))

        yield started
