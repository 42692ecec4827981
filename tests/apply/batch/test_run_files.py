"""The files of a whole run: the same as made at once, but piece by piece."""

from __future__ import annotations

import contextlib
import io
import json

import numpy as np
import pytest
from pycocotools.coco import COCO

from asgnet.apply.batch.run_files import RUN_FILES, coco_parts, common_folder, write_run_file
from asgnet.data.annotations import coco_annotation, coco_file
from asgnet.data.folder import folder_at

REGION = np.ones((2, 3), bool)


def entries(count: int) -> list[dict]:
    return [
        {
            "image": {"file_name": f"{i}.jpg", "height": 2, "width": 3},
            "annotations": [coco_annotation(REGION, 1, 0.5)] * (i % 3),
        }
        for i in range(count)
    ]


@pytest.mark.parametrize("count", [0, 1, 5])
def test_coco_in_parts_is_coco_at_once(count):
    images, annotations = (
        [e["image"] for e in entries(count)],
        [e["annotations"] for e in entries(count)],
    )
    parts = b"".join(coco_parts(iter(images), iter(annotations), ("a/b", "猫")))
    assert json.loads(parts) == coco_file(images, annotations, ("a/b", "猫"))


@pytest.mark.parametrize("form", ["coco", "coco-polygons"])
def test_pycocotools_loads_the_file_of_a_run(form, tmp_path):
    events = [{"stem": str(i), "entries": {form: entry}} for i, entry in enumerate(entries(4))]
    write_run_file(folder_at(tmp_path), form, lambda: events, ("mug",))
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(tmp_path / RUN_FILES[form])
    assert len(coco.getImgIds()) == 4
    assert len(coco.getAnnIds()) == 0 + 1 + 2 + 0
    np.testing.assert_array_equal(coco.annToMask(coco.loadAnns([1])[0]), REGION)


def test_voc_lists_the_stems(tmp_path):
    write_run_file(folder_at(tmp_path), "voc", lambda: [{"stem": "a/x"}, {"stem": "ü"}], ("mug",))
    assert (tmp_path / "ImageSets/Segmentation/default.txt").read_text() == "a/x\nü\n"


def test_label_studio_s_addresses_begin_at_the_common_folder(tmp_path):
    pictures = [str(tmp_path / "in" / "a b.jpg"), str(tmp_path / "in" / "sub" / "ü.jpg"), "s3://bucket/c.jpg"]
    events = [{"entries": {"labelstudio": {"data": {"image": p}, "predictions": []}}} for p in pictures]
    write_run_file(folder_at(tmp_path), "labelstudio", lambda: events, ("mug",))
    tasks = json.loads((tmp_path / RUN_FILES["labelstudio"]).read_text())
    assert [task["data"]["image"] for task in tasks] == [
        "/data/local-files/?d=a%20b.jpg", "/data/local-files/?d=sub/%C3%BC.jpg", "s3://bucket/c.jpg",
    ]  # fmt: skip


def test_the_common_folder():
    assert common_folder(["/a/b/c.jpg", "/a/d.jpg"]) == "/a"
    assert common_folder(["s3://x/y.jpg"]) == common_folder([]) == ""
