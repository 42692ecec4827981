"""The engine ray: the same masks as here, from two workers; skipped where Ray is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asgnet.apply.batch.ray_cluster import Worker
from asgnet.apply.batch.run import segment_all
from asgnet.apply.segmenter import Segmenter
from asgnet.data.results import MANIFEST
from asgnet.errors import UsageError


@pytest.fixture(scope="module")
def cluster():
    """Two cores, little memory."""
    ray = pytest.importorskip("ray", reason="needs Ray Data (the extra asgnet[ray])")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_BACKEND_LOG_LEVEL", "fatal")
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[3] / "src"))
        ray.init(
            address="local", num_cpus=2, object_store_memory=200 * 2**20, include_dashboard=False,
            log_to_driver=False,
        )  # fmt: skip
        yield ray
        ray.shutdown()


@pytest.fixture
def photos(tmp_path, paint) -> list[Path]:
    (tmp_path / "photos").mkdir()
    paths = []
    for i in range(5):
        paths.append(tmp_path / "photos" / f"{i}.png")
        Image.fromarray(paint(60 + 10 * i, 90, seed=i)[0]).save(paths[-1])
    paths[2].write_text("no picture")
    return paths


def tree(folder: Path) -> dict[str, bytes]:
    found = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != MANIFEST)
    return {str(p.relative_to(folder)): p.read_bytes() for p in found}


def test_two_workers_write_what_one_does_here(cluster, net, photos, paint, tmp_path):
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in a worker, so that sums are added up in the same order
    try:
        segmenter = Segmenter(net).fit(*paint(), adapt=False)
        options = {"formats": ("png", "probability", "coco"), "overlay": True}
        here, there = [], []
        local = segment_all(segmenter, photos, tmp_path / "here", on_result=here.append, **options)
        remote = segment_all(
            segmenter, photos, tmp_path / "there", on_result=there.append, engine="ray", workers=2, **options
        )
    finally:
        torch.set_num_threads(threads)
    assert (local.done, local.failed) == (remote.done, remote.failed)
    assert tree(tmp_path / "here") == tree(tmp_path / "there")
    assert [r.picture for r in there] == [r.picture for r in here] == photos
    assert [r.status for r in there] == ["done", "done", "failed", "done", "done"]
    events = [json.loads(line) for line in (tmp_path / "there" / MANIFEST).read_text().splitlines()]
    assert {e["picture"] for e in events if e["event"] == "done"} == {
        str(p) for p in photos if p != photos[2]
    }
    again = segment_all(segmenter, photos, tmp_path / "there", engine="ray", **options)
    assert (again.done, again.skipped, len(again.failed)) == (0, 4, 1)
    assert segment_all(segmenter, photos, tmp_path / "there", **options).skipped == 4


def test_a_group_is_done_by_a_worker_in_its_own_words(monkeypatch, tmp_path):
    from asgnet.apply.batch.pipeline import Pipeline
    from asgnet.apply.batch.plan import RunOptions
    from asgnet.data.folder import folder_at
    from asgnet.types import Prediction

    class Bright:
        concept = None

        def predict(self, image):
            mask = image[..., 0] > 100
            return Prediction(mask, mask.astype(np.float32), 1.0, mask.astype(np.int32))

    Image.fromarray(np.full((4, 5, 3), 200, np.uint8)).save(tmp_path / "a.png")
    worker = Worker.__new__(Worker)
    worker.pipeline = Pipeline(Bright(), folder_at(tmp_path / "out"), RunOptions(), "key", {})
    group = [
        [{"picture": str(tmp_path / name), "name": name, "stem": name, "outputs": {}, "missing": {}}, None]
        for name in ("a.png", "missing.png")
    ]
    (said,) = worker({"group": np.array([json.dumps(group)])})["said"]
    done, failed = json.loads(said)
    assert done["summary"]["area_fraction"] == 1
    assert "does not exist" in failed["error"]
    (tmp_path / "file").write_text("")
    worker.pipeline = Pipeline(Bright(), folder_at(tmp_path / "file"), RunOptions(), "key", {})
    (said,) = worker({"group": np.array([json.dumps(group)])})["said"]
    assert "cannot be written" in json.loads(said)[0]["hopeless"]


def test_without_ray_the_remedy_is_said(monkeypatch, photos, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)

    class Fitted:
        concept = None

    from asgnet.apply.concept.file import Concept

    fitted = Fitted()
    fitted.concept = Concept(("object",), {}, "a stand-in")
    with pytest.raises(UsageError, match=r"pip install 'asgnet\[ray\]'"):
        segment_all(fitted, photos, tmp_path / "out", engine="ray")


def test_an_unknown_engine_is_a_usage_error(photos, tmp_path):
    from asgnet.apply.concept.file import Concept

    class Fitted:
        concept = Concept(("object",), {}, "a stand-in")

    with pytest.raises(UsageError, match="no engine 'spark'"):
        segment_all(Fitted(), photos, tmp_path / "out", engine="spark")
