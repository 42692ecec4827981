"""Annotation files of other tools as masks; and what is wrong with them, in words."""

import base64
import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from asgnet.data.annotations import (
    brush_rle,
    coco_annotation,
    coco_file,
    picture_in,
    read_annotations,
    yolo_lines,
)
from asgnet.data.annotations.annotated import plain_name
from asgnet.data.annotations.coco import check_segmentation, parse_coco
from asgnet.data.annotations.labelme import parse_labelme
from asgnet.data.annotations.labelstudio import parse_labelstudio
from asgnet.data.annotations.yolo import parse_yolo
from asgnet.data.read import read_instances
from asgnet.errors import SupportError
from asgnet.imaging.regions import polygons

SIZE = (6, 8)
REGIONS = arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))).filter(np.any)
SQUARE = [[2, 1], [5, 1], [5, 4], [2, 4]]


def square():
    mask = np.zeros(SIZE, np.uint8)
    mask[1:4, 2:5] = 1
    return mask


def labelme(*shapes, **more):
    return {"shapes": list(shapes), "imagePath": "mug.jpg", "imageHeight": 6, "imageWidth": 8, **more}


def shape(label="mug", points=SQUARE, kind="polygon", **more):
    return {"label": label, "points": points, "shape_type": kind, **more}


def coco(*annotations, size=SIZE):
    return {
        "images": [
            {"id": 7, "file_name": "photos/mug.jpg", "height": size[0], "width": size[1]},
            {"id": 8, "file_name": "photos/other.jpg"},
        ],
        "annotations": [{"image_id": 7, "category_id": 3, **a} for a in annotations],
        "categories": [{"id": 3, "name": "mug"}, {"id": 4, "name": "cat"}],
    }


def test_objects_that_touch_have_values_of_their_own():
    boxes = [(0, 0, 2, 6), (2, 0, 2, 6), (4, 0, 2, 3), (7, 0, 1, 6)]  # x, y, width, height
    content = coco(*({"segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]]} for x, y, w, h in boxes))
    mask = parse_coco(content).pictures[0].masks(SIZE, "a.json")["mug"]
    assert mask[0].tolist() == [1, 1, 2, 2, 1, 1, 0, 1]
    assert mask[5].tolist() == [1, 1, 2, 2, 0, 0, 0, 1]
    assert read_instances(mask, (mask > 0).astype(np.uint8)).max() == 4


def task(*values, image="/data/upload/1/0123abcd-mug.jpg", answers="annotations", **more):
    results = [
        {"type": "x", "original_width": 8, "original_height": 6, "image_rotation": 0, "value": value}
        for value in values
    ]
    return {"data": {"image": image}, answers: [{"result": results, **more}]}


def written(tmp_path, content, name="labels.json"):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def only(annotations, size=SIZE):
    (one,) = annotations.pictures[:1]
    return one.masks(size, "'labels.json'")


# --------------------------------------------------------------------------------------------------
# Exact answers


def test_a_square_in_every_format():
    per_cent = [[x / 8 * 100, y / 6 * 100] for x, y in SQUARE]
    flat = [v for point in SQUARE for v in point]
    relative = " ".join(f"{v:.6f}" for x, y in SQUARE for v in (x / 8, y / 6))
    rectangle = {"x": 25, "y": 100 / 6, "width": 37.5, "height": 50, "rectanglelabels": ["mug"]}
    found = [
        parse_labelme(labelme(shape())),
        parse_labelme(labelme(shape(points=[[2, 1], [5, 4]], kind="rectangle"))),
        parse_labelme(labelme(shape(points=SQUARE, kind="rectangle"))),
        parse_labelme(labelme(shape(points=[SQUARE[i] for i in (0, 2, 1, 3)], kind="rectangle"))),
        parse_coco(coco({"segmentation": [flat]})),
        parse_coco(coco({"segmentation": coco_annotation(square() == 1, 3, None)["segmentation"]})),
        parse_coco(coco({"segmentation": {"size": [6, 8], "counts": [13, 3, 3, 3, 3, 3, 20]}})),
        parse_labelstudio([task({"points": per_cent, "polygonlabels": ["mug"]})]),
        parse_labelstudio([task(rectangle)]),
        parse_labelstudio([task({"format": "rle", "rle": brush_rle(square() == 1), "brushlabels": ["mug"]})]),
        parse_yolo(f"0 {relative}\n", ["mug", "cat"]),
    ]
    for one in found:
        masks = only(one)
        assert list(masks) == ["mug"], one.kind
        np.testing.assert_array_equal(masks["mug"], square(), err_msg=one.kind)
        assert one.counts == {"mug": 1}


def test_several_objects_and_classes_of_a_picture():
    other = shape("cat", [[0, 0], [1, 0], [1, 1], [0, 1]])
    found = parse_labelme(labelme(shape(), other, shape(points=[[6, 4], [8, 4], [8, 6], [6, 6]])))
    masks = only(found)
    assert found.counts == {"mug": 2, "cat": 1}
    assert masks["mug"].sum() == 13
    assert masks["cat"].sum() == masks["cat"][0, 0] == 1


def test_labelme_circles_masks_and_lines():
    small = io.BytesIO()
    Image.fromarray(np.eye(3, dtype=bool)).save(small, "PNG")
    mask = base64.b64encode(small.getvalue()).decode()
    found = parse_labelme(
        labelme(
            shape("disc", [[4, 3], [4, 5]], "circle"),
            shape("eye", [[6, 4], [8, 6]], "mask", mask=mask),
            shape("line", [[0, 0], [3, 3]], "line"),
        )
    )
    masks = only(found)
    assert masks["disc"].sum() == 12
    assert np.argwhere(masks["eye"]).tolist() == [[4, 6], [5, 7]]  # the third pixel lies beyond
    assert "1 lines or points" in found.left[0]


def test_a_rectangle_of_four_points_may_be_turned():
    turned = [[4, 0], [7, 3], [4, 6], [1, 3]]
    expected, *found = (
        only(parse_labelme(labelme(shape(points=turned, kind=kind))))["mug"]
        for kind in ("polygon", "rectangle", "rotation", "quadrilateral")
    )
    for one in found:
        np.testing.assert_array_equal(one, expected)
    (bad,) = parse_labelme(labelme(shape(points=turned[:3], kind="rectangle"))).skipped
    assert str(bad) == "object 1 of mug.jpg holds a 'rectangle' of 3 points, not 2"


def test_crowds_are_ignored_and_boxes_said():
    flat = [0, 0, 8, 0, 8, 6, 0, 6]
    found = parse_coco(
        coco(
            {"segmentation": [[2, 1, 5, 1, 5, 4, 2, 4]]},
            {"segmentation": [flat], "iscrowd": 1},
            {"segmentation": [], "bbox": [1, 1, 2, 2]},
        )
    )
    mask = only(found)["mug"]
    np.testing.assert_array_equal(mask, np.where(square() == 1, 1, 255))
    assert "1 objects with a box" in found.left[0]


def test_the_newest_answer_of_a_label_studio_task_counts():
    old = task({"x": 0, "y": 0, "width": 100, "height": 100, "rectanglelabels": ["old"]})
    new = task({"x": 0, "y": 0, "width": 50, "height": 100, "rectanglelabels": ["new"]})
    both = {**old, "annotations": [{**new["annotations"][0], "updated_at": "2026-02"}, *old["annotations"]]}
    assert list(only(parse_labelstudio([both]))) == ["new"]
    cancelled = {
        **old,
        "annotations": [*old["annotations"], {**new["annotations"][0], "was_cancelled": True}],
    }
    assert list(only(parse_labelstudio([cancelled]))) == ["old"]
    guessed = {"data": old["data"], "annotations": [], "predictions": new["annotations"]}
    assert list(only(parse_labelstudio(guessed))) == ["new"]


def test_label_studio_s_small_export_and_shapes():
    ellipse = {"x": 50, "y": 50, "radiusX": 25, "radiusY": 100 / 3, "ellipselabels": ["disc"]}
    sheet = {"image": "/data/upload/1/0123abcd-mug.jpg", "id": 1, "tag": [
        {**ellipse, "original_width": 8, "original_height": 6}]}  # fmt: skip
    for found in (parse_labelstudio([sheet]), parse_labelstudio([task(ellipse)])):
        assert only(found)["disc"].sum() == 12
        assert found.about("somewhere/mug.jpg") is not None
    turned = {"x": 50, "y": 50, "width": 25, "height": 100 / 6, "rotation": 90, "rectanglelabels": ["bar"]}
    bar = only(parse_labelstudio([task(turned)]))["bar"]
    assert np.argwhere(bar).tolist() == [[3, 3], [4, 3]]


# --------------------------------------------------------------------------------------------------
# What is written is read again


@settings(deadline=None, max_examples=40)
@given(REGIONS)
def test_outlines_and_strokes_round_trip(region):
    height, width = region.shape
    name = f"{width}x{height}.png"
    image = {"file_name": name, "height": height, "width": width}
    shapes = [shape("it", ring.tolist()) for ring in polygons(region)]
    stroke = {"rle": brush_rle(region), "brushlabels": ["it"]}
    studio = task(stroke)
    studio["annotations"][0]["result"][0] |= {"original_width": width, "original_height": height}
    annotation = coco_annotation(region, 1, None)
    for found in (
        parse_yolo(yolo_lines(region, 0), ["it"]),
        parse_labelme({"shapes": shapes, "imageHeight": height, "imageWidth": width}),
        parse_labelstudio([studio]),
        parse_coco(coco_file([image], [[annotation]], ["it"])),
    ):
        np.testing.assert_array_equal(only(found, region.shape)["it"], region)


# --------------------------------------------------------------------------------------------------
# Whose annotation is it


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("a.jpg", "a.jpg"),
        ("C:\\photos\\a.jpg", "C:/photos/a.jpg"),
        ("/data/upload/3/0123abcd-a b.jpg", "/data/upload/3/a b.jpg"),
        ("/data/local-files/?d=photos%2Fa.jpg", "photos/a.jpg"),
        ("s3://bucket/photos/a.jpg", "/photos/a.jpg"),
        ("mug-table.jpg", "mug-table.jpg"),
    ],
)
def test_names_as_tools_write_them(name, plain):
    assert plain_name(name).as_posix() == plain


def test_a_picture_is_found_by_path_name_or_stem(tmp_path):
    content = coco({"segmentation": [[2, 1, 5, 1, 5, 4, 2, 4]]})
    found = read_annotations(written(tmp_path, content))
    assert found.about("photos/mug.jpg") is found.about("elsewhere/mug.jpg") is found.about("MUG.png")
    with pytest.raises(SupportError, match=r"says nothing about 'cup.jpg'; it names 'photos/mug.jpg'"):
        picture_in(found, "cup.jpg", "'labels.json'")
    one = read_annotations(written(tmp_path, labelme(shape())))
    assert picture_in(one, "any.jpg", "") is one.pictures[0]
    content["images"][1]["file_name"] = "night/mug.jpg"
    assert read_annotations(written(tmp_path, content)).about("elsewhere/mug.jpg") is None
    assert read_annotations(written(tmp_path, content)).about("night/mug.jpg").regions == ()


def test_pictures_of_one_name_are_told_apart_by_their_folders(tmp_path):
    content = coco({"segmentation": [[2, 1, 5, 1, 5, 4, 2, 4]]})
    for entry, name in zip(content["images"], ("day/1/mug.jpg", "night/1/mug.jpg"), strict=False):
        entry["file_name"] = name
    found = read_annotations(written(tmp_path, content))
    assert found.about("photos/day/1/mug.jpg").name == "day/1/mug.jpg"
    assert found.about("photos/night/1/MUG.png").name == "night/1/mug.jpg"
    assert found.about("photos/1/mug.jpg") is found.about("mug.jpg") is None


@pytest.mark.parametrize("first", ["mug.jpg", "/data/local-files/?d=mug.jpg"])
def test_the_whole_path_goes_before_names_in_other_folders(tmp_path, first, monkeypatch):
    content = coco({"segmentation": [[2, 1, 5, 1, 5, 4, 2, 4]]})
    for entry, name in zip(content["images"], (first, "sub/mug.jpg"), strict=True):
        entry["file_name"] = name
    (tmp_path / "sub" / "sub").mkdir(parents=True)
    found = read_annotations(written(tmp_path, content))
    assert found.about(tmp_path / "mug.jpg").name == found.about("rs/mug.jpg").name == first
    assert found.about(tmp_path / "sub/mug.jpg").name == found.about("rs/sub/mug.jpg").name == "sub/mug.jpg"
    monkeypatch.chdir(tmp_path / "sub")
    assert found.about("mug.jpg").name == "sub/mug.jpg"
    inner = read_annotations(written(tmp_path / "sub", content))
    assert inner.about(tmp_path / "sub/mug.jpg").name == first
    assert inner.about(tmp_path / "sub/sub/mug.jpg").name == "sub/mug.jpg"


def test_yolo_finds_its_names(tmp_path):
    labels = tmp_path / "labels"
    labels.mkdir()
    path = written(labels, "1 0 0 1 0 1 1\n", "mug.txt")
    assert read_annotations(path).counts == {"class 1": 1}
    written(tmp_path, "names: [cat, mug]\n", "data.yaml")
    assert read_annotations(path).counts == {"mug": 1}
    assert read_annotations(path, ("a", "b")).counts == {"b": 1}


@pytest.mark.parametrize(
    ("name", "text"),
    [("data.yaml", "names: [background, mug, cup]\n"), ("classes.txt", "background\nmug\ncup\n")],
)
def test_yolo_counts_background_like_any_class(tmp_path, name, text):
    written(tmp_path, text, name)
    path = written(tmp_path, "1 0 0 1 0 1 1\n0 0 0 1 0 1 1\n", "mug.txt")
    assert read_annotations(path).counts == {"background": 1, "mug": 1}


# --------------------------------------------------------------------------------------------------
# What cannot be used


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", r"is no JSON \(line 1\)"),
        ("[" * 100_000, "is no JSON"),
        ({"a": 1}, "of none of the kinds"),
        ([], "of none of the kinds"),
        ([{"image_id": 1, "segmentation": []}], "of none of the kinds"),
        (labelme({"label": "mug"}), "looks like labelme JSON but lacks 'points'"),
        (labelme(shape(label=" ")), "labelme JSON but holds a shape with the label"),
        (labelme(shape(kind="cube", points=[[1, 1], [2, 2]])), "kind 'cube'"),
        (labelme(shape(points=[[1, float("inf")]] * 3)), "not finite"),
        (labelme(shape(points="abc")), "no pairs of numbers"),
        ({"images": [{}], "annotations": []}, "looks like COCO JSON but lacks 'id'"),
        ({"images": [], "annotations": [{"image_id": 1}]}, "picture that is not listed"),
        ({"images": [3], "annotations": []}, "looks like COCO JSON but holds"),
        ([{"data": {"image": "a"}, "annotations": [{"result": 5}]}], "looks like Label Studio JSON"),
    ],
)
def test_json_of_another_schema(tmp_path, content, words):
    with pytest.raises(SupportError, match=words) as error:
        read_annotations(written(tmp_path, content))
    assert "labels.json" in str(error.value)
    assert error.value.exit_code == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 0.1 0.2 x 0.3 0.4 0.5\n", "line 1 holds something else"),
        ("\n0 0.1 0.2 0.3\n", "line 2 is no outline"),
        ("0 10 200 300 400 500 600\n", "look like pixels where parts"),
        ("\n0 0 0 50 0 50 50 0 50\n", "line 2 has what look like pixels"),
        ("0 0 0 -2 0 1 1\n", "look like pixels where parts"),
        ("0 nan 0 1 0 1 1\n", "look like pixels where parts"),
        ("-1 0 0 1 0 1 1\n", "is no outline"),
    ],
)
def test_broken_yolo_labels(tmp_path, text, words):
    with pytest.raises(SupportError, match=words):
        read_annotations(written(tmp_path, text, "mug.txt"))


def test_unreadable_files(tmp_path):
    with pytest.raises(SupportError, match="cannot be opened"):
        read_annotations(tmp_path / "nowhere.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SupportError, match="no text in UTF-8"):
        read_annotations(tmp_path / "binary.json")


def test_another_size_and_beyond_the_picture():
    found = parse_labelme(labelme(shape()))
    with pytest.raises(SupportError, match=r"describes a picture of 8×6 pixels, but mug\.jpg has 9×6"):
        only(found, (6, 9))
    with pytest.raises(SupportError, match="before it was turned upright"):
        only(found, (8, 6))
    assert only(parse_yolo("0 -0.5 0 0.5 0 0.5 1.5 -0.5 1.5\n"))["class 0"].sum() == 24
    beyond = [[x + 100, y] for x, y in SQUARE]
    assert only(parse_labelme(labelme(shape(points=beyond)))) == {}
    half = only(parse_labelme(labelme(shape(points=[[x + 5, y] for x, y in SQUARE]))))["mug"]
    assert half.sum() == 3
    with pytest.raises(SupportError, match=r"object 1 \(mug\) of mug.jpg is an outline of 2 points"):
        only(parse_labelme(labelme(shape(points=SQUARE[:2]))))


@pytest.mark.parametrize(
    "segmentation",
    [
        {"size": [6, 8], "counts": [5, 99]},
        {"size": [6, 8], "counts": [-4, 52]},
        {"size": [6, 8], "counts": "~~~~"},
        {"size": [6, 8], "counts": "ooooooooooooooooooo"},
        {"size": [600, 800], "counts": [480000]},
        {"counts": [48]},
        [[1, 2, 3]],
        [["a"] * 6],
        [[0, 0, 1e300, 0, 1, 1]],
        "abc",
    ],
)
def test_segmentations_that_would_be_read_out_of_bounds(segmentation):
    with pytest.raises(ValueError, match=r"run-length|outline|float"):
        check_segmentation(segmentation, SIZE)
    with pytest.raises(SupportError, match="object 1"):
        only(parse_coco(coco({"segmentation": segmentation})))


@given(REGIONS)
def test_every_written_run_length_code_is_believed(region):
    check_segmentation(coco_annotation(region, 1, None)["segmentation"], region.shape)


def test_damaged_strokes():
    rle = brush_rle(square() == 1)
    for broken in (rle[:-4], rle[:3], [999], "text"):
        with pytest.raises(SupportError, match="object 1"):
            only(parse_labelstudio([task({"rle": broken, "brushlabels": ["mug"]})]))


@pytest.mark.parametrize("name", ["a.json", "a.txt"])
def test_a_pipe_is_never_opened(tmp_path, pipes, name):
    with pytest.raises(SupportError, match="is a pipe or a device; save it to a file"):
        read_annotations(pipes(tmp_path / name))
