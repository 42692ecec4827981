"""From the command to a picture's mask: few stops, and planned once."""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from PIL import Image

import asgnet
from asgnet.faces.cli.app import main

ROOT = os.path.dirname(asgnet.__file__)
START, END = ("faces/cli/segment.py", "segment"), ("data/folder.py", "save")
# Words that all rooms share, and the bar, are no stops; what happens inside of a reader, the network and
# learning is their own business.
SHARED = ("data/folder.py", "files.py", "errors.py", "faces/cli/console.py")
CLOSED = {("apply/segmenter.py", "predict"), ("faces/cli/segment_options.py", "learned")}


def _place(frame: FrameType | None) -> tuple[str, str] | None:
    """The module and function of a frame; None if it is not asgnet's."""
    if frame is None or not frame.f_code.co_filename.startswith(ROOT):
        return None
    return Path(frame.f_code.co_filename).relative_to(ROOT).as_posix(), frame.f_code.co_name


def _callers(frame: FrameType) -> list[tuple[str, str]]:
    found, at = [], frame.f_back
    while at is not None:
        found += [place for place in [_place(at)] if place is not None]
        at = at.f_back
    return found


class Stops:
    """The modules that are entered from others on the way of a picture, in order."""

    def __init__(self) -> None:
        self.entered: list[str] = []
        self.open = False

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        place = _place(frame) if event == "call" else None
        if place is None:
            return
        if place in (START, END):
            self.open = place == START
        elif self.open and place[1] != "<module>" and place[0] not in SHARED:
            callers = _callers(frame)
            inside = any(one in CLOSED or one[1] == "<module>" for one in callers)
            if callers and not inside and callers[0][0] != place[0] and not callers[0][0].startswith("data/"):
                self.entered.append(place[0])


@pytest.fixture
def stops():
    counted = Stops()
    threading.setprofile(counted)
    sys.setprofile(counted)
    yield counted
    sys.setprofile(None)
    threading.setprofile(None)


@pytest.fixture
def words(tmp_path, capsys) -> list[str]:
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[10:30, 20:40] = 200
    Image.fromarray(picture).save(tmp_path / "a.png")
    Image.fromarray(picture[..., 0]).save(tmp_path / "mask.png")
    pair, concept = [str(tmp_path / "a.png"), str(tmp_path / "mask.png")], str(tmp_path / "it.concept")
    assert main(["fit", "--support", *pair, "--no-adapt", "--out", concept]) == 0
    return ["segment", pair[0], "--concept", concept, "--out", str(tmp_path / "out")]


def test_from_the_command_to_the_mask_in_few_stops(words, stops):
    assert main(words) == 0
    sys.setprofile(None)
    # 20 before pictures were read in parts; far fewer: they were not counted
    assert 10 <= len(stops.entered) <= 31, "\n".join(stops.entered)
    assert Counter(stops.entered)["apply/batch/plan.py"] <= 3


def test_more_of_a_finished_picture_is_planned_as_seldom(words, stops):
    assert main(words) == 0
    stops.entered.clear()
    assert main([*words, "--format", "png", "--format", "probability"]) == 0
    sys.setprofile(None)
    assert Counter(stops.entered)["apply/batch/plan.py"] <= 3
