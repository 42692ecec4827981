"""What pictures are called: decided at the door, in time that grows with their number, and every download works."""

from __future__ import annotations

import io
import json
import time
import zipfile

import pytest

from asgnet.apply.output.names import output_stems
from asgnet.serving.store.download import FORMATS, UNREAD
from asgnet.serving.store.names import MOST_BYTES, file_name

HOSTILE = [
    "..", ".", "...", "", " ", "/", "../..", "../../etc/passwd", "..\\..\\boot.ini", "C:\\a.png", "a" * 300 + ".png",
    "ж" * 200 + ".jpeg", "😀" * 120, "." * 300, "a.png" + "\x00" + ".exe", "nul", "con.png", "a\nb.png", "\u202egnp.a",
    "-rf", "~", "$(id).png", "a.b" + "c" * 300, ".png", ".hidden", "_probability.png", "a?b*c.png", "x" * 255,
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_one_part_of_a_path_that_every_disk_takes(name, tmp_path):
    said = file_name(name)
    assert said
    assert "/" not in said
    assert "\\" not in said
    assert said.isprintable()
    assert set(said) - set(". ")
    assert len(said.encode()) <= MOST_BYTES
    (stem,) = output_stems([tmp_path / said])
    (tmp_path / f"{stem}_probability.png").write_bytes(b"")
    assert [p.parent for p in tmp_path.iterdir()] == [tmp_path]


def test_a_long_name_keeps_its_ending():
    assert file_name("a" * 300 + ".png").endswith("a.png")
    assert file_name("mug 1.JPG") == "mug 1.JPG"


def job_of(client, concept: str, names: list[str], picture: bytes) -> str:
    files = [("pictures", (name, picture)) for name in names]
    answer = client.post("/v1/jobs", data={"concept": concept}, files=files)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


@pytest.mark.parametrize("form", FORMATS)
def test_what_was_accepted_can_be_downloaded_whatever_it_was_called(stubbed, learn, painted, finish, form):
    client = stubbed()
    concept = learn(client)["id"]
    names = [name for name in HOSTILE if name.strip()] + ["same.png"] * 3
    job = job_of(client, concept, names, painted(1)[0])
    assert finish(client, job)[-1][1]["done"] == len(names)
    archive = zipfile.ZipFile(io.BytesIO(client.get(f"/v1/jobs/{job}/download?format={form}").content))
    assert archive.testzip() is None
    listed = archive.namelist()
    assert len(listed) == len(set(listed))
    assert not any(
        part in ("..", ".", "") or len(part.encode()) > 255 for name in listed for part in name.split("/")
    )
    if form == "png":
        assert len(listed) == len(names)


def test_names_that_an_older_asgnet_took_can_be_downloaded(stubbed, learn, painted, finish):
    client = stubbed()
    job = job_of(client, learn(client)["id"], ["a.png", "b.png", "c.png"], painted(1)[0])
    finish(client, job)
    with client.app.state.service.database.transaction() as index:
        for position, name in enumerate(("..", ".", "ж" * 200)):
            index.execute("UPDATE picture SET name = ? WHERE job = ? AND position = ?", (name, job, position))
    for form in FORMATS:
        archive = zipfile.ZipFile(io.BytesIO(client.get(f"/v1/jobs/{job}/download?format={form}").content))
        assert archive.testzip() is None
        assert archive.namelist()


@pytest.mark.parametrize("damage", [lambda p: p.write_bytes(b"damaged"), lambda p: p.unlink()])
def test_a_damaged_result_does_not_break_the_others_off(stubbed, learn, painted, finish, damage):
    client = stubbed()
    job = job_of(client, learn(client)["id"], ["a.png", "b.png", "c.png"], painted(1)[0])
    finish(client, job)
    damage(client.app.state.service.jobs.files(job, 1).mask)
    archive = zipfile.ZipFile(io.BytesIO(client.get(f"/v1/jobs/{job}/download").content))
    assert sorted(archive.namelist()) == ["a.png", "c.png", UNREAD]
    assert archive.read(UNREAD).decode().startswith("b.png: ")


def test_stems_of_many_alike_take_time_in_proportion():
    def seconds(number: int) -> float:
        began = time.perf_counter()
        stems = output_stems(["/x/same.png"] * number)
        assert len(set(stems)) == number
        return time.perf_counter() - began

    seconds(100)
    assert min(seconds(8000) for _ in range(3)) < 20 * max(min(seconds(1000) for _ in range(3)), 0.005)


def test_four_thousand_alike_are_listed_and_downloaded_in_seconds(stubbed, learn, painted, finish):
    client = stubbed()
    job = job_of(client, learn(client)["id"], ["same.png"], painted(1)[0])
    finish(client, job)
    service = client.app.state.service
    kept, batch = service.jobs.pictures(job), service.jobs.get(job)
    began = time.perf_counter()
    from asgnet.serving.store.download import archive

    first = next(archive(service.jobs, batch, kept * 4000, "png"))
    assert first[:2] == b"PK"
    assert time.perf_counter() - began < 5


def test_names_in_json_are_the_ones_that_were_decided(stubbed, learn, painted, finish):
    client = stubbed()
    job = job_of(client, learn(client)["id"], ["..", "a" * 300 + ".png"], painted(1)[0])
    names = [r["name"] for r in client.get(f"/v1/jobs/{job}/results").json()["results"]]
    assert names[0] == "picture"
    assert len(names[1]) == MOST_BYTES
    assert json.dumps(names)
