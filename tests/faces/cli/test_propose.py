"""``asgnet propose``: what it is asked for and what it hands on; the proposals are a stand-in's."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asgnet.apply.interactive import propose
from asgnet.faces.cli import segment_options as _segment_options
from asgnet.faces.cli.app import main

SIZE = (40, 60)
PROPOSE = ["propose", "my mug.jpg", "--out", "mask.png"]


@pytest.fixture
def asked(tmp_path, monkeypatch) -> dict:
    """What the command asks for; it is answered with whatever the box holds, or with a corner."""
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", SIZE[::-1], "grey").save("my mug.jpg")
    found = {}

    class Proposer:
        def __init__(self, segmenter, image):
            found["size"] = image.shape[:2]

        def propose(self, points, box):
            found.update(points=points, box=box)
            mask = np.zeros(found["size"], np.uint8)
            x0, y0, x1, y1 = (int(v) for v in box or (0, 0, 10, 10))
            mask[y0:y1, x0:x1] = not any(p[2] is False for p in points) or box is not None
            return mask

    monkeypatch.setattr(propose, "Proposer", Proposer)
    monkeypatch.setattr(_segment_options, "load_segmenter", lambda *_: None)
    return found


def test_a_mask_a_picture_to_look_at_and_what_comes_next(asked, capsys):
    assert (
        main([*PROPOSE, "--box", "10,5,34,25", "--click", "20,10", "--not", "50,30", "--not", "1.5, 2"]) == 0
    )
    assert asked["box"] == (10, 5, 34, 25)
    assert asked["points"] == [(20, 10, True), (50, 30, False), (1.5, 2, False)]
    mask = np.asarray(Image.open("mask.png"))
    assert mask.shape == SIZE
    assert (mask == 255).sum() == 24 * 20
    out, err = capsys.readouterr()
    assert out == "mask.png\n"
    assert "20.0% of the picture" in err
    assert "look first at\n  mask_overlay.jpg\n" in err
    assert "asgnet segment PICTURES --support 'my mug.jpg' mask.png --out masks" in err
    assert Image.open("mask_overlay.jpg").size == SIZE[::-1]


def test_json_is_one_object(asked, capsys):
    assert main([*PROPOSE, "--click", "3 4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "picture": "my mug.jpg", "mask": "mask.png", "overlay": "mask_overlay.jpg",
        "area_fraction": round(100 / 2400, 6), "box": [0, 0, 10, 10],
    }  # fmt: skip


def test_pixels_are_counted_in_the_picture_as_it_is_displayed(asked, capsys):
    image = Image.new("RGB", SIZE[::-1])
    exif = image.getexif()
    exif[0x0112] = 6  # shown turned by a quarter
    image.save("my mug.jpg", exif=exif)
    assert main([*PROPOSE, "--click", "59,3"]) == 2
    assert "the picture of 40×60 pixels" in capsys.readouterr().err
    assert main([*PROPOSE, "--click", "3,59"]) == 0
    assert Image.open("mask.png").size == (40, 60)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], 2, "--box X0,Y0,X1,Y1 around it, or --click X,Y on it"),
        (["--not", "3,4"], 2, "Say where the object is"),
        (["--box", "1,2,30"], 2, "(--box 40,60,200,180, say), not '1,2,30'"),
        (["--box", "1,2,30,up"], 2, "in pixels"),
        (["--click", "3"], 2, "(--click 90,70, say), not '3'"),
        (["--click", "nan,3"], 2, "not 'nan,3'"),
        (["--click", "3,4", "--not", ""], 2, "--not takes X,Y in pixels"),
        (["--click", "60.5,4"], 2, "beyond the picture of 60×40 pixels; count x from its left edge"),
        (["--click", "-1,4"], 2, "beyond the picture"),
        (["--box", "70,2,90,9"], 2, "beyond the picture of 60×40 pixels; count"),
        (["--box", "30,2,10,9"], 2, "give its left, upper, right and lower edge"),
        (["--box", "3,2,9,9", "--click", "30,30"], 2, "make the box larger"),
        (["--box", "3,2,9,9", "--box", "13,2,19,9"], 2, "--click on each"),
        (["--click", "3,4", "--not", "3,4"], 2, "take away one of the points"),
        (["--click", "3,4", "--out", "mask.jpg"], 2, "written as a PNG file"),
        (["--click", "3,4", "--out", "there.png"], 1, "--overwrite"),
        (["--click", "3,4", "--out", "seen.png"], 1, "'seen_overlay.jpg' exists already"),
    ],
)
def test_mistakes_are_one_sentence_and_their_code_and_nothing_is_written(asked, capsys, words, code, told):
    Path("there.png").write_text("precious")
    Path("seen_overlay.jpg").write_text("precious")
    before = {p: p.read_bytes() for p in Path().iterdir()}
    assert main([*PROPOSE, *words]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert err.count("\n") == 1
    assert {p: p.read_bytes() for p in Path().iterdir()} == before


def test_a_picture_that_cannot_be_read(asked, capsys):
    Path("my mug.jpg").write_text("no picture")
    assert main([*PROPOSE, "--click", "3,4"]) == 3
    assert "my mug.jpg" in capsys.readouterr().err
    assert main(["propose", "gone.jpg", "--click", "3,4", "--out", "mask.png"]) == 3
    assert "gone.jpg" in capsys.readouterr().err


def test_replaced_when_asked_but_never_the_picture(asked, capsys):
    assert main([*PROPOSE, "--click", "3,4"]) == 0
    assert main([*PROPOSE, "--box", "0,0,60,40", "--overwrite"]) == 0
    assert np.asarray(Image.open("mask.png")).min() == 255
    Image.new("RGB", (60, 40)).save("cup.png")
    before = Path("cup.png").read_bytes()
    assert main(["propose", "cup.png", "--out", "cup.png", "--click", "3,4", "--overwrite"]) == 1
    assert "is the picture itself" in capsys.readouterr().err
    assert Path("cup.png").read_bytes() == before
