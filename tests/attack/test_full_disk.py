"""A full disk, a folder that may only be read, an index that another holds, no file handles: 507, patience, no loss."""

from __future__ import annotations

import errno
import os
import resource
import sqlite3
import threading
import time

import pytest

from asgnet.errors import OutputError
from asgnet.serving.service import Bounds
from asgnet.serving.store.database import INDEX
from asgnet.serving.store.faults import Faults, storage_error

STORAGE = "urn:asgnet:problem:storage"


def fill(disk) -> None:
    """Until not a byte more fits."""
    with open(disk / "ballast", "ab", buffering=0) as ballast:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    ballast.write(b"x" * size)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise


def start(client, learn, painted, pictures: int) -> str:
    concept = learn(client)
    files = [("pictures", (f"{i}.png", painted(i)[0])) for i in range(pictures)]
    return client.post("/v1/jobs", data={"concept": concept["id"]}, files=files).json()["id"]


def until(found, seconds: float = 20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s")


def test_a_job_waits_while_the_disk_is_full_and_finishes_by_itself(
    stubbed, small_disk, learn, painted, capsys, monkeypatch
):
    client = stubbed(small_disk / "data")
    service = client.app.state.service
    held = threading.Event()
    segment = service.runner._segment
    monkeypatch.setattr(service.runner, "_segment", lambda taken: held.wait(30) and segment(taken))
    job = start(client, learn, painted, 6)
    until(lambda: service.pool.busy)
    fill(small_disk)
    held.set()
    until(lambda: service.runner._pause >= 1)  # tried twice in vain
    began, used = time.monotonic(), time.process_time()
    said = client.get(f"/v1/jobs/{job}").json()
    assert (said["status"], said["failed"]) == ("running", 0)
    time.sleep(4)
    share = (time.process_time() - used) / (time.monotonic() - began)
    assert share <= 0.05, f"{share:.1%} of a core while it waits"
    (small_disk / "ballast").unlink()
    until(lambda: client.get(f"/v1/jobs/{job}").json()["done"] == 6)
    err = capsys.readouterr().err
    assert err.count("the disk is full") == 1
    assert err.count("Storing works again") == 1
    assert "Traceback" not in err


def test_requests_that_need_room_are_507_in_one_sentence_and_others_go_on(
    stubbed, small_disk, learn, painted, capsys
):
    client = stubbed(small_disk / "data")
    concept = learn(client)
    job = start(client, learn, painted, 1)
    until(lambda: client.get(f"/v1/jobs/{job}").json()["done"] == 1)
    fill(small_disk)
    picture, mask = painted(3)
    pair = {"images": ("a.png", picture), "masks": ("m.png", mask)}
    for _ in range(5):
        for method, path, files in (
            ("POST", "/v1/concepts", pair),
            ("PUT", f"/v1/concepts/{concept['id']}/supports", pair),
            ("POST", f"/v1/jobs/{job}/pictures", {"pictures": ("b.png", os.urandom(9000))}),
            ("PUT", f"/v1/jobs/{job}/results/0/mask", {"mask": ("m.png", mask)}),
        ):
            answer = client.request(method, path, files=files)
            assert (answer.status_code, answer.json()["type"]) == (507, STORAGE), (path, answer.text)
            assert (
                answer.json()["detail"]
                == "Nothing can be stored now: the disk is full; it goes on by itself."
            )
            assert int(answer.headers["retry-after"]) >= 1
    found = client.post("/v1/segment", data={"concept": concept["id"]}, files={"picture": ("a.png", picture)})
    assert found.status_code == 200
    assert client.get("/v1/concepts").status_code == 200
    (small_disk / "ballast").unlink()
    assert client.put(f"/v1/concepts/{concept['id']}/supports", files=pair).json()["version"] == 2
    service = client.app.state.service
    kept = {p.name for p in (small_disk / "data" / "concepts" / concept["id"]).iterdir()}
    (example,) = service.concepts.examples(concept["id"])
    assert kept == {"2.concept", "2.json", example.picture.name, example.mask.name}  # nothing half done stays
    assert capsys.readouterr().err.count("the disk is full") == 1


def test_a_folder_that_becomes_read_only(stubbed, learn, painted, capsys, monkeypatch):
    """As the kernel does to a disk with errors: what is open can be read, nothing can be written."""
    client = stubbed()
    job = start(client, learn, painted, 1)
    until(lambda: client.get(f"/v1/jobs/{job}").json()["done"] == 1)
    service = client.app.state.service

    def refuse(*_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    service.database._connection.execute("PRAGMA query_only = ON")
    with monkeypatch.context() as patch:
        patch.setattr("asgnet.files.os.fsync", refuse)
        for answer in (
            client.post(f"/v1/jobs/{job}/redo"),
            client.post(f"/v1/jobs/{job}/pictures", files={"pictures": ("b.png", painted(2)[0])}),
            client.delete(f"/v1/jobs/{job}"),
        ):
            assert (answer.status_code, answer.json()["type"]) == (507, STORAGE), answer.text
        assert client.get(f"/v1/jobs/{job}/results/0/mask.png").status_code == 200
        service.run(job)
        until(lambda: service.runner._pause >= 1)
    service.database._connection.execute("PRAGMA query_only = OFF")
    assert client.post(f"/v1/jobs/{job}/redo").status_code == 202
    until(lambda: client.get(f"/v1/jobs/{job}").json()["status"] == "done")
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert err.count("Nothing can be stored now") <= 2  # read-only, and may not be written to


def test_an_index_that_another_program_holds(stubbed, tmp_path, learn, painted, capsys):
    client = stubbed()
    job = start(client, learn, painted, 3)
    until(lambda: client.get(f"/v1/jobs/{job}").json()["done"] == 3)
    other = sqlite3.connect(tmp_path / "data" / INDEX, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    answer = client.post(f"/v1/jobs/{job}/redo")
    assert (answer.status_code, answer.json()["type"]) == (507, STORAGE)
    assert "another program holds the index" in answer.json()["detail"]
    assert time.monotonic() - began < 5
    client.app.state.service.run(job)
    time.sleep(1)
    other.execute("ROLLBACK")
    other.close()
    assert client.post(f"/v1/jobs/{job}/redo").status_code == 202
    until(lambda: client.get(f"/v1/jobs/{job}").json()["done"] == 3)
    assert capsys.readouterr().err.count("another program holds the index") == 1


def test_without_file_handles_pictures_wait_and_nothing_fails(stubbed, learn, painted, capsys, monkeypatch):
    client = stubbed()
    service = client.app.state.service
    held = threading.Event()
    segment = service.runner._segment
    monkeypatch.setattr(service.runner, "_segment", lambda taken: held.wait(30) and segment(taken))
    job = start(client, learn, painted, 4)
    until(lambda: service.pool.busy)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        held.set()
        until(lambda: service.runner._pause >= 1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    until(lambda: client.get(f"/v1/jobs/{job}").json()["done"] == 4)
    err = capsys.readouterr().err
    assert err.count("no file handles left") == 1
    assert "Traceback" not in err


def test_temporary_files_that_find_no_room_are_507(stubbed, small_disk, learn, painted, monkeypatch):
    client = stubbed()
    concept = learn(client)
    fill(small_disk)
    monkeypatch.setattr("tempfile.tempdir", str(small_disk))
    files = {"picture": ("a.png", os.urandom(2 << 20))}
    answer = client.post("/v1/segment", data={"concept": concept["id"]}, files=files)
    assert (answer.status_code, answer.json()["type"]) == (507, STORAGE), answer.text


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE])
def test_every_fault_of_the_system_has_a_sentence(number):
    wrapped = OutputError("'/srv/secret/a.png' cannot be written")
    wrapped.__cause__ = OSError(number, os.strerror(number))
    for error in (OSError(number, os.strerror(number)), wrapped):
        said = str(storage_error(error))
        assert said.startswith("Nothing can be stored now: ")
        assert "secret" not in said


def test_what_is_no_fault_of_the_system_is_none():
    assert storage_error(FileNotFoundError(errno.ENOENT, "no")) is None
    assert storage_error(ValueError("no")) is None
    assert storage_error(sqlite3.IntegrityError("no")) is None


def test_a_fault_is_said_once_and_again_when_it_comes_back(capsys):
    faults, error = Faults(), OSError("full")
    for _ in range(1000):
        faults.begin(error)
    faults.end()
    faults.end()
    faults.begin(error)
    assert capsys.readouterr().err == "asgnet: full\nasgnet: Storing works again.\nasgnet: full\n"


def test_uploads_beyond_the_quota_are_507_until_something_is_deleted(stubbed, learn, painted, monkeypatch):
    monkeypatch.setattr("asgnet.serving.store.quota._COUNT_SECONDS", 0.0)
    client = stubbed(bounds=Bounds(folder_bytes=600_000))
    concept = learn(client)["id"]
    jobs, answer = [], None
    for _ in range(60):
        files = {"pictures": ("a.bin", os.urandom(50_000))}
        answer = client.post("/v1/jobs", data={"concept": concept}, files=files)
        if answer.status_code != 202:
            break
        jobs.append(answer.json()["id"])
    assert (answer.status_code, answer.json()["type"]) == (507, STORAGE)
    assert "delete jobs" in answer.json()["detail"]
    assert 2 <= len(jobs) <= 12
    assert len(client.get("/v1/jobs").json()["jobs"]) == len(jobs)
    for job in jobs:
        assert client.delete(f"/v1/jobs/{job}").status_code == 204
    assert client.post("/v1/jobs", data={"concept": concept}, files=files).status_code == 202
