"""Bodies of many parts, in chunks past the limit, and concepts that are deleted under a doctor's hands."""

from __future__ import annotations

import threading
import time

import pytest

from asgnet.serving.service import Bounds


def multipart(parts: list[tuple[str, bytes]], header: bytes = b"") -> tuple[bytes, dict[str, str]]:
    def part(name: str, data: bytes) -> bytes:
        told = f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="a"\r\n'
        return told.encode() + header + b"\r\n" + data + b"\r\n"

    body = b"".join(part(*one) for one in parts)
    return body + b"--x--\r\n", {"Content-Type": "multipart/form-data; boundary=x"}


@pytest.mark.parametrize(
    ("parts", "header"),
    [
        ([("pictures", b"")] * 5000, b""),
        ([(f"field{i}", b"y") for i in range(5000)], b""),
        ([("pictures", b"z")] * 900, b"X-Y: " + b"q" * 200 + b"\r\n"),
        ([("pictures", b"z")], b"X-Y: q\r\n" * 20_000),
        ([("masks", b"z")] * 999, b"Content-Type: image/png\r\n"),
    ],
)
def test_a_flood_of_small_parts_is_refused_soon(stubbed, learn, parts, header):
    client = stubbed()
    body, headers = multipart(parts, header)
    for path in ("/v1/jobs", "/v1/concepts", "/v1/segment"):
        began = time.perf_counter()
        answer = client.post(path, content=body, headers=headers)
        assert 400 <= answer.status_code < 500, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert time.perf_counter() - began < 10
    assert client.get("/v1/jobs").json() == {"jobs": []}


@pytest.mark.parametrize("piece", [1, 1000, 1 << 16])
def test_chunks_past_the_limit_are_cut_off(stubbed, piece):
    client = stubbed(bounds=Bounds(request_bytes=200_000))
    sent = 0

    def chunks():
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="pictures"; filename="a"\r\n\r\n'
        while sent < (300_000 if piece > 1 else 5000):
            sent += piece
            yield b"z" * piece
        yield b"z" * 300_000

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = client.post("/v1/jobs", content=chunks(), headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:asgnet:problem:too-large")


def test_a_doctor_on_a_concept_that_is_deleted_meanwhile(stubbed, learn, capsys, caplog, monkeypatch):
    client = stubbed()
    concept = learn(client, seeds=(0, 1))["id"]
    service, gate = client.app.state.service, threading.Event()
    diagnose = service._diagnose
    monkeypatch.setattr(service, "_diagnose", lambda kept: gate.wait(10) and diagnose(kept))
    assert client.get(f"/v1/concepts/{concept}/doctor").json()["status"] == "running"
    assert client.delete(f"/v1/concepts/{concept}").status_code == 204
    gate.set()
    assert client.get(f"/v1/concepts/{concept}/doctor").status_code == 404
    while service.pool.busy:
        time.sleep(0.01)
    import gc

    gc.collect()
    assert client.get("/healthz").status_code == 200
    assert "Traceback" not in capsys.readouterr().err
    assert "never retrieved" not in caplog.text
