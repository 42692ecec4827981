"""``asgnet export`` as a person meets it, with the graph itself left out: its own tests hold that."""

import json

import pytest

from asgnet.apply import export as module
from asgnet.faces.cli.app import main


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What the command asks for; a file appears all the same."""
    monkeypatch.chdir(tmp_path)
    calls = []

    def pretended(weights, to, path, samples, int8=False):
        calls.append((weights, to, str(path), int8))
        path.write_bytes(b"graph")
        measured = {"iou": 0.75, "iou_fp32": 0.8} if int8 else {"difference": 2e-6}
        return {"to": to, "file": str(path), "int8": int8, **measured}

    monkeypatch.setattr(module, "export", pretended)
    return calls


@pytest.mark.parametrize(("to", "file"), [("onnx", "net.onnx"), ("openvino", "net.xml"), ("torch", "net.pt")])
def test_the_file_is_named_on_stdout_and_its_difference_on_stderr(asked, capsys, to, file):
    assert main(["export", "--to", to, "--out", "net"]) == 0
    out, err = capsys.readouterr()
    assert out.split() == [file]
    assert "2.0e-06" in err
    assert asked == [(None, to, file, False)]


def test_json_and_eight_bits(asked, capsys):
    assert main(["export", "--to", "onnx", "--out", "net.onnx", "--int8", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["iou"] == 0.75
    assert "0.750 in 8 bits, 0.800 in fp32" in err


def test_nothing_is_overwritten_unasked(asked, capsys, tmp_path):
    (tmp_path / "net.bin").write_bytes(b"mine")
    assert main(["export", "--to", "openvino", "--out", "net.xml"]) == 1
    assert "net.bin" in capsys.readouterr().err
    assert not asked
    assert main(["export", "--to", "openvino", "--out", "net.xml", "--overwrite"]) == 0


def test_an_unknown_target_is_a_usage_error(asked, capsys):
    assert main(["export", "--to", "caffe", "--out", "net"]) == 2
