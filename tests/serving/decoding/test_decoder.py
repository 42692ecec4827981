"""What children decode is what this process would; what harms them harms nobody else."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest
from PIL import Image

from asgnet.errors import AsgnetWarning, PictureError, SupportError
from asgnet.serving.decoding import Decoder, PixelBudget, StoppingError
from asgnet.serving.decoding import decoder as module
from asgnet.serving.uploads import labels_of, picture_of


def png(pixels) -> bytes:
    encoded = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(encoded, "PNG")
    return encoded.getvalue()


PICTURE = png(np.random.default_rng(0).integers(0, 255, (40, 60, 3)))
LABELS = np.zeros((40, 60), np.uint8)
LABELS[5:20, 10:30] = 2


@pytest.fixture
def decoder():
    one = Decoder(1_000_000, PixelBudget(2_000_000), children=2, seconds=10)
    yield one
    one.close()


def test_pictures_masks_and_headers_come_back_as_they_are_decoded_here(decoder):
    with decoder.picture(PICTURE, "a.png") as found:
        np.testing.assert_array_equal(found, picture_of(PICTURE, "a.png"))
    found = decoder.labels(png(LABELS), (40, 60), 2, "m.png")
    np.testing.assert_array_equal(found, labels_of(png(LABELS), (40, 60), 2, "m.png"))
    assert decoder.header(PICTURE, "a.png") == ("PNG", (60, 40), True)


def test_one_process_serves_one_file_after_the_other(decoder):
    for _ in range(3):
        with decoder.picture(PICTURE, "a.png"):
            pass
        with pytest.raises(PictureError):
            decoder.header(b"no picture at all", "b")
    assert len(decoder._all) == 1


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"no picture at all", "'x' is not a picture in a known format"),
        (PICTURE[:400], "'x' is damaged or cut short"),
        (b"", "'x' is an empty file"),
        (png(np.zeros((2000, 600))), "'x' has 1 megapixels"),
    ],
)
def test_faults_are_said_in_the_same_sentences(decoder, data, said):
    with pytest.raises(PictureError, match=said), decoder.picture(data, "x"):
        pass
    with pytest.raises(SupportError, match=f"The mask cannot be used: {said}"):
        decoder.labels(data, (40, 60), 1, "x")


def test_what_was_guessed_is_said_here(decoder):
    frames = [Image.new("L", (8, 8), i) for i in range(3)]
    encoded = io.BytesIO()
    frames[0].save(encoded, "GIF", save_all=True, append_images=frames[1:])
    with (
        pytest.warns(AsgnetWarning, match="only the first is used"),
        decoder.picture(encoded.getvalue(), "g"),
    ):
        pass
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decoder.header(encoded.getvalue(), "g")


def test_a_file_that_takes_too_long_costs_its_process_and_nothing_else(decoder, monkeypatch):
    with decoder.picture(PICTURE, "a.png"):
        pass
    (child,) = decoder._all
    os.kill(child._process.pid, signal.SIGSTOP)  # as if a decoder did not come back
    decoder._seconds = 0.5
    began = time.monotonic()
    with (
        pytest.raises(PictureError, match=r"'slow' takes more than 0 s to decode"),
        decoder.picture(PICTURE, "slow"),
    ):
        pass
    assert time.monotonic() - began < 5
    decoder._seconds = 10
    with decoder.picture(PICTURE, "a.png") as found:
        assert found.shape == (40, 60, 3)
    assert child not in decoder._all


def test_a_process_that_dies_costs_its_file_and_nothing_else(decoder):
    with decoder.picture(PICTURE, "a.png"):
        pass
    (child,) = decoder._all
    child._process.kill()
    with pytest.raises(PictureError, match=r"'a\.png' broke the process"), decoder.picture(PICTURE, "a.png"):
        pass
    with decoder.picture(PICTURE, "a.png"):
        pass


@pytest.mark.skipif(os.name == "nt", reason="no limits of memory there")
def test_a_file_that_takes_too_much_memory_is_refused(monkeypatch):
    monkeypatch.setattr(module, "MEMORY", 400 << 20)
    monkeypatch.setattr(module, "PER_PIXEL", 0)
    decoder = Decoder(100_000_000, PixelBudget(100_000_000), children=1)
    try:
        with (
            pytest.raises(PictureError, match=r"memory|broke the process"),
            decoder.picture(png(np.zeros((9000, 9000))), "a"),
        ):
            pass
        with decoder.picture(PICTURE, "a.png"):
            pass
    finally:
        decoder.close()


def test_pixels_are_given_back_whatever_happens(decoder):
    for data in (PICTURE, PICTURE[:400], b"x"):
        try:
            with decoder.picture(data, "x"):
                raise KeyError
        except (KeyError, PictureError):
            pass
    assert decoder._budget._spent == 0


def test_many_at_once_share_few_processes(decoder):
    found = []

    def ask():
        with decoder.picture(PICTURE, "a.png") as picture:
            found.append(picture.shape)

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == [(40, 60, 3)] * 12
    assert len(decoder._all) <= 2


def test_closing_gives_up_what_is_being_decoded(decoder):
    with decoder.picture(PICTURE, "a.png"):
        pass
    (child,) = decoder._all
    os.kill(child._process.pid, signal.SIGSTOP)
    ended = []

    def ask():
        try:
            with decoder.picture(PICTURE, "a.png"):
                pass
        except StoppingError as error:
            ended.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.3)
    decoder.close()
    thread.join(5)
    assert len(ended) == 1
    assert child._process.poll() is not None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_a_process_ends_with_its_server_even_while_it_decodes():
    """The server dies without a word; a child must not go on for nobody."""
    code = (
        "import io, os, sys, threading\n"
        "from PIL import Image\n"
        "from asgnet.serving.decoding import Decoder, PixelBudget\n"
        "decoder = Decoder(50_000_000, PixelBudget(1), 1)\n"
        "encoded = io.BytesIO(); Image.effect_noise((3000, 3000), 90).save(encoded, 'JPEG2000')\n"
        "decoder.header(encoded.getvalue(), 'a')\n"
        "print(next(iter(decoder._all))._process.pid, flush=True)\n"
        "threading.Timer(0.5, os._exit, (0,)).start()\n"
        "with decoder.picture(encoded.getvalue(), 'a'): print('too soon', flush=True)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    pid = int(ended.stdout.split()[0])
    assert "too soon" not in ended.stdout, ended.stderr
    deadline = time.monotonic() + 5
    while _lives(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _lives(pid)


def _lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as status:
            return status.read().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False
