"""Results on the disk: right to the pixel, whole or absent, and nothing of the user's lost."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pycocotools.coco import COCO
from tests.saying import says

from asgnet import files
from asgnet.apply.batch.run_files import write_run_file
from asgnet.apply.output.names import output_names, output_stems
from asgnet.apply.output.overlays import class_palette
from asgnet.apply.output.save import save_prediction, summary
from asgnet.data.annotations import yolo_lines
from asgnet.data.folder import folder_at
from asgnet.data.read import read_labels, read_mask
from asgnet.errors import OutputError, UsageError
from asgnet.types import Prediction

PICTURE = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
REGION = np.zeros((6, 8), bool)
REGION[1:4, 2:7] = True
REGION[2, 4] = False
ALL = frozenset({"png", "yolo", "probability", "coco"})


def found(region: np.ndarray, name: str = "object", presence: float = 0.9) -> Prediction:
    probability = np.where(region, 0.8, 0.1).astype(np.float32)
    return Prediction(region, probability, presence, np.zeros(region.shape, np.int32), (name,))


def found_several() -> Prediction:
    """Class ``mug`` on the left part, ``cat`` on the right, ``owl`` nowhere."""
    mask = REGION.astype(np.int32)
    mask[:, 5:] *= 2
    by_class = {
        "mug": found(mask == 1, "mug", 0.7),
        "cat": found(mask == 2, "cat", 0.6),
        "owl": found(mask == 3),
    }
    return Prediction(mask, found(REGION).probability, 0.9, mask, ("mug", "cat", "owl"), by_class)


def left_in(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


# --------------------------------------------------------------------------------------------------
# Each format


@pytest.mark.parametrize("name", ["object", "mug"])
@pytest.mark.parametrize("dtype", [bool, np.int32])
def test_one_class_is_a_mask_of_0_and_255(name, dtype, tmp_path):
    prediction = found(REGION.astype(dtype), name)
    done = save_prediction(prediction, PICTURE, tmp_path, "a")
    assert done == {"png": str(tmp_path / "a.png")}
    with Image.open(done["png"]) as image:
        assert image.mode == "L"
        np.testing.assert_array_equal(np.asarray(image), REGION * 255)
    np.testing.assert_array_equal(read_mask(done["png"], REGION.shape), REGION)
    assert left_in(tmp_path) == ["a.png"]


def test_several_classes_are_a_palette_of_indices_with_their_names(tmp_path):
    prediction = found_several()
    done = save_prediction(prediction, PICTURE, tmp_path, "a")
    np.testing.assert_array_equal(read_labels(done["png"]), prediction.mask)
    with Image.open(done["png"]) as image:
        np.testing.assert_array_equal(np.asarray(image.convert("RGB"))[1, 2], class_palette(3)[1])
    names = (tmp_path / "classes.txt").read_text().splitlines()
    assert names == ["background", "mug", "cat", "owl"]
    assert [names[i] for i in (0, 1, 2)] == ["background", "mug", "cat"]
    save_prediction(prediction, PICTURE, tmp_path, "b")
    assert left_in(tmp_path) == ["a.png", "b.png", "classes.txt"]


def test_the_probability_has_16_bits(tmp_path):
    done = save_prediction(found(REGION), PICTURE, tmp_path, "a", formats={"probability"})
    assert left_in(tmp_path) == ["a_probability.png"]
    with Image.open(done["probability"]) as image:
        np.testing.assert_array_equal(np.asarray(image), np.where(REGION, 52428, 6554))


def test_yolo_lines_by_hand(tmp_path):
    region = np.zeros((4, 5), bool)
    region[1, 2] = True
    done = save_prediction(
        found(region, 'a "mug": 1'), np.zeros((4, 5, 3), np.uint8), tmp_path, "a", formats={"yolo"}
    )
    fields = Path(done["yolo"]).read_text().split()
    points = {(float(x), float(y)) for x, y in zip(fields[1::2], fields[2::2], strict=True)}
    assert fields[0] == "0"
    assert points == {(0.5, 0.25), (0.6, 0.375), (0.5, 0.5), (0.4, 0.375)}
    assert (tmp_path / "data.yaml").read_text() == 'names:\n  0: "a \\"mug\\": 1"\n'


@pytest.mark.parametrize("simplify", [-1, float("nan")])
def test_outlines_cannot_stray_by_less_than_nothing(simplify, tmp_path):
    with pytest.raises(UsageError, match="not less than 0"):
        save_prediction(found(REGION), PICTURE, tmp_path, "a", formats=["yolo"], simplify=simplify)
    assert left_in(tmp_path) == []


def test_yolo_of_nothing_is_an_empty_file(tmp_path):
    done = save_prediction(found(REGION & False), PICTURE, tmp_path, "a", formats={"yolo"})
    assert Path(done["yolo"]).read_bytes() == b""


def test_yolo_of_several_classes_counts_them_from_zero(tmp_path):
    prediction = found_several()
    done = save_prediction(prediction, PICTURE, tmp_path, "a", formats={"yolo"})
    lines = Path(done["yolo"]).read_text()
    assert lines == yolo_lines(prediction.mask == 1, 0) + yolo_lines(prediction.mask == 2, 1)
    assert (tmp_path / "data.yaml").read_text() == 'names:\n  0: "mug"\n  1: "cat"\n  2: "owl"\n'


def test_coco_entry_by_hand(tmp_path):
    done = save_prediction(
        found(REGION), PICTURE, tmp_path / "new", "a", formats={"coco"}, source="photos/a.jpg"
    )
    assert done["coco"]["image"] == {"file_name": "photos/a.jpg", "height": 6, "width": 8}
    (annotation,) = done["coco"]["annotations"]
    counts = annotation["segmentation"].pop("counts")
    assert isinstance(counts, str)
    assert annotation == {
        "category_id": 1,
        "segmentation": {"size": [6, 8]},
        "area": 14,
        "bbox": [2, 1, 5, 3],
        "iscrowd": 0,
        "score": 0.8,
    }
    assert left_in(tmp_path) == []


def test_a_run_becomes_one_coco_file_that_pycocotools_reads(tmp_path):
    predictions = [found_several(), found_several(), found_several()]
    predictions[1].mask[:] = 0
    entries = [
        save_prediction(p, PICTURE, tmp_path, str(i), formats={"coco"})["coco"]
        for i, p in enumerate(predictions)
    ]
    events = [{"entries": {"coco": entry}} for entry in entries]
    write_run_file(folder_at(tmp_path), "coco", lambda: events, ("mug", "cat", "owl"))
    path = tmp_path / "annotations.json"
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(path)
    assert [i["file_name"] for i in coco.loadImgs(coco.getImgIds())] == ["0", "1", "2"]
    assert {c["id"]: c["name"] for c in coco.loadCats(coco.getCatIds())} == {1: "mug", 2: "cat", 3: "owl"}
    assert coco.getAnnIds() == [1, 2, 3, 4]
    assert coco.getAnnIds(imgIds=2) == []
    for i in (1, 3):
        for annotation in coco.loadAnns(coco.getAnnIds(imgIds=i)):
            expected = predictions[i - 1].mask == annotation["category_id"]
            np.testing.assert_array_equal(coco.annToMask(annotation), expected)


def test_the_overlay_has_the_pictures_size(tmp_path):
    done = save_prediction(found(REGION), PICTURE, tmp_path, "a", formats=(), overlay=True)
    assert done == {"overlay": str(tmp_path / "a_overlay.jpg")}
    with Image.open(done["overlay"]) as image:
        assert image.size == (8, 6)
        assert image.format == "JPEG"


def test_everything_at_once(tmp_path):
    done = save_prediction(found_several(), PICTURE, tmp_path, "sub/a", formats=ALL, overlay=True)
    assert left_in(tmp_path) == [
        "classes.txt", "data.yaml", "sub/a.png", "sub/a.txt", "sub/a_overlay.jpg", "sub/a_probability.png",
    ]  # fmt: skip
    names = output_names("sub/a", ALL, overlay=True)
    assert {k: str(tmp_path / v) for k, v in names.items()} == {k: v for k, v in done.items() if k != "coco"}
    json.dumps(done)


# --------------------------------------------------------------------------------------------------
# Nothing lost, nothing half-written


@pytest.mark.parametrize("blocked", ["a.png", "a.txt", "a_probability.png", "a_overlay.jpg"])
@pytest.mark.parametrize("kind", ["file", "dangling link"])
def test_what_exists_is_not_replaced(blocked, kind, tmp_path):
    path = tmp_path / blocked
    if kind == "file":
        path.write_bytes(b"mine")
    else:
        path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError) as error:
        save_prediction(found(REGION), PICTURE, tmp_path, "a", formats=ALL, overlay=True)
    says(error, f"{blocked}' exists already", "--overwrite", "another output folder")
    assert left_in(tmp_path) == ([blocked] if kind == "file" else [])
    assert kind != "file" or path.read_bytes() == b"mine"


def test_overwrite_replaces(tmp_path):
    save_prediction(found(REGION), PICTURE, tmp_path, "a", formats=ALL, overlay=True)
    before = {name: (tmp_path / name).read_bytes() for name in left_in(tmp_path) if name != "data.yaml"}
    save_prediction(found(~REGION), PICTURE, tmp_path, "a", formats=ALL, overlay=True, overwrite=True)
    assert all((tmp_path / name).read_bytes() != data for name, data in before.items())


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_picture_itself_is_never_replaced(overwrite, tmp_path):
    source = tmp_path / "a.png"
    Image.fromarray(PICTURE).save(source)
    before = source.read_bytes()
    with pytest.raises(OutputError) as error:
        save_prediction(found(REGION), PICTURE, tmp_path, "a", overwrite=overwrite, source=source)
    says(error, "a.png' is the picture itself", "choose another output folder")
    assert source.read_bytes() == before


def test_names_of_other_classes_are_not_replaced(tmp_path):
    (tmp_path / "classes.txt").write_text("background\ndog\n")
    with pytest.raises(OutputError) as error:
        save_prediction(found_several(), PICTURE, tmp_path, "a")
    says(error, "classes.txt' lists other classes", "--overwrite")
    assert left_in(tmp_path) == ["classes.txt"]
    save_prediction(found_several(), PICTURE, tmp_path, "a", overwrite=True)
    assert (tmp_path / "classes.txt").read_text().endswith("owl\n")


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt(), MemoryError()])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_failure_at_any_file_leaves_none(failure, at, tmp_path, monkeypatch):
    calls = []

    def fail(handle):
        calls.append(handle)
        if len(calls) == at + 1:  # the first is data.yaml, which the run shares
            raise failure

    monkeypatch.setattr(files.os, "fsync", fail)
    expected = OutputError if isinstance(failure, OSError) else type(failure)
    with pytest.raises(expected) as error:
        save_prediction(found(REGION), PICTURE, tmp_path, "a", formats=ALL, overlay=True)
    if expected is OutputError:
        says(error, "cannot be written", "the disk is full; free some space")
    assert left_in(tmp_path) == ["data.yaml"]


def test_a_failure_while_overwriting_keeps_the_old(tmp_path, monkeypatch):
    save_prediction(found(REGION), PICTURE, tmp_path, "a")
    before = (tmp_path / "a.png").read_bytes()

    def full(handle):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OutputError):
        save_prediction(found(~REGION), PICTURE, tmp_path, "a", overwrite=True)
    assert (tmp_path / "a.png").read_bytes() == before
    assert left_in(tmp_path) == ["a.png"]


def test_the_mask_is_written_last(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(
        files.os, "replace", lambda old, new: order.append(Path(new).name) or os.rename(old, new)
    )
    save_prediction(found(REGION), PICTURE, tmp_path, "a", formats=ALL, overlay=True)
    assert order[-1] == "a.png"


def test_an_output_folder_that_is_a_file(tmp_path):
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(OutputError) as error:
        save_prediction(found(REGION), PICTURE, tmp_path / "out", "a")
    says(error, "a.png' cannot be written", "is a file, not a folder")


@pytest.mark.parametrize(
    ("change", "fragments"),
    [
        ({"formats": {"gif"}}, ["no format 'gif'", "choose from coco, coco-polygons"]),
        ({"stem": "../a"}, ["'../a' leads out", "relative name"]),
        ({"stem": "/a"}, ["'/a' leads out", "relative name"]),
        ({"stem": "b/../../a"}, ["leads out", "relative name"]),
        ({"stem": ""}, ["'' leads out", "relative name"]),
        ({"picture": PICTURE[:-1]}, ["(6, 8)", "(5, 8)", "the picture that was segmented"]),
    ],
    ids=["format", "parent", "root", "parent inside", "empty", "size"],
)
def test_a_call_that_cannot_be_meant(change, fragments, tmp_path):
    call = {"prediction": found(REGION), "picture": PICTURE, "out_dir": tmp_path, "stem": "a", **change}
    with pytest.raises(UsageError) as error:
        save_prediction(**call)
    says(error, *fragments)
    assert left_in(tmp_path) == []


def test_more_classes_than_a_png_has_indices(tmp_path):
    names = tuple(f"c{i}" for i in range(255))
    mask = REGION * 255
    prediction = Prediction(mask, found(REGION).probability, 1.0, mask, names)
    with pytest.raises(UsageError) as error:
        save_prediction(prediction, PICTURE, tmp_path, "a")
    says(error, "255 classes", "choose coco or yolo")
    (annotation,) = save_prediction(prediction, PICTURE, tmp_path, "a", formats={"coco"})["coco"][
        "annotations"
    ]
    assert annotation["category_id"] == 255


def test_a_picture_longer_than_a_jpeg_can_be(tmp_path):
    region = np.ones((1, 70_000), bool)
    with pytest.raises(OutputError) as error:
        save_prediction(found(region), np.zeros((1, 70_000, 3), np.uint8), tmp_path, "a", overlay=True)
    says(error, "The overlay of 'a'", "leave the overlay out")
    assert left_in(tmp_path) == []


@pytest.mark.parametrize(
    "stem", ["a.b.c", "with space", "🐈", os.fsdecode(b"\xff\n"), "x/y.z", ".hidden", "-"]
)
def test_stems_are_kept_as_they_are(stem, tmp_path):
    done = save_prediction(found(REGION), PICTURE, tmp_path, stem, formats=ALL, overlay=True)
    assert done["png"] == str(tmp_path / (stem + ".png"))
    assert json.loads(json.dumps(done)) == done
    assert {stem + e for e in (".png", ".txt", "_overlay.jpg", "_probability.png")} < set(left_in(tmp_path))


# --------------------------------------------------------------------------------------------------
# Names


@pytest.mark.parametrize(
    ("paths", "stems"),
    [
        ([], []),
        (["in/a.jpg"], ["a"]),
        (["in/a.jpg", "in/b.c.png"], ["a", "b.c"]),
        (["in/x/a.jpg", "in/y/a.jpg"], ["x/a", "y/a"]),
        (["in/a.jpg", "in/sub/dir/a.jpg"], ["a", "sub/dir/a"]),
        (["in/a.jpg", "in/a.png", "in/b.png"], ["a.jpg", "a.png", "b"]),
        (["in/A.jpg", "in/a.jpg"], ["A.jpg", "a.jpg_2"]),
        (["in/a.jpg", "in/a.jpg"], ["a.jpg", "a.jpg_2"]),
        (["in/a.jpg", "in/../in/a.png"], ["a.jpg", "a.png"]),
        (["in/a.jpg", "in/a_probability.jpg"], ["a", "a_probability_2"]),
        (["in/a_probability.jpg", "in/a.jpg"], ["a_probability", "a_2"]),
        (["in/.jpg", "in/b"], [".jpg", "b"]),
        (["a/x.jpg", "b/c/x.jpg"], ["a/x", "b/c/x"]),
    ],
)
def test_stems_by_hand(paths, stems):
    assert output_stems(paths) == stems


path_parts = st.sampled_from(["a", "A", "b", "a_probability", "a_2", "a.jpg", "ß", "ss"])
path_names = st.builds(
    lambda folders, stem, ending: "/".join(["in", *folders, stem + ending]),
    st.lists(path_parts, max_size=2),
    path_parts,
    st.sampled_from([".jpg", ".png", ".JPG", ""]),
)


@given(st.lists(path_names, max_size=12))
def test_no_two_pictures_share_an_output(paths):
    stems = output_stems(paths)
    assert len(stems) == len(paths)
    files = [f.casefold() for s in stems for f in output_names(s, ALL, overlay=True).values()]
    assert len(set(files)) == len(files)
    for path, stem in zip(paths, stems, strict=True):
        assert Path(stem).name.startswith(Path(path).stem)


# --------------------------------------------------------------------------------------------------
# What is said


def test_summary_by_hand():
    said = summary(found(REGION, "mug"), Path("photos/a.jpg"), mask="out/a.png", seconds=0.123456)
    facts = {"presence": 0.9, "area_fraction": 0.291667, "box": [2, 1, 5, 3], "confidence": 0.8}
    assert said == {
        "picture": "photos/a.jpg",
        "width": 8,
        "height": 6,
        "present": True,
        **facts,
        "uncertainty": 0.4,
        "mask": "out/a.png",
        "classes": [{"name": "mug", **facts}],
        "seconds": 0.1235,
    }
    assert json.loads(json.dumps(said)) == said


def test_summary_of_nothing_and_of_numpy_numbers():
    prediction = Prediction(
        REGION & False, found(REGION).probability, np.float32(0.25), REGION.astype(np.int32)
    )
    facts = {"presence": 0.25, "area_fraction": 0.0, "box": None, "confidence": None}
    said = json.loads(json.dumps(summary(prediction, "a", seconds=np.float64(2))))
    assert said == {
        "picture": "a",
        "width": 8,
        "height": 6,
        "present": False,
        **facts,
        "uncertainty": 0.5,
        "mask": None,
        "classes": [{"name": "object", **facts}],
        "seconds": 2.0,
    }


def test_summary_of_several_classes():
    said = summary(found_several(), "a")
    assert said["area_fraction"] == 0.291667
    assert [c["name"] for c in said["classes"]] == ["mug", "cat", "owl"]
    assert [c["box"] for c in said["classes"]] == [[2, 1, 3, 3], [5, 1, 2, 3], None]
    assert [c["presence"] for c in said["classes"]] == [0.7, 0.6, 0.9]
    assert said["seconds"] is None


def test_summary_of_a_name_that_is_not_utf_8():
    said = summary(found(REGION), os.fsdecode(b"\xff.jpg"))
    line = json.dumps(said)
    assert line.isascii()
    assert "\n" not in line


def test_a_single_format_may_stand_alone(tmp_path):
    assert set(save_prediction(found(REGION), PICTURE, tmp_path, "a", formats="yolo")) == {"yolo"}
