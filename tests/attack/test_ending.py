"""SIGTERM ends everything within ten seconds, also what does not listen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.attack.bombs import slow_picture

import asgnet

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are different there")
STUCK = (
    "import asgnet.data.read.decode as decode, ctypes\n"
    "decode.refuse_bombs = lambda *_: (print('stuck', flush=True), ctypes.CDLL(None).sleep(120))\n"
)
"""A decoder that takes two minutes, in C: nothing of Python runs in its thread meanwhile."""


def started(words: list[str], before: str = "", **how) -> subprocess.Popen:
    code = f"{before}import sys; from asgnet.faces.cli.app import main; sys.exit(main())"
    environment = {**os.environ, "PYTHONPATH": str(Path(asgnet.__file__).parents[1])}
    return subprocess.Popen(
        [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, text=True, env=environment, **how
    )


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[10:30, 10:30] = (200, 30, 30)
    for name in ("a", "photos/1", "photos/2"):
        Image.fromarray(pixels).save(f"{name}.png")
    Image.fromarray((pixels[..., 0] > 0).astype(np.uint8)).save("a_mask.png")
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ["fit", "--support", "a.png", "a_mask.png", "--out", "x.concept"],
        pytest.param(["doctor", "--support", "a.png", "a_mask.png"], marks=pytest.mark.attack),
    ],
    ids=lambda words: words[0],
)
def test_a_command_that_is_stuck_in_a_decoder_ends_within_ten_seconds(pictures, words):
    run = started(words, STUCK)
    assert run.stdout.readline() == "stuck\n"
    began = time.monotonic()
    run.send_signal(signal.SIGTERM)
    assert run.wait(20) in (143, -signal.SIGTERM)
    assert time.monotonic() - began < 10
    assert not Path("x.concept").exists()


def test_threads_that_are_stuck_do_not_hold_the_end_up(pictures):
    """Pictures are read ahead in other threads, which Python waits for when it ends."""
    concept = started(["fit", "--support", "a.png", "a_mask.png", "--out", "x.concept", "--no-adapt"])
    assert concept.wait(120) == 0
    run = started(
        ["segment", "photos", "--concept", "x.concept", "--out", "out", "--runtime", "torch"], STUCK
    )
    assert run.stdout.readline() == "stuck\n"
    began = time.monotonic()
    run.send_signal(signal.SIGTERM)
    assert run.wait(20) == 143
    assert time.monotonic() - began < 10
    assert list(Path("out").glob("*.png")) == []


@pytest.mark.attack
def test_a_server_ends_within_ten_seconds_while_a_picture_is_decoded(pictures, tmp_path):
    """And so do its processes, whose decoder holds Python's lock."""
    server = started(["serve", "--port", "0", "--data-dir", "data", "--no-browser"])
    address = server.stdout.readline().strip()
    data = slow_picture()
    request = subprocess.Popen([sys.executable, "-c", POST, f"{address}v1/view"], stdin=subprocess.PIPE)
    request.stdin.write(data)
    request.stdin.close()
    time.sleep(4)
    children = Path(f"/proc/{server.pid}/task").glob("*/children")
    pids = [int(pid) for listed in children for pid in listed.read_text().split()]
    assert pids, "nothing is being decoded"
    began = time.monotonic()
    server.send_signal(signal.SIGTERM)
    server.wait(20)
    assert time.monotonic() - began < 10
    time.sleep(0.5)
    assert [pid for pid in pids if Path(f"/proc/{pid}/cmdline").exists()] == []
    request.wait(20)


POST = """
import sys, urllib.request
data = sys.stdin.buffer.read()
head = b'--x\\r\\nContent-Disposition: form-data; name="picture"; filename="a.jp2"\\r\\n\\r\\n'
body = head + data + b'\\r\\n--x\\r\\nContent-Disposition: form-data; name="side"\\r\\n\\r\\n64\\r\\n--x--\\r\\n'
try:
    urllib.request.urlopen(urllib.request.Request(
        sys.argv[1], body, {"Content-Type": "multipart/form-data; boundary=x"}))
except OSError as error:
    print(error)
"""
