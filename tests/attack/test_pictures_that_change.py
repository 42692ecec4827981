"""Pictures that change or go while a batch runs, and very many of them: no half result, nothing said twice or not."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

import numpy as np
import pytest
from benchmarks.reliability.soak import scene
from tests.attack.stub import Stub

from asgnet.apply.batch.run import Result, segment_all
from asgnet.apply.concept.file import Concept
from asgnet.data.png import png_bytes
from asgnet.data.read import read_picture
from asgnet.data.results import MANIFEST

MANY = int(os.environ.get("ASGNET_PICTURES", "20000"))


@pytest.fixture
def stub() -> Stub:
    segmenter = Stub()
    segmenter.fit_kept([], Concept(("it",), {}, ""), {})
    return segmenter


def folder_of(place: Path, number: int) -> list[Path]:
    place.mkdir()
    for i in range(number):
        (place / f"{i}.png").write_bytes(png_bytes(scene(i)[0]))
    return [place / f"{i}.png" for i in range(number)]


def change(kind: str, path: Path, other: bytes) -> None:
    if kind == "deleted":
        path.unlink()
    elif kind == "cut":
        path.write_bytes(path.read_bytes()[:200])
    elif kind == "replaced":
        path.write_bytes(other)
    elif kind == "a folder":
        path.unlink()
        path.mkdir()
    elif kind == "a pipe":
        path.unlink()
        os.mkfifo(path)
    elif kind == "a dead link":
        path.unlink()
        path.symlink_to("nowhere")


KINDS = ["deleted", "cut", "replaced", "a folder", "a pipe", "a dead link"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_that_changes_during_a_run_is_whole_or_said(tmp_path, stub, kind):
    pictures, out = folder_of(tmp_path / "in", 12), tmp_path / "out"
    other = png_bytes(scene(77)[0])
    told: list[Result] = []

    def at_the_first(result: Result) -> None:
        if not told:
            for path in pictures[1:]:
                change(kind, path, other)
        told.append(result)

    summary = segment_all(stub, pictures, out, on_result=at_the_first)
    assert len(told) == 12
    assert summary.done + len(summary.failed) == 12
    assert all(path.name in reason for path, reason in ((Path(p), r) for p, r in summary.failed))
    assert {r.status for r in told} <= {"done", "failed"}
    masks = {path.stem for path in out.glob("*.png")}
    assert masks == {Path(r.picture).stem for r in told if r.status == "done"}
    assert not list(out.glob(".asgnet-*"))
    if kind == "replaced":
        assert not summary.failed
        now = (read_picture(pictures[-1])[..., 0].astype(int) - read_picture(pictures[-1])[..., 1]) > 100
        assert np.array_equal(read_picture(out / "11.png")[..., 0] > 0, now)
    again = segment_all(stub, pictures[:1], out)  # the first one is as it was
    assert (again.done, again.skipped, again.failed) == (0, 1, [])


def test_a_picture_that_is_swapped_between_its_checksum_and_its_pixels_is_noticed_next_time(
    tmp_path, stub, monkeypatch
):
    from asgnet.apply.batch import reading

    (picture,) = folder_of(tmp_path / "in", 1)
    digest = reading._file_digest

    def swapped(path: str) -> str:
        found = digest(path)
        picture.write_bytes(png_bytes(scene(5)[0]))
        return found

    with monkeypatch.context() as changed:
        changed.setattr(reading, "_file_digest", swapped)
        assert segment_all(stub, [picture], tmp_path / "out").done == 1
    again = segment_all(stub, [picture], tmp_path / "out")
    assert "has changed since it was segmented" in again.failed[0][1]


@pytest.mark.attack
def test_twenty_thousand_pictures_take_a_time_that_is_linear_and_memory_that_is_flat(tmp_path, stub):
    few = folder_of(tmp_path / "few", 20)
    many = tmp_path / "many"
    many.mkdir()
    for i in range(MANY):
        os.link(few[i % 20], many / f"{i:06}.png")
    moments: list[tuple[float, float]] = []

    def note(_: Result) -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        moments.append((time.process_time(), pages * resource.getpagesize() / 1e6))

    began = time.process_time()
    summary = segment_all(
        stub, sorted(many.iterdir()), tmp_path / "out", formats=("png", "coco"), on_result=note
    )
    ended = time.process_time()
    assert (summary.done, summary.failed) == (MANY, [])
    first = moments[MANY // 2][0] - moments[MANY // 10][0]
    second = moments[-1][0] - moments[MANY // 2][0]
    grown = moments[-1][1] - moments[MANY // 10][1]
    print(f"{MANY} pictures: {ended - began:.0f} s of processor time; before the first {moments[0][0] - began:.1f} s, "
          f"after the last {ended - moments[-1][0]:.1f} s; a picture {1000 * first / (0.4 * MANY):.2f} ms in the first "
          f"half, {1000 * second / (0.5 * MANY):.2f} ms in the second; memory grew by {grown:.1f} MB")  # fmt: skip
    assert second / 0.5 <= 1.3 * first / 0.4
    assert grown <= 40
    began = time.process_time()
    assert (
        segment_all(stub, sorted(many.iterdir()), tmp_path / "out", formats=("png", "coco")).skipped == MANY
    )
    print(f"again: {time.process_time() - began:.0f} s of processor time")
    assert (tmp_path / "out" / MANIFEST).stat().st_size / MANY < 3000
