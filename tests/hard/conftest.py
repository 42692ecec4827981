"""A small world of files, the command line inside this process, and what every refusal must look like."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

H, W = 48, 64


class Ended(NamedTuple):
    """How a command ended: its exit code, both streams, and the files it left."""

    code: int
    out: str
    err: str
    left: list[str]


def _scene(seed=0, h=H, w=W):
    random = np.random.default_rng(seed)
    picture = random.integers(60, 120, (h, w, 3)).astype(np.uint8)
    mask = np.zeros((h, w), np.uint8)
    mask[h // 4 : h // 2, w // 4 : w // 2] = 255
    picture[mask > 0] = (210, 40, 30)
    return picture, mask


@pytest.fixture(scope="session")
def scene():
    """``(seed, h, w) -> picture, mask`` with a red block on grey noise."""
    return _scene


@pytest.fixture
def quick(monkeypatch):
    """Commands use a quarter of the side."""
    from asgnet.apply import segmenter as module

    monkeypatch.setattr(module, "SIDE", 128)


@pytest.fixture(scope="module")
def segmenter():
    """A Segmenter on a quarter of the side, to be fitted."""
    from asgnet.apply import segmenter as module

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SIDE", 128)
        yield module.Segmenter.from_pretrained()


@pytest.fixture
def world(tmp_path, monkeypatch, quick) -> Path:
    """``a.png`` with ``a_mask.png``, two photos to segment; the current folder."""
    monkeypatch.chdir(tmp_path)
    picture, mask = _scene()
    Image.fromarray(picture).save("a.png")
    Image.fromarray(mask).save("a_mask.png")
    Path("photos").mkdir()
    for i in (1, 2):
        Image.fromarray(_scene(i)[0]).save(f"photos/{i}.png")
    return tmp_path


@pytest.fixture
def run(capsys):
    """``(*words) -> Ended``: the command line, here."""
    from asgnet.faces.cli.app import main

    def ran(*words: str) -> Ended:
        before = set(Path().rglob("*"))
        capsys.readouterr()
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return Ended(code, out, err, sorted(str(p) for p in set(Path().rglob("*")) - before))

    return ran


@pytest.fixture
def refused():
    """Check an Ended or a message: the code, one plain sentence with all the fragments, nothing left."""

    def check(ended: Ended, code: int, *fragments: str) -> None:
        assert ended.code == code, ended
        assert ended.out == ""
        check_text(ended.err, *fragments)
        assert ended.left == []

    def check_text(text: str, *fragments: str) -> None:
        assert "Traceback" not in text
        assert "unexpected" not in text
        assert not re.search(r"\.py\b.*line \d+", text)
        last = text.strip().splitlines()[-1]
        assert last.isprintable()
        assert len(last) < 500
        for fragment in fragments:
            assert fragment in text, text

    check.text = check_text
    return check
