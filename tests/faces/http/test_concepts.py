"""Concepts over HTTP: learn, list, share, add to, examine, forget."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from asgnet.apply.concept.file import Concept


def test_a_concept_is_learnt_from_an_example(client, learn):
    concept = learn(client, name="disc")
    assert concept["name"] == "disc"
    assert concept["classes"] == ["object"]
    assert (concept["shots"], concept["version"], concept["counts"]) == (1, 1, [1])
    assert client.get("/v1/concepts").json() == {"concepts": [concept]}
    assert client.get(f"/v1/concepts/{concept['id']}").json() == concept


def test_its_file_is_a_concept_and_can_be_given_to_another_server(client, learn, tmp_path):
    concept = learn(client)
    answer = client.get(f"/v1/concepts/{concept['id']}/file")
    assert 'filename="object.concept"' in answer.headers["content-disposition"]
    (tmp_path / "it.concept").write_bytes(answer.content)
    assert Concept.load(tmp_path / "it.concept").classes == ("object",)
    again = client.post("/v1/concepts/file", files={"file": ("mug.concept", answer.content)}).json()
    assert (again["name"], again["shots"]) == ("mug", 1)
    assert client.get(f"/v1/concepts/{again['id']}/supports").json() == {"supports": []}
    refused = client.get(f"/v1/concepts/{again['id']}/doctor")
    assert refused.status_code == 422


def test_its_file_shows_no_example(client, learn, painted, tmp_path):
    concept = learn(client)
    picture, mask = painted(1)
    address = f"/v1/concepts/{concept['id']}"
    files = [("images", ("b.png", picture)), ("masks", ("b.png", mask))]
    for again in (False, True):
        if again:
            assert client.post(f"{address}/supports", files=files).status_code in (200, 201)
        (tmp_path / "it.concept").write_bytes(client.get(f"{address}/file").content)
        kept = Concept.load(tmp_path / "it.concept")
        assert (kept.shots, len(kept.supports)) == ((), 1 + again)


def test_a_file_that_is_no_concept_is_refused_without_a_path_of_the_server(client):
    answer = client.post("/v1/concepts/file", files={"file": ("mug.concept", b"nonsense")})
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:asgnet:problem:concept-file"
    assert answer.json()["detail"].startswith("'mug' is not a concept")
    assert "tmp" not in answer.text


def test_examples_come_back_as_they_were_painted(client, learn, painted):
    concept = learn(client)
    kept = client.get(f"/v1/concepts/{concept['id']}/supports").json()["supports"]
    assert kept == [{"index": 0, "name": "disc0.png", "width": 80, "height": 60}]
    base = f"/v1/concepts/{concept['id']}/supports/0"
    assert client.get(f"{base}/picture").content == painted(0)[0]
    mask = np.asarray(Image.open(io.BytesIO(client.get(f"{base}/mask.png").content)))
    assert np.array_equal(mask, np.asarray(Image.open(io.BytesIO(painted(0)[1]))))
    thumbnail = Image.open(io.BytesIO(client.get(f"{base}/picture?side=16").content))
    assert thumbnail.size == (16, 12)
    assert client.get(f"/v1/concepts/{concept['id']}/supports/1/mask.png").status_code == 404


def test_examples_are_added_and_replaced(client, learn, painted):
    concept = learn(client)
    address = f"/v1/concepts/{concept['id']}/supports"
    picture, mask = painted(1)
    more = client.post(address, files={"images": ("b.png", picture), "masks": ("m.png", mask)}).json()
    assert (more["id"], more["version"], more["shots"]) == (concept["id"], 2, 2)
    other = client.put(address, files={"images": ("c.png", picture), "masks": ("m.png", mask)}).json()
    assert (other["version"], other["shots"]) == (3, 1)
    assert [e["name"] for e in client.get(address).json()["supports"]] == ["c.png"]


def test_several_classes_in_one_mask(client, painted):
    picture, mask = painted(0)
    both = np.asarray(Image.open(io.BytesIO(mask))).copy()
    both[:4, :4], both[5, 5] = 2, 255
    encoded = io.BytesIO()
    Image.fromarray(both).save(encoded, "PNG")
    concept = client.post(
        "/v1/concepts",
        data={"classes": '["disc", "corner"]', "adapt": "false"},
        files={"images": ("a.png", picture), "masks": ("m.png", encoded.getvalue())},
    ).json()
    assert (concept["classes"], concept["counts"]) == (["disc", "corner"], [1, 1])
    kept = client.get(f"/v1/concepts/{concept['id']}/supports/0/mask.png").content
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(kept))), both)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"classes": "[]"}, "at least one"),
        ({"classes": "disc"}, "JSON list"),
        ({"classes": '["a", "a"]'}, "each once"),
        ({"classes": '["a", " "]'}, "without a name"),
        ({"classes": '["a", "b"]'}, "No example shows 'b'"),
        ({"adapt": "perhaps"}, "adapt"),
    ],
)
def test_what_cannot_be_meant_is_said(client, painted, fields, said):
    picture, mask = painted(0)
    files = {"images": ("a.png", picture), "masks": ("m.png", mask)}
    answer = client.post("/v1/concepts", data=fields, files=files)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]


def test_an_example_that_teaches_nothing_is_refused_by_its_name(client, painted):
    picture, mask = painted(0)
    empty = io.BytesIO()
    Image.new("L", (80, 60)).save(empty, "PNG")
    for files, said in (
        ({"images": ("mug.png", b"GIF89a"), "masks": ("m.png", mask)}, "'mug.png'"),
        ({"images": ("mug.png", picture), "masks": ("m.png", b"")}, "of mug.png"),
        ({"images": ("mug.png", picture), "masks": ("m.png", empty.getvalue())}, "No example shows"),
        ({"images": ("mug.png", picture), "masks": ("m.png", picture[:300])}, "mask"),
    ):
        answer = client.post("/v1/concepts", files=files)
        assert answer.status_code == 422
        assert answer.json()["type"] == "urn:asgnet:problem:support"
        assert said in answer.json()["detail"]
    assert client.get("/v1/concepts").json() == {"concepts": []}


def test_what_was_guessed_about_an_example_is_noted(client, painted):
    picture, _ = painted(0)
    rows, columns = np.indices((60, 80))
    soft = np.clip(255 - 8 * np.hypot(rows - 30, columns - 40), 0, 255).astype(np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(soft).save(encoded, "PNG")
    files = {"images": ("mug.png", picture), "masks": ("m.png", encoded.getvalue())}
    concept = client.post("/v1/concepts", data={"adapt": "false"}, files=files).json()
    assert len(concept["notes"]) == 1
    assert "soft edges" in concept["notes"][0]


def test_the_doctor_examines_once_and_remembers(client, learn):
    concept = learn(client, seeds=(0, 1))
    address = f"/v1/concepts/{concept['id']}/doctor"
    told = client.get(address, params={"wait": 30}).json()
    assert told["status"] == "ready"
    assert [f["name"] for f in told["findings"]] == ["disc0.png", "disc1.png"]
    assert all(0 <= f["iou"] <= 1 and f["verdict"] for f in told["findings"])
    fits = client.app.state.service.tally["fits"]
    assert client.get(address).json() == told
    assert client.app.state.service.tally["fits"] == fits


def test_a_forgotten_concept_is_gone_with_its_files(client, learn, tmp_path):
    concept = learn(client)
    assert client.delete(f"/v1/concepts/{concept['id']}").status_code == 204
    assert client.delete(f"/v1/concepts/{concept['id']}").status_code == 404
    assert client.get(f"/v1/concepts/{concept['id']}").status_code == 404
    assert not list((tmp_path / "data" / "concepts").iterdir())


def test_names_are_labels_and_never_paths(client, painted, tmp_path):
    picture, mask = painted(0)
    files = {"images": ("../../../etc/pass\x07wd", picture), "masks": ("/etc/shadow", mask)}
    answer = client.post("/v1/concepts", data={"name": "../../evil\n", "adapt": "false"}, files=files)
    assert answer.json()["name"] == "../../evil"
    kept = client.get(f"/v1/concepts/{answer.json()['id']}/supports").json()["supports"]
    assert kept[0]["name"] == "passwd" or kept[0]["name"] == "pass wd" or kept[0]["name"].endswith("wd")
    assert {p.parent.parent.name for p in (tmp_path / "data").rglob("*.picture")} == {"concepts"}
    assert not (tmp_path / "evil").exists()


def test_what_is_unpainted_is_kept(client, painted):
    picture, mask = painted(0)
    labels = (np.asarray(Image.open(io.BytesIO(mask))) > 0).astype(np.uint8)
    labels[:4] = np.where(labels[:4] == 0, 254, labels[:4])
    data = io.BytesIO()
    Image.fromarray(labels).save(data, "PNG")
    files = [("images", ("a.png", picture)), ("masks", ("a.png", data.getvalue()))]
    concept = client.post("/v1/concepts", files=files, data={"unpainted": "unknown"}).json()
    assert concept["unpainted"] == "unknown"
    address = f"/v1/concepts/{concept['id']}"
    kept = np.asarray(Image.open(io.BytesIO(client.get(f"{address}/supports/0/mask.png").content)))
    assert np.array_equal(kept, labels)
    more = [("images", ("b.png", painted(1)[0])), ("masks", ("b.png", painted(1)[1]))]
    assert client.post(f"{address}/supports", files=more).json()["unpainted"] == "unknown"
    assert (
        client.put(f"{address}/supports", files=more, data={"unpainted": "auto"}).json()["unpainted"]
        == "auto"
    )
    refused = client.post("/v1/concepts", files=files, data={"unpainted": "nothing"})
    assert refused.status_code == 422
