"""What pretends to be Label Studio, and addresses that tasks hold: refused in a sentence, never a 500."""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.attack.test_slow_and_many import set_up

from asgnet.faces.integrations.fetch import fetch


class Raw:
    """Answers every connection with these bytes."""

    def __init__(self, answers: dict[str, bytes], otherwise: bytes = b""):
        raw = self
        self.asked: list[tuple[str, dict[str, str]]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                raw.asked.append((self.path, dict(self.headers)))
                self.wfile.write(answers.get(self.path.partition("?")[0], otherwise))
                self.close_connection = True

            def log_message(self, *_) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def predict(client, address) -> tuple[int, str]:
    task = {"project": "1.1", "tasks": [{"id": 1, "data": {"image": address}}]}
    kind = {"Content-Type": "application/json"}
    answer = client.post("/label-studio/predict", content=json.dumps(task), headers=kind)
    return answer.status_code, answer.text


GARBAGE = [
    b"garbage\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"\xff\xfe\x00", b"", b"HTTP/9.9 200\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\nshort",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", b"HTTP/1.1 302 Found\r\nLocation: http://[\r\n\r\n",
    b"HTTP/1.1 302 Found\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nno picture", b"HTTP/1.1 500 No\r\n\r\n",
]  # fmt: skip


@pytest.mark.parametrize("answer", GARBAGE)
def test_a_garbled_answer_is_a_sentence(stubbed, learn, answer):
    with contextlib.closing(Raw({}, answer)) as studio:
        client = stubbed(label_studio=studio.address)
        set_up(client, learn)
        status, text = predict(client, "/data/upload/1.png")
    assert 400 <= status < 500, (status, text)
    assert "urn:asgnet:problem:picture" in text


ADDRESSES = [
    "/data/a b.png", "/data/ж.png", "/data/a\r\nX: y", "/data/\x00", "http://[", "//", "///x", "http://", "ftp://x/",
    "file:///etc/passwd", "http://127.0.0.1:1/x", "http://user:pw@127.0.0.1/x", "\ud800", "javascript:1", 7, None,
    [], "",
    "http://127.0.0.1:99999/x", "data:image/png;base64,%%%", "data:", "x" * 100_000, "http://ж.example/", "?#?",
]  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_strange_address_is_a_sentence(stubbed, learn, address):
    with contextlib.closing(Raw({}, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")) as studio:
        client = stubbed(label_studio=studio.address)
        set_up(client, learn)
        status, text = predict(client, address)
    assert 400 <= status < 500, (status, text)


def test_an_address_with_a_space_or_of_another_alphabet_is_fetched(painted):
    picture = painted(1)[0]
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: " + str(len(picture)).encode() + b"\r\n\r\n" + picture
    with contextlib.closing(Raw({"/a%20b.png": answer, "/%D0%B6.png": answer})) as studio:
        for name in ("a b.png", "a%20b.png", "ж.png"):
            assert fetch(f"{studio.address}/{name}", {}, 1 << 20, 5) == picture


PLACES = [
    "https://127.0.0.1:{port}/x",
    "http://127.0.0.2:{port}/x",
    "ftp://127.0.0.1:{port}/",
    "file:///etc/passwd",
]


@pytest.mark.parametrize("place", PLACES)
def test_redirects_to_another_scheme_or_host_are_refused_and_the_key_stays(place):
    with contextlib.closing(Raw({})) as other:
        port = other.server.server_address[1]
        there = f"HTTP/1.1 302 Found\r\nLocation: {place.format(port=port)}\r\nContent-Length: 0\r\n\r\n"
        studio = Raw({}, there.encode())
        with contextlib.closing(studio), pytest.raises(ValueError, match="status 302"):
            fetch(f"{studio.address}/x", {"Authorization": "Token secret"}, 1 << 20, 5)
        assert other.asked == []


def test_redirects_on_the_same_host_are_followed_and_end(painted):
    there = b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"
    ever = b"HTTP/1.1 302 Found\r\nLocation: /c\r\nContent-Length: 0\r\n\r\n"
    good = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    with contextlib.closing(Raw({"/a": there, "/b": good, "/c": ever})) as studio:
        assert fetch(f"{studio.address}/a", {}, 100, 5) == b"ok"
        with pytest.raises(ValueError, match="302"):
            fetch(f"{studio.address}/c", {}, 100, 5)


def test_an_answer_that_is_too_large_is_refused():
    large = Raw({}, b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000)
    with contextlib.closing(large), pytest.raises(ValueError, match="larger"):
        fetch(f"{large.address}/a", {}, 4000, 5)
