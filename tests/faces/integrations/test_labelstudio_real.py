"""The machine-learning backend in the hands of the real Label Studio, started here on localhost.

Label Studio has pins of its own: install it into an environment of its own, and name its command:

    python -m venv ls && ls/bin/pip install label-studio
    ASGNET_LABEL_STUDIO=ls/bin/label-studio python -m pytest tests/faces/server/test_labelstudio_real.py
"""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

httpx = pytest.importorskip("httpx", reason="needs httpx: pip install -e '.[dev]'")
uvicorn = pytest.importorskip("uvicorn", reason="asgnet serve is not installed: pip install 'asgnet[serve]'")

COMMAND = os.environ.get("ASGNET_LABEL_STUDIO") or shutil.which("label-studio")
pytestmark = pytest.mark.skipif(
    not COMMAND or not Path(COMMAND).exists(),
    reason="label-studio is not installed; name its command in $ASGNET_LABEL_STUDIO",
)
WHO, PASSWORD = "someone@example.org", "not-a-secret-1"
CONFIG = """<View>
  <BrushLabels name="tag" toName="image"><Label value="disc"/><Label value="square"/></BrushLabels>
  <Image name="image" value="$image"/>
</View>"""


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _until(found: Callable[[], Any], seconds: float, what: str) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = found()
        if value:
            return value
        time.sleep(0.5)
    raise AssertionError(f"not within {seconds} s: {what}")


@pytest.fixture(scope="module")
def studio(tmp_path_factory) -> Iterator[Any]:
    """A client that is logged in to a Label Studio with nothing in it."""
    port, folder = _free_port(), tmp_path_factory.mktemp("label-studio")
    environment = {
        **os.environ,
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder),
        "COLLECT_ANALYTICS": "False",
        "SSRF_PROTECTION_ENABLED": "False",  # else a backend on this machine is refused
        "ML_BLOCK_LOCAL_IP": "False",
        "HOME": str(folder),
    }
    environment.pop("PYTHONPATH", None)
    start = ("start", "--no-browser", "--port", str(port), "--internal-host", "127.0.0.1")
    owner = ("--username", WHO, "--password", PASSWORD)
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [str(COMMAND), *start, *owner], env=environment, stdout=log, stderr=log, start_new_session=True
        )
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", follow_redirects=True, timeout=300)

    def alive() -> bool:
        assert process.poll() is None, (folder / "log").read_text()[-2000:]
        try:
            return client.get("/health").status_code == 200
        except httpx.HTTPError:
            return False

    try:
        _until(alive, 900, "Label Studio starts")
        client.get("/user/login/")
        form = {"email": WHO, "password": PASSWORD, "csrfmiddlewaretoken": client.cookies["csrftoken"]}
        client.post("/user/login/", data=form, headers={"Referer": f"{client.base_url}/user/login/"})
        client.headers.update({"X-CSRFToken": client.cookies["csrftoken"], "Referer": str(client.base_url)})
        yield client
    finally:
        client.close()
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture
def backend(studio, tmp_path, segmenter) -> Iterator[tuple[str, Any]]:
    """The address of a server that this Label Studio can reach, and its app."""
    from asgnet.faces.http.app import create_app
    from asgnet.faces.http.settings import Settings
    from asgnet.faces.integrations import labelstudio

    key = studio.post("/api/token/").json()["token"]
    settings = Settings(
        tmp_path / "data", workers=2, label_studio=str(studio.base_url), label_studio_key=key, token="t" * 20
    )
    app = create_app(settings, lambda: segmenter, [labelstudio.install])
    port = _free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    app.state.service.loaded.result(300)
    _until(lambda: server.started, 60, "the server starts")
    yield f"http://asgnet:{'t' * 20}@127.0.0.1:{port}/label-studio", app
    server.should_exit = True
    thread.join()


def _picture(seed: int) -> tuple[bytes, np.ndarray]:
    random = np.random.default_rng(seed)
    picture = random.integers(90, 140, (90, 120, 3)).astype(np.uint8)
    row, column = random.uniform(28, 62), random.uniform(28, 92)
    rows, columns = np.indices((90, 120))
    mask = (rows - row) ** 2 + (columns - column) ** 2 <= 22**2
    picture[mask] = (220, 30, 30)
    encoded = io.BytesIO()
    Image.fromarray(picture).save(encoded, "PNG")
    return encoded.getvalue(), mask


def test_accepted_masks_teach_and_the_rest_is_annotated_beforehand(studio, backend):
    from asgnet.data.annotations import brush_region, brush_rle

    address, app = backend
    project = studio.post("/api/projects", json={"title": "discs", "label_config": CONFIG}).json()["id"]
    pictures = [_picture(seed) for seed in range(4)]
    files = [(f"file{i}", (f"disc{i}.png", data, "image/png")) for i, (data, _) in enumerate(pictures)]
    imported = studio.post(f"/api/projects/{project}/import", files=files)
    assert imported.status_code == 201, imported.text
    tasks = studio.get("/api/tasks", params={"project": project, "fields": "all"}).json()["tasks"]
    tasks.sort(key=lambda task: task["id"])
    assert len(tasks) == 4

    connected = studio.post("/api/ml", json={"url": address, "project": project, "title": "asgnet"})
    assert connected.status_code == 201, connected.text
    assert connected.json()["state"] == "CO"
    projects = app.state.projects
    assert projects.version(project) == "asgnet-untaught"

    for task, (_, mask) in zip(tasks[:2], pictures, strict=False):
        value = {"format": "rle", "rle": brush_rle(mask), "brushlabels": ["disc"]}
        region = {
            "id": "one", "type": "brushlabels", "from_name": "tag", "to_name": "image", "value": value,
            "original_width": 120, "original_height": 90, "image_rotation": 0,
        }  # fmt: skip
        answer = studio.post(f"/api/tasks/{task['id']}/annotations/", json={"result": [region]})
        assert answer.status_code == 201, answer.text

    def fitted() -> bool:
        kept = projects.concept(project)
        return kept is not None and kept.shots == 2

    _until(fitted, 300, "both annotations are learnt from")
    assert projects.concept(project).classes == ("disc",)

    chosen = {"selectedItems": {"all": False, "included": [task["id"] for task in tasks[2:]]}}
    action = {"id": "retrieve_tasks_predictions", "project": project}
    asked = studio.post("/api/dm/actions", params=action, json=chosen)
    assert asked.status_code == 200, asked.text

    for task, (_, mask) in zip(tasks[2:], pictures[2:], strict=True):

        def predictions(task=task):
            return studio.get("/api/predictions", params={"task": task["id"]}).json()

        (prediction,) = _until(predictions, 300, "a prediction is there")
        assert prediction["model_version"] == projects.version(project)
        assert 0 < prediction["score"] <= 1
        (region,) = prediction["result"]
        assert region["value"]["brushlabels"] == ["disc"]
        assert 0.5 < region["score"] <= 1
        found = brush_region(region["value"]["rle"], (90, 120))
        assert (found & mask).sum() / (found | mask).sum() > 0.7

    version = projects.concept(project).version
    trained = studio.post(f"/api/ml/{connected.json()['id']}/train", json={})
    assert trained.status_code == 200, trained.text
    _until(lambda: projects.concept(project).version > version, 300, "Start Training learns anew")
