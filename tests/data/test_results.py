"""Which files runs wrote, by their manifests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from asgnet.data.results import MANIFEST, PARTS, event_of, outputs, results_among


def line(*outputs: str, event: str = "begin") -> bytes:
    return json.dumps({"event": event, "picture": "/x.jpg", "key": "k", "outputs": outputs}).encode() + b"\n"


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for folder in ("a/masks/manifest.parts", "a/b"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def test_outputs_of_a_manifest_s_lines():
    lines = [
        line("a.png", "b/a.jpg"),
        line("z.png", event="done"),
        b'{"event": "begin", "outp',
        b"\n",
        line("c.png"),
    ]
    assert list(outputs(lines)) == ["a.png", "b/a.jpg", "c.png"]


@pytest.mark.parametrize("text", ["", "[]", "7", '{"event": "begin"}', '{"outputs": 3, "event": 1}', "{"])
def test_other_programs_lines_are_no_events(text):
    assert event_of(text.encode()) is None


def test_files_belong_to_the_runs_in_their_folders_and_above(here):
    Path("a/masks", MANIFEST).write_bytes(line("x.png") + line("b/x.png"))
    Path(MANIFEST).write_bytes(line("a/b/y.png"))
    files = ["a/x.png", "a/masks/x.png", "a/masks/b/x.png", "a/b/y.png", "a/b/z.png", "x.png"]
    runs = {"a/masks/x.png": "a/masks", "a/masks/b/x.png": "a/masks", "a/b/y.png": "."}
    assert results_among(files) == runs
    absolute = [str(here / "a//masks/x.png"), str(here / "a/x.png")]
    assert list(results_among(absolute)) == absolute[:1]


def test_what_workers_wrote_down_counts(here):
    Path("a/masks", MANIFEST).write_bytes(b"")
    Path("a/masks", PARTS, "1.jsonl").write_bytes(line("x.png"))
    assert results_among(["a/masks/x.png", "a/masks/y.png"]) == {"a/masks/x.png": "a/masks"}


def test_a_manifest_of_another_program_or_none_at_all_says_nothing(here):
    assert results_among([]) == {}
    assert results_among(["a/b/x.png"]) == {}
    Path("a/b", MANIFEST).write_bytes(b'{"audio_filepath": "x.png"}\n\xff\xfe\n')
    assert results_among(["a/b/x.png"]) == {}


def test_a_manifest_that_may_not_be_read_says_nothing(here, nobody):
    Path("a/b", MANIFEST).write_bytes(line("x.png"))
    Path("a/b", MANIFEST).chmod(0)
    with nobody():
        assert results_among(["a/b/x.png"]) == {}
