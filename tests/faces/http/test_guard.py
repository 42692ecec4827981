"""What never reaches a route: foreign names, foreign pages, no token, too much."""

from __future__ import annotations

import base64
import struct
import zlib

import pytest

from asgnet.faces.http.settings import loopback
from asgnet.serving.service import Bounds

TOKEN = "a-token-that-is-long-enough"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "localhost", "[::1]", "::1", "a.localhost"])
def test_these_are_this_machine(host):
    assert loopback(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "192.168.1.4", "localhost.evil.example", "127.0.0.1.nip.io", "", "::"]
)
def test_these_are_not(host):
    assert not loopback(host)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8008", "127.0.0.1.nip.io:8008", "", "192.168.1.4"]
)
def test_a_name_made_to_point_here_is_not_answered(client, host):
    answer = client.get("/v1/concepts", headers={"Host": host})
    assert (answer.status_code, answer.json()["type"]) == (421, "urn:asgnet:problem:host")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 404),
        ({"Origin": "http://127.0.0.1:8008"}, 404),
        ({"Origin": "http://127.0.0.1:8008", "Sec-Fetch-Site": "same-origin"}, 404),
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_no_other_site_changes_anything(client, headers, status):
    assert client.delete("/v1/concepts/0123456789abcdef", headers=headers).status_code == status


def test_no_other_site_reads_anything(client):
    assert client.get("/v1/concepts", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    answer = client.get("/v1/concepts", headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert client.options("/v1/concepts", headers={"Origin": "http://evil.example"}).status_code == 403


def test_every_answer_carries_the_headers_that_keep_a_page_in_its_place(client):
    for path in ("/healthz", "/v1", "/nothing", "/"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"


def test_with_a_token_only_who_shows_it_is_answered(serve):
    client = serve(token=TOKEN, host="0.0.0.0", base_url="http://workshop.example:8008")
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200
    basic = base64.b64encode(f"asgnet:{TOKEN}".encode()).decode()
    for path in ("/v1", "/metrics", "/openapi.json", "/label-studio/health", "/page/main.js"):
        refused = client.get(path)
        assert (refused.status_code, refused.json()["type"]) == (401, "urn:asgnet:problem:token")
        for wrong in ("Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Basic ????", "Bearer é"):
            assert client.get(path, headers={"Authorization": wrong.encode()}).status_code == 401
        for right in (f"Bearer {TOKEN}", f"Basic {basic}"):
            assert client.get(path, headers={"Authorization": right}).status_code in (200, 404)
    assert client.get("/v1", params={"token": TOKEN}).status_code == 401  # in addresses for the page alone


def test_a_person_shows_the_token_once_in_the_page_s_address(serve):
    client = serve(token=TOKEN, host="0.0.0.0", base_url="http://workshop.example:8008")
    assert client.get("/").status_code == 401
    assert client.get("/", params={"token": "wrong"}).status_code == 401
    answer = client.get("/", params={"token": TOKEN}, follow_redirects=False)
    assert answer.status_code == 303
    assert TOKEN not in answer.headers["location"]
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get("/v1").status_code == 200  # the client keeps cookies


def test_a_body_too_large_is_cut_off_whatever_it_announces(serve):
    client = serve(bounds=Bounds(request_bytes=100_000))
    files = {"images": ("a.png", b"x" * 200_000), "masks": ("m.png", b"x")}
    answer = client.post("/v1/concepts", files=files)
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:asgnet:problem:too-large")

    def pieces():
        yield b'--x\r\nContent-Disposition: form-data; name="images"; filename="a"\r\n\r\n'
        for _ in range(200):
            yield b"x" * 1000

    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = client.post("/v1/concepts", content=pieces(), headers=kind)
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:asgnet:problem:too-large")


def test_a_file_too_large_or_too_many_of_them_are_refused(serve, painted, learn):
    client = serve(bounds=Bounds(file_bytes=20_000, pictures=2, supports=1))
    concept = learn(client)
    big = {"picture": ("a.png", b"x" * 20_001)}
    answer = client.post("/v1/segment", data={"concept": concept["id"]}, files=big)
    assert answer.status_code == 413
    assert "'a.png'" in answer.json()["detail"]
    several = [("pictures", (f"{i}.png", painted(i)[0])) for i in range(3)]
    assert client.post("/v1/jobs", data={"concept": concept["id"]}, files=several).status_code == 413
    assert client.get("/v1/jobs").json() == {"jobs": []}
    picture, mask = painted(1)
    more = {"images": ("b.png", picture), "masks": ("m.png", mask)}
    assert client.post(f"/v1/concepts/{concept['id']}/supports", files=more).status_code == 413


def test_a_decompression_bomb_is_refused_before_it_is_decoded(client, learn):
    """A PNG of some kB that claims 30000 by 30000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0))
    bomb = (
        b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(10_000_000))) + chunk(b"IEND", b"")
    )
    concept = learn(client)
    answer = client.post("/v1/segment", data={"concept": concept["id"]}, files={"picture": ("b.png", bomb)})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:asgnet:problem:picture")
    assert "900 megapixels" in answer.json()["detail"]
    answer = client.post("/v1/view", files={"picture": ("b.png", bomb)})
    assert answer.status_code == 422
    files = {"images": ("a.png", bomb), "masks": ("m.png", bomb)}
    assert client.post("/v1/concepts", files=files).status_code == 422


@pytest.mark.parametrize(
    "path",
    [
        "/v1/concepts/..%2f..%2fetc%2fpasswd",
        "/v1/concepts/../../etc/passwd/file",
        "/v1/jobs/..%2f..%2f/results/0/picture",
        "/page/..%2f..%2f..%2fpyproject.toml",
        "/page/%2e%2e/server/app.py",
        "/v1/sample/..%2f..%2fapp.py",
    ],
)
def test_no_path_leads_out_of_where_things_are(client, path):
    answer = client.get(path)
    assert answer.status_code in (404, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_unexpected_error_says_nothing_of_the_machine(client, monkeypatch, capsys):
    def broken(*_):
        raise RuntimeError("/root/secret/path is broken")

    monkeypatch.setattr(client.app.state.service.concepts, "all", broken)
    answer = client.get("/v1/concepts")
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:asgnet:problem:unexpected")
    assert "secret" not in answer.text
    mark = answer.json()["instance"].rpartition(":")[2]
    assert mark in capsys.readouterr().err
