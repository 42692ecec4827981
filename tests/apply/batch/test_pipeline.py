"""Groups of tasks with a part of the manifest for each: killed anywhere, nothing is lost or done twice."""

from __future__ import annotations

import errno
import uuid

import numpy as np
import pytest
from PIL import Image

from asgnet.apply.batch.manifest import opened
from asgnet.apply.batch.pipeline import Pipeline
from asgnet.apply.batch.plan import RunOptions, planned
from asgnet.apply.batch.reading import version_of
from asgnet.apply.batch.run import segment_all
from asgnet.apply.concept.file import Concept
from asgnet.data.folder import folder_at
from asgnet.data.results import PARTS
from asgnet.errors import OutputError
from asgnet.types import Prediction


class Segmenter:
    """Whatever is bright; stops like a killed process after so many pictures."""

    supports = ()
    concept = Concept(("object",), {}, "a stand-in")

    def __init__(self, last: int = 99):
        self.seen, self.last = 0, last

    def predict(self, image):
        if self.seen == self.last:
            raise KeyboardInterrupt
        self.seen += 1
        mask = image[..., 0] > 100
        return Prediction(mask, mask.astype(np.float32), float(mask.any()), np.zeros(mask.shape, np.int32))


@pytest.fixture
def photos(tmp_path):
    (tmp_path / "in").mkdir()
    paths = [tmp_path / "in" / f"{i}.png" for i in range(6)]
    for i, path in enumerate(paths):
        Image.fromarray(np.full((4, 5, 3), 40 * i, np.uint8)).save(path)
    return paths


@pytest.fixture(params=["local", "memory"])
def folder(request, tmp_path):
    place = tmp_path / "out" if request.param == "local" else f"memory://{uuid.uuid4().hex}"
    return folder_at(place)


def part(folder, tasks, segmenter) -> list:
    pipeline = Pipeline(segmenter, folder, RunOptions(), "key", {})
    return list(pipeline.run_part(tasks, lambda task: None))


def test_a_part_is_taken_in_and_goes(photos, folder):
    tasks = planned(photos, RunOptions(), folder)
    assert len(part(folder, tasks[:3], Segmenter())) == 3
    assert len(part(folder, tasks[3:], Segmenter())) == 3
    assert len(folder.list(PARTS)) == 2
    with opened(folder) as manifest:
        assert all(manifest.event(task.name, "key")["sha256"] for task in tasks)
    assert folder.list(PARTS) == []
    with opened(folder) as manifest:
        assert all(manifest.event(task.name, "key") for task in tasks)


def test_a_worker_killed_in_the_middle_loses_at_most_its_last_pictures(photos, folder):
    tasks = planned(photos, RunOptions(), folder)
    with pytest.raises(KeyboardInterrupt):
        part(folder, tasks, Segmenter(last=4))
    with opened(folder) as manifest:
        done = [manifest.event(task.name, "key") is not None for task in tasks]
        assert done == sorted(done, reverse=True)
        assert 1 <= sum(done) <= 4
        assert all(manifest.owns(f"{task.stem}.png", task.name, "key") for task in tasks)


def test_a_run_after_a_killed_worker_finishes_the_rest(photos, folder):
    with pytest.raises(KeyboardInterrupt):
        segment_all(Segmenter(last=3), photos, folder)
    segmenter = Segmenter()
    summary = segment_all(segmenter, photos, folder)
    assert summary.done + summary.skipped == 6
    assert segmenter.seen == summary.done < 6


def test_a_full_disk_ends_the_group(photos, folder, monkeypatch):
    pipeline = Pipeline(Segmenter(), folder, RunOptions(), "key", {})

    def full(*_):
        raise OutputError("The disk is full.") from OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(pipeline, "write", full)
    with pytest.raises(OutputError, match="full"):
        list(pipeline.run_part(planned(photos, RunOptions(), folder), lambda task: None))


def test_the_version_changes_with_the_file(photos):
    before = version_of(str(photos[0]))
    assert version_of(str(photos[0])) == before != version_of(str(photos[1]))
    photos[0].write_bytes(b"other")
    assert version_of(str(photos[0])) != before
    assert version_of("/nowhere") == version_of("memory://nowhere/a") == ""
