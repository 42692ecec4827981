"""One picture over HTTP, answered at once: segment, propose, view; the sample project."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from asgnet.data.annotations import coco_region


def _pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def test_every_format_is_of_the_same_prediction(client, learn, painted):
    concept, picture = learn(client), painted(1)[0]
    kept = client.app.state.service.concepts.get(concept["id"])
    expected = client.app.state.service.models.ready(kept).predict(_pixels(picture))

    def asked(form: str, **fields):
        data = {"concept": concept["id"], "format": form, **fields}
        answer = client.post("/v1/segment", data=data, files={"picture": ("a.png", picture)})
        assert answer.status_code == 200, answer.text
        return answer

    said = asked("json").json()
    assert (said["picture"], said["width"], said["height"]) == ("a.png", 80, 60)
    assert said["presence"] == pytest.approx(expected.presence, abs=1e-5)
    mask = _pixels(base64.b64decode(said["mask_png"]))
    assert np.array_equal(mask, expected.mask)
    assert np.array_equal(coco_region(said["masks"][0]["segmentation"], (60, 80)), expected.mask)
    assert np.array_equal(_pixels(asked("png").content), mask)
    assert np.array_equal(_pixels(asked("probability").content) > 127.5, expected.mask)
    assert asked("coco").json()["images"] == [{"id": 1, "file_name": "a.png", "height": 60, "width": 80}]
    assert asked("yolo").text.startswith("0 ")
    assert _pixels(asked("png", threshold="1").content).sum() == 0


def test_what_cannot_be_segmented_is_said(client, learn, painted):
    concept, picture = learn(client), painted(1)[0]
    for fields, content, status in (
        ({"concept": "0123456789abcdef"}, picture, 404),
        ({"concept": "../../etc"}, picture, 404),
        ({"concept": concept["id"], "threshold": "2"}, picture, 422),
        ({"concept": concept["id"], "format": "gif"}, picture, 422),
        ({"concept": concept["id"]}, picture[:200], 422),
        ({"concept": concept["id"]}, b"", 422),
    ):
        answer = client.post("/v1/segment", data=fields, files={"picture": ("a.png", content)})
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_click_or_a_box_proposes_a_mask(client, painted):
    picture, mask = painted(0)
    truth = _pixels(mask) == 1
    rows, columns = np.nonzero(truth)
    click = {"x": float(columns.mean()), "y": float(rows.mean()), "object": True}
    corners = [int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1]
    for fields in ({"clicks": json.dumps([click])}, {"box": json.dumps(corners)}):
        answer = client.post("/v1/propose", data=fields, files={"picture": ("a.png", picture)})
        assert answer.status_code == 200, answer.text
        found = _pixels(answer.content)
        assert set(np.unique(found)) <= {0, 255}
        assert found[int(click["y"]), int(click["x"])] == 255
        assert ((found > 0) & truth).sum() / ((found > 0) | truth).sum() > 0.5
    assert len(client.app.state.proposals._held) == 1  # encoded once


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"clicks": "[1, 2]"},
        {"clicks": '[{"x": 1e999, "y": 0}]'},
        {"clicks": '[{"x": 999, "y": 10}]'},
        {"box": "[1, 2, 3]"},
        {"box": "nonsense"},
        {"box": "[5, 5, 5, 5]"},
    ],
)
def test_prompts_that_mean_nothing_are_refused(client, painted, fields):
    answer = client.post("/v1/propose", data=fields, files={"picture": ("a.png", painted(0)[0])})
    assert answer.status_code == 422, answer.text


def test_pictures_that_browsers_cannot_show_are_made_viewable(client):
    deep = io.BytesIO()
    Image.fromarray((np.indices((20, 30)).sum(0) * 1300).astype(np.uint16)).save(deep, "TIFF")
    answer = client.post("/v1/view", files={"picture": ("a.tif", deep.getvalue())})
    assert answer.headers["content-type"] == "image/png"
    assert _pixels(answer.content).shape == (20, 30, 3)
    small = client.post("/v1/view", data={"side": 16}, files={"picture": ("a.tif", deep.getvalue())})
    assert Image.open(io.BytesIO(small.content)).format == "JPEG"


def test_the_sample_project_is_whole(client):
    sample = client.get("/v1/sample").json()
    for name in [e[key] for e in sample["examples"] for key in ("name", "mask")]:
        assert client.get(f"/v1/sample/{name}").headers["content-type"] == "image/png"
    assert len(sample["pictures"]) >= 5
    assert client.get("/v1/sample/nothing.png").status_code == 404


def test_metrics_count(client, learn, painted):
    concept = learn(client)
    client.post("/v1/segment", data={"concept": concept["id"]}, files={"picture": ("a.png", painted(1)[0])})
    text = client.get("/metrics").text
    assert "asgnet_pictures_total 1.0" in text
    assert "asgnet_fits_total 1.0" in text
    assert 'asgnet_requests_total{method="POST",route="/v1/segment",status="200"} 1.0' in text
    assert "asgnet_ready 1.0" in text
    assert "process_resident_memory_bytes" in text


def test_whatever_clients_invent_metrics_stay_as_long_as_they_are(client):
    for method in ("PROPFIND", "FROB0"):
        client.request(method, "/v1/nowhere-0")
    before = len(client.get("/metrics").text.splitlines())
    before = len(client.get("/metrics").text.splitlines())
    for i in range(50):
        client.request(f"FROB{i}", f"/v1/nowhere-{i}")
        client.get(f"/v1/jobs/{i:016x}/", follow_redirects=False)
        client.get(f"/v1/jobs/{i:016x}")
    text = client.get("/metrics").text
    assert len(text.splitlines()) - before < 40  # two more routes, each a counter and a histogram's buckets
    assert 'method="other"' in text
    assert "FROB" not in text
    assert "nowhere" not in text
