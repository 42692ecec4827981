"""What can be seen to be wrong is said before the model is loaded; what is done meanwhile is said, too."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asgnet.errors import AsgnetWarning
from asgnet.faces.cli import console, segment_options
from asgnet.faces.cli.app import main
from asgnet.faces.cli.study_options import say_seen

EXAMPLE = ["--support", "a.png", "mask.png"]


@pytest.fixture
def loads(tmp_path, monkeypatch) -> list[str]:
    """A picture and its mask; the model is not there, and who asks for it is counted."""
    monkeypatch.chdir(tmp_path)
    picture = np.zeros((12, 16, 3), np.uint8)
    Image.fromarray(picture).save("a.png")
    mask = np.zeros((12, 16), np.uint8)
    mask[2:6, 2:6], mask[7:10, 2:6] = 1, 2
    Image.fromarray(mask).save("mask.png")
    asked: list[str] = []

    def load(*_):
        asked.append("model")
        raise KeyboardInterrupt

    monkeypatch.setattr(segment_options, "load_segmenter", load)
    return asked


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["fit", "--out", "x.concept", "--support", "a.png", "gone.png"], 4, "'gone.png' does not exist"),
        (["segment", "a.png", "--out", "o", "--support", "gone.png", "mask.png"], 4, "'gone.png' does not"),
        (["segment", "a.png", "--out", "a.png", *EXAMPLE], 1, "'a.png' is a file, not a folder"),
        (["segment", "a.png", "--out", "o", "--format", "bmp", *EXAMPLE], 2, "no format 'bmp'"),
        (["segment", "a.png", "--out", "o", "--concept", "gone.concept"], 4, "gone.concept"),
        (["suggest", "a.png", "--support", "a.png", "gone.png"], 4, "'gone.png' does not exist"),
    ],
)
def test_mistakes_are_said_before_the_model_is_loaded(loads, capsys, words, code, said):
    assert main(words) == code
    assert said in capsys.readouterr().err
    assert loads == []


def test_a_picture_that_is_not_there_is_said_before_anything_is_learned(loads, capsys):
    main(["segment", "a.png", "nix.jpg", "--out", "o", *EXAMPLE])
    assert capsys.readouterr().err.startswith("asgnet: 'nix.jpg' does not exist; check the path.\n")
    assert loads == ["model"]


def test_values_that_become_objects_of_one_class_are_said(loads, capsys):
    main(["fit", "--out", "x.concept", *EXAMPLE])
    assert "mask.png has the values 1 and 2, taken for single objects of one class" in capsys.readouterr().err
    Path("classes.txt").write_text("mug\ncat\n")
    main(["fit", "--out", "x.concept", *EXAMPLE])
    err = capsys.readouterr().err
    assert "taken for single objects" not in err
    assert "2 classes: mug, cat" in err


def test_a_phase_is_said_if_it_takes_longer_than_a_moment(capsys, monkeypatch):
    monkeypatch.setattr(console, "MOMENT", 0.05)
    with console.phase("short"):
        pass
    with console.phase("long"):
        time.sleep(0.5)
    assert capsys.readouterr().err == "long …\n"


def test_classes_that_the_weights_have_seen_are_said(tmp_path):
    with pytest.warns(AsgnetWarning, match="trained on Dog, car: "):
        say_seen(None, ["Dog", "car", "zebra"])
    (tmp_path / "training.json").write_text('{"data": [{"trained_classes": ["zebra"]}]}')
    with pytest.warns(AsgnetWarning, match="trained on zebra: "):
        say_seen(str(tmp_path), ["dog", "zebra"])
    say_seen("light", ["dog"])
