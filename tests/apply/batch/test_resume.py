"""What earlier runs left is neither done again nor replaced, whatever is asked for next."""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asgnet.apply.batch.manifest import Manifest
from asgnet.apply.batch.run import segment_all
from asgnet.apply.batch.run_files import RUN_FILES
from asgnet.apply.concept.file import Concept
from asgnet.data.folder import folder_at
from asgnet.data.results import MANIFEST
from asgnet.errors import OutputError
from asgnet.types import Prediction


class Segmenter:
    """Whatever is bright; counts its predictions."""

    supports = ()
    concept = Concept(("object",), {}, "a stand-in")

    def __init__(self):
        self.seen = 0

    def predict(self, image):
        self.seen += 1
        mask = image[..., 0] > 100
        return Prediction(mask, mask.astype(np.float32), float(mask.any()), np.zeros(mask.shape, np.int32))

    def superpixels(self):
        return []


def picture(path: Path, value: int = 200) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.zeros((12, 16, 3), np.uint8)
    image[3:9, 4:12] = value
    Image.fromarray(image).save(path)
    return path


@pytest.fixture
def photos(tmp_path) -> list[Path]:
    return [picture(tmp_path / "photos" / f"{i}.png", 150 + i) for i in range(5)]


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "out"


MORE = [
    {"overlay": True},
    {"explain": True},
    {"report": True},
    {"formats": ("png", "coco", "labelme", "voc")},
    {"formats": ("labelme", "labelstudio")},
]


@pytest.mark.parametrize("more", MORE, ids=str)
@pytest.mark.parametrize("place", ["local", "store"])
def test_what_is_asked_for_later_comes_beside_what_was_corrected(photos, out, more, place):
    folder = folder_at(out if place == "local" else f"memory://{uuid.uuid4().hex}")
    segment_all(Segmenter(), photos, folder)
    folder.save("3.png", b"corrected")
    results, segmenter = [], Segmenter()
    assert segment_all(segmenter, photos, folder, on_result=results.append, **more).done == 5
    assert folder.read("3.png") == b"corrected"
    assert results[3].record["mask"] == folder.place("3.png")
    assert all(
        folder.exists(os.path.relpath(p, folder.place(""))) for p in results[3].record["files"].values()
    )
    assert segment_all(segmenter, photos, folder, **more).skipped == 5
    assert segment_all(segmenter, photos, folder).skipped == 5
    assert segmenter.seen == 5
    assert folder.read("3.png") == b"corrected"
    assert segment_all(Segmenter(), photos, folder, overwrite=True, **more).done == 5
    assert (folder.read("3.png") != b"corrected") == ("png" in more.get("formats", ("png",)))


def test_a_deleted_result_is_made_again_beside_a_corrected_one(photos, out):
    segment_all(Segmenter(), photos, out, formats=("png", "voc"))
    (out / "3.png").write_bytes(b"corrected")
    (out / "SegmentationObject" / "3.png").unlink()
    assert segment_all(Segmenter(), photos, out, formats=("png", "voc")).done == 1
    assert (out / "3.png").read_bytes() == b"corrected"
    assert (out / "SegmentationObject" / "3.png").exists()


def test_runs_of_other_wishes_in_between_change_nothing(photos, out):
    segment_all(Segmenter(), photos, out)
    (out / "3.png").write_bytes(b"corrected")
    segment_all(Segmenter(), photos, out, formats=("labelme",), min_area=2)
    segmenter = Segmenter()
    assert segment_all(segmenter, photos, out).skipped == 5
    assert segmenter.seen == 0
    assert (out / "3.png").read_bytes() == b"corrected"


def test_more_kinds_stopped_in_the_middle_leave_what_was_corrected(photos, out):
    class Stopping(Segmenter):
        def predict(self, image):
            if self.seen == 3:
                raise KeyboardInterrupt
            return super().predict(image)

    segment_all(Segmenter(), photos, out)
    key = json.loads((out / MANIFEST).read_text().splitlines()[0])["key"]
    corrected = {f"{i}.png": b"corrected" for i in range(5)}
    for name, data in corrected.items():
        (out / name).write_bytes(data)
    with Manifest(out) as manifest:  # as if killed after it had written, and before it had said so
        manifest.begin(str(photos[0]), key, ["0.json"], adds=True)
    (out / "0.json").write_bytes(b"half")
    with pytest.raises(KeyboardInterrupt):
        segment_all(Stopping(), photos, out, formats=("png", "labelme"))
    assert segment_all(Segmenter(), photos, out, formats=("png", "labelme")).failed == []
    assert {name: (out / name).read_bytes() for name in corrected} == corrected
    assert all(json.loads((out / f"{i}.json").read_text())["shapes"] for i in range(5))


def test_of_a_picture_that_changed_no_more_kinds_are_made(photos, out):
    segment_all(Segmenter(), photos, out)
    picture(photos[2], 255)
    summary = segment_all(Segmenter(), photos, out, formats=("coco", "labelme"))
    assert summary.done == 4
    assert "changed" in summary.failed[0][1]
    assert not (out / "2.json").exists()
    assert len(json.loads((out / RUN_FILES["coco"]).read_text())["images"]) == 4


def test_of_a_changed_picture_the_old_kinds_are_not_replaced_later(photos, out):
    segment_all(Segmenter(), photos, out, formats=("png", "labelme"))
    (out / "2.json").write_bytes(b"corrected")
    segment_all(Segmenter(), photos, out, overwrite=True)
    with pytest.raises(OutputError, match="--overwrite"):
        segment_all(Segmenter(), photos, out, formats=("png", "labelme"))
    assert (out / "2.json").read_bytes() == b"corrected"


def test_more_kinds_keep_the_name_that_a_picture_had(photos, out, tmp_path):
    segment_all(Segmenter(), photos, out)
    other = picture(tmp_path / "elsewhere" / "0.png")
    segment_all(Segmenter(), [*photos, other], out, formats=("png", "voc"))
    listed = (out / RUN_FILES["voc"]).read_text().split()
    assert listed == ["0", "1", "2", "3", "4", "elsewhere/0"]
    assert all((out / "SegmentationClass" / f"{stem}.png").exists() for stem in listed)


class Two(Segmenter):
    """Two classes, the second never found."""

    concept = Concept(("one", "two"), {}, "a stand-in")

    def predict(self, image):
        one = super().predict(image)
        two = Prediction(np.zeros_like(one.mask), 0 * one.probability, 0.0, one.guide)
        classes = {"one": one, "two": two}
        return replace(one, mask=one.mask.astype(np.int32), classes=("one", "two"), by_class=classes)


@pytest.mark.parametrize(
    ("name", "formats", "segmenter"),
    [
        ("annotations.png", ("labelme", "coco"), Segmenter),
        ("Annotations.png", ("labelme", "coco"), Segmenter),
        ("annotations_polygons.png", ("labelme", "coco-polygons"), Segmenter),
        ("label_studio.png", ("labelme", "labelstudio"), Segmenter),
        ("labelmap.png", ("yolo", "voc"), Segmenter),
        ("ImageSets/Segmentation/default.png", ("yolo", "voc"), Segmenter),
        ("classes.png", ("png", "yolo"), Two),
    ],
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_picture_whose_file_would_be_one_of_the_run_is_left_out(
    tmp_path, out, name, formats, segmenter, overwrite
):
    paths = [picture(tmp_path / "photos" / one) for one in ("0.png", name, "x.png")]
    for _ in range(2):
        results = []
        summary = segment_all(
            segmenter(), paths, out, formats=formats, on_result=results.append, overwrite=overwrite
        )
        assert [str(path) for path, _ in summary.failed] == [str(paths[1])]
        assert [one.picture for one in results] == paths
        assert "the run's own" in summary.failed[0][1]
        assert "rename the picture" in summary.failed[0][1]
    alone = out.with_name("alone")
    segment_all(segmenter(), [paths[0], paths[2]], alone, formats=formats)
    assert contents(out) == contents(alone)


def test_without_the_file_of_the_run_the_name_is_as_good_as_any(tmp_path, out):
    path = picture(tmp_path / "annotations.png")
    assert segment_all(Segmenter(), [path], out, formats=("labelme",)).done == 1
    with pytest.raises(OutputError, match="--overwrite"):
        segment_all(Segmenter(), [path], out, formats=("coco",))
    assert json.loads((out / "annotations.json").read_text())["shapes"]


def test_of_two_pictures_with_one_file_the_second_is_left_out(tmp_path, out):
    paths = [picture(tmp_path / name) for name in ("SegmentationClass/x.png", "x.png")]
    for _ in range(2):
        summary = segment_all(Segmenter(), paths, out, formats=("png", "voc"))
        assert [path for path, _ in summary.failed] == [paths[1]]
        assert f"that of {str(paths[0])!r}" in summary.failed[0][1]
    assert (out / RUN_FILES["voc"]).read_text().split() == ["SegmentationClass/x"]


def test_who_was_there_first_keeps_its_files(tmp_path, out):
    paths = [picture(tmp_path / name) for name in ("SegmentationClass/x.png", "x.png")]
    segment_all(Segmenter(), paths[1:], out, formats=("png", "voc"))
    before = contents(out)
    summary = segment_all(Segmenter(), paths, out, formats=("png", "voc"))
    assert [path for path, _ in summary.failed] == [paths[0]]
    assert contents(out) == before


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
