"""A server in this process with the real network, and pictures small enough to be quick."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="asgnet serve is not installed: pip install 'asgnet[serve]'")
pytest.importorskip("httpx", reason="fastapi's test client needs httpx: pip install -e '.[dev]'")


@pytest.fixture(scope="session")
def segmenter():
    """The Segmenter with the bundled weights, loaded once."""
    from asgnet.apply.segmenter import Segmenter

    return Segmenter.from_pretrained()


def file_of(pixels: np.ndarray, form: str = "PNG") -> bytes:
    """An array as the bytes of a picture file."""
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, form)
    return encoded.getvalue()


@pytest.fixture(scope="session")
def painted():
    """``(seed) -> picture, mask``: files of a red disc on grey noise, 60 by 80, and of its mask."""

    def made(seed: int = 0, value: int = 1) -> tuple[bytes, bytes]:
        random = np.random.default_rng(seed)
        picture = random.integers(90, 140, (60, 80, 3)).astype(np.uint8)
        row, column = random.uniform(16, 44), random.uniform(16, 64)
        rows, columns = np.indices((60, 80))
        mask = (rows - row) ** 2 + (columns - column) ** 2 <= 14**2
        picture[mask] = (220, 30, 30)
        return file_of(picture), file_of(mask.astype(np.uint8) * value)

    return made


@pytest.fixture
def serve(tmp_path, segmenter):
    """``(**settings) -> client`` of a new server on one data folder; every client is closed at the end."""
    from contextlib import ExitStack

    from fastapi.testclient import TestClient

    from asgnet.faces.http.app import create_app
    from asgnet.faces.http.settings import Settings
    from asgnet.faces.integrations import labelstudio

    with ExitStack() as stack:

        def started(base_url: str = "http://127.0.0.1:8008", **settings) -> TestClient:
            settings = {"workers": 2, **settings}
            app = create_app(
                Settings(tmp_path / "data", **settings), lambda: segmenter, [labelstudio.install]
            )
            client = TestClient(app, base_url=base_url, raise_server_exceptions=False)
            stack.enter_context(client)
            app.state.service.loaded.result(300)
            return client

        yield started


@pytest.fixture
def client(serve):
    """A client of a server that nobody used before."""
    return serve()


@pytest.fixture
def learn(painted):
    """``(client, **fields) -> concept``: learnt from one disc."""

    def learnt(client, seeds=(0,), **fields) -> dict:
        pairs = [painted(seed) for seed in seeds]
        files = [("images", (f"disc{i}.png", p)) for i, (p, _) in enumerate(pairs)]
        files += [("masks", (f"mask{i}.png", m)) for i, (_, m) in enumerate(pairs)]
        answer = client.post("/v1/concepts", data={"adapt": "false", **fields}, files=files)
        assert answer.status_code == 201, answer.text
        return answer.json()

    return learnt


@pytest.fixture
def finish():
    """``(client, job) -> events``: wait for a job through its events; name and data of each."""
    import json

    def finished(client, job: str, **headers) -> list[tuple[str, dict]]:
        text = client.get(f"/v1/jobs/{job}/events", headers=headers).text
        events = [e for e in text.split("\n\n") if e and not e.startswith(":")]  # no heartbeats
        pieces = [dict(line.split(": ", 1) for line in e.splitlines()) for e in events]
        return [(piece["event"], json.loads(piece["data"])) for piece in pieces]

    return finished
