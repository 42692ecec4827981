"""Several clients at one thing in the same moment, and what is deleted under their hands."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from asgnet.errors import PictureError, UsageError
from asgnet.types import Concept


def test_examples_that_are_added_at_once_are_all_learnt(serve, learn, painted, tmp_path):
    client = serve(workers=6)
    concept = learn(client)
    address = f"/v1/concepts/{concept['id']}"

    def add(seed: int) -> int:
        picture, mask = painted(seed)
        files = {"images": (f"more{seed}.png", picture), "masks": ("m.png", mask)}
        return client.post(f"{address}/supports", files=files).status_code

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(add, range(1, 5))) == [200] * 4
    kept = client.get(address).json()
    assert (kept["shots"], kept["version"]) == (5, 5)
    supports = client.get(f"{address}/supports").json()["supports"]
    assert {s["name"] for s in supports} == {"disc0.png", *(f"more{seed}.png" for seed in range(1, 5))}
    for support in supports[1:]:
        seed = int(support["name"][4])
        picture = client.get(f"{address}/supports/{support['index']}/picture").content
        assert picture == painted(seed)[0]
    (tmp_path / "it.concept").write_bytes(client.get(f"{address}/file").content)
    assert len(Concept.load(tmp_path / "it.concept").supports) == 5


def test_pictures_that_are_added_at_once_keep_their_places(client, learn, painted):
    concept = learn(client)
    files = {"pictures": ("0.png", painted(0)[0])}
    job = client.post("/v1/jobs", data={"concept": concept["id"]}, files=files).json()["id"]

    def add(seed: int) -> int:
        files = [("pictures", (f"{seed + more}.png", painted(seed + more)[0])) for more in (0, 100)]
        return client.post(f"/v1/jobs/{job}/pictures", files=files).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(add, range(1, 9))) == {202}
    results = client.get(f"/v1/jobs/{job}/results").json()["results"]
    assert len(results) == 17
    for result in results:
        picture = client.get(f"/v1/jobs/{job}/results/{result['index']}/picture").content
        assert picture == painted(int(result["name"][:-4]))[0]


def test_a_job_that_is_deleted_while_pictures_arrive(client):
    jobs = client.app.state.service.jobs
    with pytest.raises(UsageError, match="deleted meanwhile"):
        jobs.add_pictures("0123456789abcdef", [("a.png", b"a picture")])
    assert not jobs.files("0123456789abcdef", 0).picture.parent.exists()
    jobs.correct("0123456789abcdef", 0, {})  # nothing to correct, no error


def test_a_disk_that_cannot_link_gets_copies(client, learn, painted, finish, monkeypatch, tmp_path):
    concept = learn(client)
    files = {"pictures": ("a.png", painted(1)[0])}
    job = client.post("/v1/jobs", data={"concept": concept["id"]}, files=files).json()["id"]
    finish(client, job)

    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    again = client.post("/v1/jobs", data={"concept": concept["id"], "from_job": job}).json()["id"]
    assert finish(client, again)[-1][1]["done"] == 1
    assert client.get(f"/v1/jobs/{again}/results/0/picture").content == painted(1)[0]
    jobs = client.app.state.service.jobs
    with pytest.raises(PictureError, match=r"'gone\.png' is no longer there"):
        jobs.add_pictures(again, [("gone.png", tmp_path / "gone")])


def test_only_what_was_stopped_is_done_again(client, learn, painted, finish):
    concept = learn(client)
    files = [("pictures", (f"p{i}.png", painted(i)[0])) for i in range(30)]
    job = client.post("/v1/jobs", data={"concept": concept["id"]}, files=files).json()["id"]
    client.post(f"/v1/jobs/{job}/cancel")
    finish(client, job)
    before = client.get(f"/v1/jobs/{job}/results").json()["results"]
    assert "cancelled" in {r["status"] for r in before}
    assert client.post(f"/v1/jobs/{job}/redo", params={"only": "unfinished"}).status_code == 202
    assert finish(client, job)[-1][1]["done"] == 30
    after = client.get(f"/v1/jobs/{job}/results").json()["results"]
    done = [r for r in before if r["status"] == "done"]
    assert [after[r["index"]] for r in done] == done
    assert client.post(f"/v1/jobs/{job}/redo", params={"only": "some"}).status_code == 422


@pytest.fixture
def held(monkeypatch):
    """``(client) -> begun, go_on``: the first picture is being computed until ``go_on`` is set."""

    def hold(client) -> tuple[Event, Event]:
        service, begun, go_on = client.app.state.service, Event(), Event()
        segment = service.segment

        def slow(*asked):
            first = not begun.is_set()
            prediction = segment(*asked)
            begun.set()
            assert not first or go_on.wait(60)
            return prediction

        monkeypatch.setattr(service, "segment", slow)
        return begun, go_on

    return hold


def test_a_picture_that_is_being_computed_is_redone_as_well(client, learn, painted, finish, held):
    concept = learn(client)
    begun, go_on = held(client)
    files = {"pictures": ("a.png", painted(1)[0])}
    job = client.post("/v1/jobs", data={"concept": concept["id"]}, files=files).json()["id"]
    assert begun.wait(60)
    more = {"images": ("more.png", painted(2)[0]), "masks": ("m.png", painted(2)[1])}
    assert client.post(f"/v1/concepts/{concept['id']}/supports", files=more).json()["version"] == 2
    assert client.post(f"/v1/jobs/{job}/redo").json()["status"] == "running"
    go_on.set()
    results = [data for name, data in finish(client, job) if name == "result"]
    assert [(r["status"], r["concept_version"]) for r in results] == [("done", 2)]


def test_who_stops_a_redo_keeps_what_was_being_computed(client, learn, painted, finish, held):
    concept = learn(client)
    begun, go_on = held(client)
    files = {"pictures": ("a.png", painted(1)[0])}
    job = client.post("/v1/jobs", data={"concept": concept["id"]}, files=files).json()["id"]
    assert begun.wait(60)
    client.post(f"/v1/jobs/{job}/redo")
    client.post(f"/v1/jobs/{job}/cancel")
    go_on.set()
    end = finish(client, job)[-1][1]
    assert (end["status"], end["done"]) == ("done", 1)
