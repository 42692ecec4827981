"""Windows of several sizes around a first click, and how sure an answer is."""

import numpy as np
import pytest

from asgnet.apply.engines.features import Features
from asgnet.apply.interactive.glances import Glances, sureness
from asgnet.apply.interactive.windows import Window

STRIDES = (8, 8, 16, 16, 32, 32), (2, 4, 2)


class Encoder:
    """Features whose values are their columns, and how often it was asked."""

    def __init__(self):
        self.sides = []

    def __call__(self, picture):
        self.sides.append(picture.shape[0])
        maps, fine = ([self._columns(picture, stride) for stride in strides] for strides in STRIDES)
        return Features(tuple(maps), tuple(fine))

    def _columns(self, picture, stride):
        height, width = (n // stride for n in picture.shape[:2])
        return np.broadcast_to(np.arange(width, dtype=np.float32) * stride, (1, 1, height, width))


def test_windows_are_cut_from_what_was_encoded_once():
    encode = Encoder()
    glances = Glances(np.zeros((300, 400, 3), np.uint8), encode)
    assert encode.sides == [256, 512]
    whole, half = glances.around(390, 150)
    assert encode.sides == [256, 512]
    assert whole[0] == Window(0, 0, 400, 300)
    assert half[0] == Window(200, 75, 400, 225)
    assert half[1]["map_5"].shape == (1, 1, 8, 8)
    assert half[1]["map_5"][0, 0, 0, 0] == 256  # of 512 columns
    assert half[1]["fine_1"].shape == (1, 1, 64, 64)


def test_small_parts_of_large_pictures_are_encoded_when_they_are_asked_for():
    encode = Encoder()
    glances = Glances(np.zeros((1000, 2000, 3), np.uint8), encode)
    windows = [window for window, _ in glances.around(0, 999)]
    assert [w.size for w in windows] == [(1000, 2000), (500, 1000), (250, 500), (125, 250)]
    assert windows[-1] == Window(0, 875, 250, 1000)
    assert encode.sides == [256, 512, 256, 256]


def test_how_sure_an_answer_is():
    logits = np.full((128, 128), -20, np.float32)
    logits[40:80, 40:80] = 20
    inner = Window(100, 100, 200, 200)
    assert sureness(logits, inner, (300, 300)) == pytest.approx(1)
    logits[60:80, 40:80] = 0.01  # half of it is as likely as not
    assert sureness(logits, inner, (300, 300)) == pytest.approx(0.75, abs=0.01)
    logits[60:80, :80] = 20  # it goes on beyond the window's left edge
    assert sureness(logits, inner, (300, 300)) < 0
    assert sureness(logits, Window(0, 100, 100, 200), (300, 300)) > 0.9  # the picture's own edge
