"""What a server makes of small files that cost much work; its memory is that of itself and its processes."""

from __future__ import annotations

import contextlib
import io
import socket
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image
from tests.attack.bombs import grey_png, icon, many_scans, slow_picture
from tests.attack.server import Server

pytestmark = [
    pytest.mark.attack,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is measured by /proc"),
]
LARGE = grey_png(7000, 7000, 120, 2)  # 49 megapixels, 160 kB


def png(pixels) -> bytes:
    encoded = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(encoded, "PNG")
    return encoded.getvalue()


SMALL = np.zeros((64, 80, 3), np.uint8)
SMALL[10:40, 20:50] = 200
MASK, LARGE_MASK = SMALL[..., 0] > 0, np.zeros((7000, 7000), np.uint8)
LARGE_MASK[2000:4000, 2000:4000] = 1


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    one = Server(tmp_path_factory.mktemp("served") / "data")
    yield one
    one.end()


@pytest.fixture(scope="module")
def concept(server):
    return learned(server, 1, png(SMALL), png(MASK))[1]["id"]


@pytest.fixture(autouse=True)
def unharmed(server, concept):
    """Whatever a test sends, the next request is answered."""
    server.peak = 0
    yield
    assert segmented(server, concept, png(SMALL))[0] == 200


def learned(server, count, picture, mask, name="a.png"):
    pairs = [("images", name, picture)] * count + [("masks", "m.png", mask)] * count
    return server.send("v1/concepts", [("adapt", "", b"false"), *pairs])


def segmented(server, concept, picture, name="a.png"):
    return server.send("v1/segment", [("concept", "", concept.encode()), ("picture", name, picture)])


@pytest.mark.parametrize("count", [20, 50])
def test_examples_of_too_many_pixels_together_are_refused_at_once(server, count):
    began = time.monotonic()
    status, said = learned(server, count, LARGE, png(LARGE_MASK))
    assert (status, said["title"]) == (413, "The request brings too much")
    assert "more than the 600 of a request" in said["detail"]
    assert time.monotonic() - began < 20
    assert server.peak < 1500


def test_large_examples_are_shrunk_one_after_another(server):
    status, said = learned(server, 3, LARGE, png(LARGE_MASK))
    assert status == 201, said
    assert server.peak < 1500


@pytest.mark.parametrize(
    ("name", "made", "status", "said"),
    [
        ("scans.jpg", lambda: many_scans(20_000), 422, "more than 100 scans"),
        ("hidden.ico", lambda: icon(grey_png(13_300, 13_300)), 422, "177 megapixels"),
        ("large.png", lambda: grey_png(20_000, 20_000), 422, "400 megapixels"),
    ],
    ids=["scans", "icon", "png"],
)
def test_a_bomb_is_refused_in_every_place(server, concept, name, made, status, said):
    data = made()
    quiet = server.peak
    answers = [
        segmented(server, concept, data, name),
        learned(server, 1, data, png(MASK), name),
        server.send("v1/view", [("picture", name, data), ("side", "", b"64")]),
        server.send("v1/propose", [("picture", name, data), ("box", "", b"[1, 1, 9, 9]")]),
    ]
    for found, problem in answers:
        assert found == status
        assert said in problem["detail"]
    assert server.peak - quiet < 1500


def test_a_mask_may_be_no_bomb_either(server):
    status, said = learned(server, 1, png(SMALL), grey_png(9000, 9000, 1))
    assert status == 422
    assert "81 megapixels" in said["detail"]


def test_a_picture_that_takes_too_long_is_given_up_and_others_are_served(server, concept):
    """Nine megapixels of noise: its decoder is at work for seconds, in a process that is not the server."""
    slow = threading.Thread(target=segmented, args=(server, concept, slow_picture(3000), "slow.jp2"))
    slow.start()
    assert segmented(server, concept, png(SMALL))[0] == 200
    slow.join(120)


def test_many_large_pictures_at_once_wait_for_each_other(server, concept):
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(segmented(server, concept, LARGE)[0]))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert answers == [200] * 6
    assert server.peak < 2500  # one at a time


def test_sixty_four_requests_of_the_largest_size_at_once_take_little_memory(server, concept):
    part = b'--x\r\nContent-Disposition: form-data; name="pictures"; filename="a.png"\r\n\r\n'
    each, files, piece = 60 << 20, 8, bytes(1 << 20)
    length = files * (len(part) + each + 2) + len(b"--x--\r\n")
    head = "POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    port = int(server.address.rstrip("/").rsplit(":", 1)[1])
    answers, every_one = [], threading.Barrier(64)

    def send() -> None:
        answer = b""
        with socket.create_connection(("127.0.0.1", port), timeout=200) as one:
            every_one.wait(60)
            with contextlib.suppress(OSError):
                one.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode())
                for _ in range(files):
                    one.sendall(part)
                    for _ in range(each // len(piece)):
                        one.sendall(piece)
                    one.sendall(b"\r\n")
                one.sendall(b"--x--\r\n")
            with contextlib.suppress(OSError):
                answer = one.recv(1 << 16)
        answers.append(answer[9:12].decode())

    threads = [threading.Thread(target=send) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    print(f"64 bodies of {length >> 20} MiB: {sorted(answers)}; {server.peak:.0f} MB at most")
    # "": the connection had ended before the answer was read
    assert set(answers) <= {"", "408", "413", "422", "429", "503"}
    assert server.peak < 1000
