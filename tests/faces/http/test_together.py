"""Several clients at one thing in the same moment, and what is deleted under their hands."""

from __future__ import annotations

import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Timer

import numpy as np
import pytest
from PIL import Image

from asgnet.apply.concept.file import Concept
from asgnet.errors import PictureError, UsageError
from asgnet.serving.store import results
from asgnet.serving.store.download import archive


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


def test_a_picture_is_found_by_what_was_learnt_meanwhile(client, learn, painted):
    kept = client.app.state.service.concepts.get(learn(client)["id"])
    more = {"images": ("more.png", painted(2)[0]), "masks": ("m.png", painted(2)[1])}
    client.put(f"/v1/concepts/{kept.id}/supports", files=more)
    picture = np.asarray(Image.open(io.BytesIO(painted(1)[0])))
    used, _ = client.app.state.service.segment(kept, picture, None, "mark")
    assert used.version == 2
    client.delete(f"/v1/concepts/{kept.id}")
    with pytest.raises(UsageError, match=r"^The concept was deleted or replaced meanwhile; ask again\.$"):
        client.app.state.service.segment(kept, picture, None, "mark")


@pytest.fixture
def replaced_after(monkeypatch, learn, painted):
    """``(client, name) -> address`` of a concept, learnt anew once that method of the store answered."""

    def replaced(client, name: str) -> str:
        address, store = f"/v1/concepts/{learn(client)['id']}", client.app.state.service.concepts
        answer, answered = getattr(store, name), Event()

        def late(*asked):
            found = answer(*asked)
            if not answered.is_set():
                answered.set()
                files = {"images": ("again.png", painted(2)[0]), "masks": ("m.png", painted(2)[1])}
                assert client.put(f"{address}/supports", files=files).json()["version"] == 2
            return found

        monkeypatch.setattr(store, name, late)
        return address

    return replaced


def test_a_concept_that_is_downloaded_while_it_is_learnt_anew_is_whole(client, replaced_after):
    address = replaced_after(client, "file")
    answer = client.get(f"{address}/file")
    assert answer.status_code == 200, answer.text
    assert answer.content == client.get(f"{address}/file").content


@pytest.mark.parametrize("part", ["picture", "mask.png"])
def test_an_example_that_is_asked_for_while_it_is_replaced(client, replaced_after, painted, part):
    address = replaced_after(client, "examples")
    answer = client.get(f"{address}/supports/0/{part}")
    assert answer.status_code == 200, answer.text
    pixels = np.asarray(Image.open(io.BytesIO(answer.content)))
    expected = np.asarray(Image.open(io.BytesIO(painted(2)[part == "mask.png"])))
    assert np.array_equal(pixels, expected)


def test_a_file_that_is_lost_is_not_there(client, learn):
    concept = learn(client)
    client.app.state.service.concepts.file(concept["id"], 1).unlink()
    assert client.get(f"/v1/concepts/{concept['id']}/file").status_code == 404
    for example in client.app.state.service.concepts.examples(concept["id"]):
        example.mask.unlink()
    assert client.get(f"/v1/concepts/{concept['id']}/supports/0/mask.png").status_code == 404


def test_everything_is_downloaded_while_examples_come_and_results_are_redone(
    serve, learn, painted, finish, tmp_path
):
    client = serve(workers=4)
    concept = learn(client)
    address = f"/v1/concepts/{concept['id']}"
    files = [("pictures", (f"p{i}.png", painted(i)[0])) for i in range(3)]
    job = client.post("/v1/jobs", data={"concept": concept["id"]}, files=files).json()["id"]
    finish(client, job)
    ended = Event()

    def download(path: str) -> set[int]:
        statuses = set()
        while not ended.is_set():
            answer = client.get(path)
            statuses.add(answer.status_code)
            if answer.status_code == 200 and path.endswith("/file"):
                whole = tmp_path / "it.concept"
                whole.write_bytes(answer.content)
                Concept.load(whole)
            elif answer.status_code == 200 and "download" in path:
                with zipfile.ZipFile(io.BytesIO(answer.content)) as zipped:
                    assert zipped.testzip() is None
        return statuses

    paths = [f"{address}/file", f"{address}/supports/0/mask.png"]
    paths += [f"/v1/jobs/{job}/{path}" for path in ("download", "results/0/mask.png")]
    with ThreadPoolExecutor(4) as pool:
        found = [pool.submit(download, path) for path in paths]
        try:
            for seed in range(1, 5):
                more = {"images": ("more.png", painted(seed)[0]), "masks": ("m.png", painted(seed)[1])}
                answer = client.request(("PUT", "POST")[seed % 2], f"{address}/supports", files=more)
                assert answer.status_code == 200
                assert client.post(f"/v1/jobs/{job}/redo").status_code == 202
        finally:
            ended.set()
    assert [future.result() - {409} for future in found] == [{200}] * 4


def test_a_download_never_mixes_old_and_new(client, learn, painted, finish, monkeypatch):
    """What is found anew is several files, and a download that comes in between waits for all of them."""
    concept = learn(client)
    files = {"pictures": ("a.png", painted(1)[0])}
    job = client.post("/v1/jobs", data={"concept": concept["id"]}, files=files).json()["id"]
    finish(client, job)
    store = client.app.state.service.jobs
    kept, pictures = store.get(job), store.pictures(job)
    half, go_on = Event(), Event()
    monkeypatch.setattr(results, "save_png", _in_two_halves(results.save_png, half, go_on))
    picture, mask = painted(0)
    Image.fromarray(1 - np.asarray(Image.open(io.BytesIO(mask)))).save(around := io.BytesIO(), "PNG")
    other = {"images": ("other.png", picture), "masks": ("m.png", around.getvalue())}
    assert client.put(f"/v1/concepts/{concept['id']}/supports", files=other).status_code == 200
    client.post(f"/v1/jobs/{job}/redo")
    assert half.wait(60)
    Timer(0.5, go_on.set).start()
    with zipfile.ZipFile(io.BytesIO(b"".join(archive(store, kept, pictures, "png")))) as zipped:
        sent = np.asarray(Image.open(zipped.open("a.png")))
    finish(client, job)
    found = client.get(f"/v1/jobs/{job}/results/0/mask.png").content
    assert np.array_equal(sent != 0, np.asarray(Image.open(io.BytesIO(found))) != 0)


def _in_two_halves(save, half: Event, go_on: Event):
    def saved(path, *rest) -> None:
        if path.name.endswith("mask.png"):
            half.set()
            assert go_on.wait(60)
        save(path, *rest)

    return saved


def test_a_job_that_is_deleted_while_it_is_downloaded(client, learn, painted, finish):
    concept = learn(client)
    files = [("pictures", (f"p{i}.png", painted(i)[0])) for i in range(2)]
    job = client.post("/v1/jobs", data={"concept": concept["id"]}, files=files).json()["id"]
    finish(client, job)
    store = client.app.state.service.jobs
    pieces = archive(store, store.get(job), store.pictures(job), "png")
    assert next(pieces)
    store.delete(job)
    with pytest.raises(UsageError, match="deleted while its results were sent"):
        list(pieces)


def test_what_is_being_redone_is_not_corrected(client, learn, painted, finish):
    concept = learn(client)
    files = {"pictures": ("a.png", painted(1)[0])}
    job = client.post("/v1/jobs", data={"concept": concept["id"]}, files=files).json()["id"]
    finish(client, job)
    store = client.app.state.service.jobs
    record = store.picture(job, 0).record
    store.again(job)
    assert not store.correct(job, 0, record)
    assert not store.picture(job, 0).corrected
