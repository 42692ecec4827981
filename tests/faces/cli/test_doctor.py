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

    def diagnose(segmenter, images, masks):
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
