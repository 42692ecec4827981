"""A manifest that was damaged, or is something else: the run goes on, and says what it skipped."""

from __future__ import annotations

import json
import os
import re

import numpy as np
import pytest

from asgnet.apply.batch.run import segment_all
from asgnet.apply.segmenter import Segmenter
from asgnet.data.png import save_png
from asgnet.data.results import MANIFEST
from asgnet.errors import AsgnetWarning, OutputError


@pytest.fixture(scope="module")
def fitted():
    rows, columns = np.indices((48, 64))
    pixels = np.full((48, 64, 3), 90, np.uint8)
    mask = (rows - 24) ** 2 + (columns - 30) ** 2 < 120
    pixels[mask] = (220, 30, 30)
    segmenter = Segmenter.from_pretrained(engine="torch")
    return segmenter.fit(pixels, mask, adapt=False), pixels


@pytest.fixture
def run(fitted, tmp_path):
    """Run over two pictures into ``out``; the summary."""
    segmenter, pixels = fitted
    for name in ("a", "b"):
        save_png(tmp_path / "in" / f"{name}.png", pixels)

    def again():
        return segment_all(
            segmenter,
            sorted((tmp_path / "in").iterdir()),
            tmp_path / "out",
            formats=("png", "coco"),
            report=True,
        )

    return again


def edit(line: dict, place: str, value) -> dict:
    """The line with one value replaced; ``del`` removes it."""
    *path, last = place.split(".")
    inner = line
    for part in path:
        inner = inner[part]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return line


DAMAGE = {
    "bytes of no alphabet": lambda line: b'{"event": "\xff\xfe"}',
    "nested for ever": lambda line: b'{"event": "done", "outputs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a number of many digits": lambda line: b'{"event": ' + b"9" * 5000 + b"}",
    "another program's": lambda line: b'{"audio_filepath": "x.wav"}',
    "cut": lambda line: json.dumps(line).encode()[:-40],
    "outputs are one text": lambda line: json.dumps(edit(line, "outputs", "a.png")).encode(),
    "a name with a zero byte": lambda line: json.dumps(edit(line, "outputs", ["a\0.png"])).encode(),
    "no stem": lambda line: json.dumps(edit(line, "stem", ...)).encode(),
    "files are a list": lambda line: json.dumps(edit(line, "files", ["a.png"])).encode(),
    "no summary": lambda line: json.dumps(edit(line, "summary", None)).encode(),
    "presence is a word": lambda line: json.dumps(edit(line, "summary.presence", "yes")).encode(),
    "presence is no number": lambda line: json.dumps(edit(line, "summary.presence", float("nan"))).encode(),
    "entries are damaged": lambda line: json.dumps(edit(line, "entries.coco.annotations", 7)).encode(),
    "an event of the future": lambda line: json.dumps(edit(line, "event", "undone")).encode(),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_line_is_skipped_and_its_picture_done_again(run, tmp_path, kind):
    assert run().done == 2
    manifest = tmp_path / "out" / MANIFEST
    lines = manifest.read_bytes().splitlines()
    at = next(i for i, line in enumerate(lines) if b'"done"' in line and b"a.png" in line)
    lines[at] = DAMAGE[kind](json.loads(lines[at]))
    manifest.write_bytes(b"\n".join([*lines, b""]))
    with pytest.warns(AsgnetWarning, match=re.escape(MANIFEST) + ".*1 lines are damaged"):
        summary = run()
    assert (summary.done, summary.skipped, summary.failed) == (1, 1, [])
    listed = json.loads((tmp_path / "out" / "annotations.json").read_text())
    assert [one["file_name"] for one in listed["images"]]
    assert len(listed["images"]) == 2


def test_a_link_called_manifest_is_not_followed(run, tmp_path):
    precious = tmp_path / "precious.txt"
    precious.write_text("precious")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / MANIFEST).symlink_to(precious)
    with pytest.raises(OutputError, match="is no plain file"):
        run()
    assert precious.read_text() == "precious"


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_a_folder_or_a_pipe_called_manifest_is_refused(run, tmp_path, make):
    (tmp_path / "out").mkdir()
    make(tmp_path / "out" / MANIFEST)
    with pytest.raises(OutputError, match="is no plain file"):
        run()
