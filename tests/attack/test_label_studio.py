"""What pretends to be Label Studio, and addresses that tasks hold: refused in a sentence, never a 500."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.attack.test_slow_and_many import Dripping, set_up

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


class OverTls(Dripping):
    """The same behind TLS."""

    def __init__(self, certificate, start: bytes):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        super().__init__(start)
        self.address = self.address.replace("http:", "https:")

    def _one(self, one: socket.socket) -> None:
        with contextlib.suppress(OSError):
            super()._one(self.context.wrap_socket(one, server_side=True))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Of 127.0.0.1, its key in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    file = tmp_path_factory.mktemp("tls") / "own.pem"
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=here -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(
        ["openssl", *words.split(), "-keyout", file, "-out", f"{file}.crt"], check=True, capture_output=True
    )
    file.write_text(file.read_text() + file.with_name("own.pem.crt").read_text())
    return file


@pytest.mark.parametrize(
    "start", [b"", b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb"], ids=["says nothing", "drips its handshake"]
)
def test_a_tls_handshake_that_does_not_end_is_left_in_time(start):
    with contextlib.closing(Dripping(start) if start else socket.create_server(("127.0.0.1", 0))) as studio:
        port = studio.listener.getsockname()[1] if start else studio.getsockname()[1]
        began = time.monotonic()
        with pytest.raises(ValueError, match="not within 1 s"):
            fetch(f"https://127.0.0.1:{port}/x", {}, 1 << 20, 1)
        assert time.monotonic() - began < 2


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: ", b""])
def test_what_drips_behind_tls_is_left_in_time(start, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with contextlib.closing(OverTls(certificate, start)) as studio:
        began = time.monotonic()
        with pytest.raises(ValueError, match="not within 1 s"):
            fetch(f"{studio.address}/x", {}, 1 << 20, 1)
        assert time.monotonic() - began < 2
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    with contextlib.closing(OverTls(certificate, whole)) as studio:
        assert fetch(f"{studio.address}/x", {}, 1 << 20, 5) == b"ok"


def test_look_ups_that_hang_are_left_in_time_and_do_not_pile_up(monkeypatch):
    gate, asked = threading.Event(), []

    def hangs(*place, **_):
        asked.append(place)
        gate.wait(20)
        raise socket.gaierror("no such name")

    with monkeypatch.context() as changed:
        changed.setattr(socket, "getaddrinfo", hangs)
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(ValueError, match="not within 0 s"):
                fetch("http://studio.example/x", {}, 1 << 20, 0.3)
            assert time.monotonic() - began < 1
        assert asked == [("studio.example", 80)]
        threading.Timer(0.2, gate.set).start()
        with pytest.raises(ValueError, match="no such name"):
            fetch("http://studio.example/x", {}, 1 << 20, 5)
    with contextlib.closing(Raw({}, b"HTTP/1.1 200 OK\r\n\r\nok")) as studio:
        assert fetch(studio.address.replace("127.0.0.1", "localhost"), {}, 1 << 20, 5) == b"ok"
