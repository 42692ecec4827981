import json

import numpy as np
import pytest
from PIL import Image

from asgnet.apply.doctor import diagnosis as examined
from asgnet.apply.doctor.quality import Expected
from asgnet.faces.cli.app import main


@pytest.fixture
def diagnosed(monkeypatch):
    """The command without the network: every pair is found well, except that 'bad' files are unusable."""

    def diagnose(segmenter, images, masks, unpainted, background):
        findings = [
            examined.Finding(str(i), "bad" not in str(i), 0.2, 0.8 if "bad" not in str(i) else None)
            for i in images
        ]
        return examined.Diagnosis(tuple(findings), "All is said.", Expected(0.7, 0.6, 0.8))

    monkeypatch.setattr(examined, "diagnose", diagnose)
    monkeypatch.setattr("asgnet.faces.cli.doctor.load_segmenter", lambda *a: None)


def test_words_advice_and_expectation_on_stdout(diagnosed, capsys):
    assert main(["doctor", "--support", "a.jpg", "a.png", "--support", "b.jpg", "b.png"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("a.jpg: good")
    assert lines[2] == "All is said."
    assert "0.70" in lines[3]


def test_json_is_one_object_an_example(diagnosed, capsys):
    assert main(["doctor", "--support", "bad.jpg", "a.png", "--support", "b.jpg", "b.png", "--json"]) == 4
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [r["verdict"] for r in records] == ["unusable", "good"]


def test_the_picture_is_written_and_not_overwritten(diagnosed, tmp_path, capsys):
    out = tmp_path / "doctor.png"
    command = ["doctor", "--support", "a.jpg", "a.png", "--out", str(out)]
    assert main(command) == 0
    assert np.asarray(Image.open(out)).ndim == 3
    assert main(command) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 0


@pytest.fixture
def discs(tmp_path):
    """Six red discs on a floor, three of them painted."""
    random = np.random.default_rng(0)
    picture, painted = random.integers(90, 140, (160, 240, 3)).astype(np.uint8), np.zeros((160, 240), bool)
    rows, columns = np.indices(painted.shape)
    for i in range(6):
        disc = (rows - 40 - 80 * (i % 2)) ** 2 + (columns - 40 - 80 * (i // 2)) ** 2 < 20**2
        picture[disc] = np.clip(np.array([210, 30, 30]) + random.normal(0, 8, (disc.sum(), 3)), 0, 255)
        painted |= disc & (i < 3)
    Image.fromarray(picture).save(tmp_path / "discs.png")
    Image.fromarray(painted).save(tmp_path / "discs_mask.png")
    return ["--support", str(tmp_path / "discs.png"), str(tmp_path / "discs_mask.png")]


def test_what_is_unpainted_is_said_and_proposed(discs, tmp_path, capsys):
    command = ["doctor", *discs, "--complete", str(tmp_path / "all")]
    assert main(command) == 0
    said = capsys.readouterr()
    assert "3 more look like it, unpainted" in said.out
    assert "discs_mask.png is its mask" in said.err
    proposed = np.asarray(Image.open(tmp_path / "all" / "discs_mask.png"))
    assert set(np.unique(proposed)) == {0, 255}
    assert [bool(proposed[y, x]) for y, x in ((40, 40), (120, 40), (120, 200), (80, 80))] == [True] * 3 + [
        False
    ]
    assert (tmp_path / "all" / "discs_mask_overlay.jpg").is_file()
    assert main(command) == 1  # nothing is replaced unasked


def test_background_of_a_picture_that_is_no_example(discs, capsys):
    assert main(["doctor", *discs, "--background", "other.png", "mask.png"]) == 2
    assert "no example" in capsys.readouterr().err
