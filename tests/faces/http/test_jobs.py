"""Jobs over HTTP: many pictures, events, corrections, downloads."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image


def _pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


@pytest.fixture
def started(client, learn, painted):
    """A job of three pictures, one of them broken."""
    concept = learn(client)
    files = [("pictures", (f"p{i}.png", painted(i)[0])) for i in (1, 2)]
    files.append(("pictures", ("broken.png", b"no picture")))
    answer = client.post("/v1/jobs", data={"concept": concept["id"]}, files=files)
    assert answer.status_code == 202
    assert answer.json()["total"] == 3
    return answer.json()


def test_events_tell_every_result_and_the_end(client, started, finish):
    events = finish(client, started["id"])
    results = [data for name, data in events if name == "result"]
    assert sorted(r["index"] for r in results) == [0, 1, 2]
    assert [name for name, _ in events][-2:] == ["progress", "end"]
    end = events[-1][1]
    assert (end["status"], end["done"], end["failed"], end["eta_seconds"]) == ("done", 2, 1, None)
    good = next(r for r in results if r["index"] == 0)
    assert (good["name"], good["width"], good["height"], good["concept_version"]) == ("p1.png", 80, 60, 1)
    assert 0 <= good["uncertainty"] <= 1
    assert good["present"] == (good["presence"] >= 0.5)
    broken = next(r for r in results if r["index"] == 2)
    assert broken["status"] == "failed"
    assert "'broken.png' is not a picture" in broken["error"]
    assert client.get(f"/v1/jobs/{started['id']}/results").json()["results"][0] == good


def test_events_go_on_where_they_were_cut_off(client, started, finish):
    finish(client, started["id"])
    events = finish(client, started["id"], **{"Last-Event-ID": "2"})
    assert len([name for name, _ in events if name == "result"]) == 1
    assert events[-1][0] == "end"


def test_maps_are_the_library_s_own(client, started, finish, painted, segmenter):
    finish(client, started["id"])
    service = client.app.state.service
    concept = service.concepts.get(started["concept"])
    expected = service.models.ready(concept).predict(_pixels(painted(1)[0]))
    base = f"/v1/jobs/{started['id']}/results/0"
    assert np.array_equal(_pixels(client.get(f"{base}/mask.png").content), expected.mask.astype(np.uint8))
    probability = _pixels(client.get(f"{base}/probability.png").content)
    assert np.abs(probability / 255 - expected.probability).max() <= 0.5 / 255 + 1e-6
    assert np.array_equal(probability > 127.5, expected.mask)
    assert np.array_equal(_pixels(client.get(f"{base}/guide.png").content), expected.guide)
    assert client.get(f"{base}/picture").content == painted(1)[0]
    assert client.get(f"{base}/probability.png?class=2").status_code == 422
    unfinished = client.get(f"/v1/jobs/{started['id']}/results/2/mask.png")
    assert unfinished.status_code == 409
    assert client.get(f"/v1/jobs/{started['id']}/results/3/mask.png").status_code == 404


@pytest.mark.parametrize("form", ["png", "coco", "yolo", "probability"])
def test_downloads_hold_what_the_command_line_writes(client, started, finish, form):
    finish(client, started["id"])
    answer = client.get(f"/v1/jobs/{started['id']}/download", params={"format": form})
    assert answer.headers["content-disposition"].endswith(f'{form}.zip"')
    with zipfile.ZipFile(io.BytesIO(answer.content)) as zipped:
        assert zipped.testzip() is None
        names = set(zipped.namelist())
        wanted = {
            "png": {"p1.png", "p2.png"},
            "coco": {"annotations.json"},
            "yolo": {"p1.txt", "p2.txt", "data.yaml"},
            "probability": {"p1_probability.png", "p2_probability.png"},
        }
        assert names == wanted[form]
        if form == "coco":
            content = json.loads(zipped.read("annotations.json"))
            assert [image["file_name"] for image in content["images"]] == ["p1.png", "p2.png"]
            assert content["categories"] == [{"id": 1, "name": "object"}]
        if form == "png":
            mask = _pixels(client.get(f"/v1/jobs/{started['id']}/results/0/mask.png").content)
            assert np.array_equal(_pixels(zipped.read("p1.png")), mask * 255)


def test_a_threshold_cuts_a_download_where_the_page_does(client, started, finish):
    finish(client, started["id"])
    probability = _pixels(client.get(f"/v1/jobs/{started['id']}/results/0/probability.png").content)
    for threshold in (0.2, 0.8):
        got = client.get(f"/v1/jobs/{started['id']}/download", params={"threshold": threshold}).content
        with zipfile.ZipFile(io.BytesIO(got)) as zipped:
            assert np.array_equal(_pixels(zipped.read("p1.png")) > 0, probability > 255 * threshold)


def test_a_correction_stays_and_is_what_downloads_hold(client, started, finish):
    finish(client, started["id"])
    base = f"/v1/jobs/{started['id']}/results/0"
    found = client.get(base).json()
    corrected = np.zeros((60, 80), np.uint8)
    corrected[10:20, 30:50] = 1
    encoded = io.BytesIO()
    Image.fromarray(corrected).save(encoded, "PNG")
    said = client.put(f"{base}/mask", files={"mask": ("m.png", encoded.getvalue())}).json()
    assert said["corrected"]
    assert (said["box"], said["uncertainty"], said["presence"]) == ([30, 10, 20, 10], 0.0, 1.0)
    assert np.array_equal(_pixels(client.get(f"{base}/mask.png").content), corrected)
    assert client.post(f"/v1/jobs/{started['id']}/redo").status_code == 202
    finish(client, started["id"])
    assert client.get(base).json() == said  # a redo leaves it alone
    got = client.get(f"/v1/jobs/{started['id']}/download", params={"threshold": 0.9}).content
    with zipfile.ZipFile(io.BytesIO(got)) as zipped:
        assert np.array_equal(_pixels(zipped.read("p1.png")), corrected * 255)
    assert client.delete(f"{base}/mask").json() == found
    assert client.delete(f"{base}/mask").status_code == 409
    wrong = client.put(f"{base}/mask", files={"mask": ("m.png", b"nothing")})
    assert wrong.status_code == 422


def test_a_result_becomes_an_example_and_the_rest_is_redone(client, started, finish, painted):
    finish(client, started["id"])
    address = f"/v1/concepts/{started['concept']}/supports"
    fields = {"job": started["id"], "index": 0}
    new = client.post(address, data=fields, files={"masks": ("m.png", painted(1)[1])}).json()
    assert (new["version"], new["shots"]) == (2, 2)
    client.post(f"/v1/jobs/{started['id']}/redo")
    finish(client, started["id"])
    results = client.get(f"/v1/jobs/{started['id']}/results").json()["results"]
    assert [r["concept_version"] for r in results] == [2, 2, None]


def test_another_job_takes_pictures_that_are_there_already(client, started, finish, learn):
    finish(client, started["id"])
    other = learn(client, seeds=(5,))
    fields = {"concept": other["id"], "from_job": started["id"], "indices": "[1]"}
    job = client.post("/v1/jobs", data=fields).json()
    events = finish(client, job["id"])
    assert [d["name"] for n, d in events if n == "result"] == ["p2.png"]
    client.delete(f"/v1/jobs/{started['id']}")
    assert client.get(f"/v1/jobs/{job['id']}/results/0/picture").status_code == 200
    for indices, status in (("[9]", 404), ("[]", 422), ("{}", 422), ("[true]", 422)):
        fields["indices"], fields["from_job"] = indices, job["id"]
        assert client.post("/v1/jobs", data=fields).status_code == status


def test_pictures_are_added_to_a_finished_job(client, started, finish, painted):
    finish(client, started["id"])
    files = {"pictures": ("more.png", painted(7)[0])}
    assert client.post(f"/v1/jobs/{started['id']}/pictures", files=files).json()["total"] == 4
    assert finish(client, started["id"])[-1][1]["done"] == 3


def test_a_cancelled_job_keeps_what_is_done(client, learn, painted, finish):
    concept = learn(client)
    files = [("pictures", (f"p{i}.png", painted(i)[0])) for i in range(30)]
    job = client.post("/v1/jobs", data={"concept": concept["id"]}, files=files).json()
    assert client.post(f"/v1/jobs/{job['id']}/cancel").status_code == 200
    end = finish(client, job["id"])[-1][1]
    assert end["status"] == "cancelled"
    assert end["cancelled"] > 0
    assert end["done"] + end["cancelled"] == 30
    assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
    assert client.get(f"/v1/jobs/{job['id']}").status_code == 404
    assert client.get("/v1/jobs").json() == {"jobs": []}


def test_a_job_whose_concept_is_forgotten_says_so(client, started, finish):
    finish(client, started["id"])
    client.delete(f"/v1/concepts/{started['concept']}")
    assert client.post(f"/v1/jobs/{started['id']}/redo").status_code == 409
    assert client.get(f"/v1/jobs/{started['id']}/results/0/mask.png").status_code == 200
    answer = client.post("/v1/jobs", data={"concept": started["concept"], "from_job": started["id"]})
    assert answer.status_code == 404


def test_what_computes_the_answers_is_made_once_for_all_concepts(client, learn, painted, finish):
    """Two workers that each made it, of one network, once failed both."""
    service = client.app.state.service
    concept = learn(client)
    files = [("pictures", (f"{i}.png", painted(i)[0])) for i in range(4)]
    job = client.post("/v1/jobs", data={"concept": concept["id"]}, files=files).json()["id"]
    assert finish(client, job)[-1][1]["done"] == 4
    kept = service.concepts.get(concept["id"])
    assert service.models.ready(kept).backend.graphs is service.segmenter.backend.graphs
