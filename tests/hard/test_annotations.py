"""Annotation files of other tools that are damaged, of none of them, or of another picture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from asgnet.data.annotations import read_annotations
from asgnet.errors import SupportError

SIZE = (48, 64)


def annotated(text, name="m.json"):
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return name


def labelme(**changes):
    points = [[8, 8], [40, 8], [40, 40]]
    shape = {"label": "mug", "points": points, "shape_type": "polygon", **changes.pop("shape", {})}
    return annotated(json.dumps({"imagePath": "a.png", "imageHeight": 48, "imageWidth": 64,
                                 "shapes": [shape], **changes}))  # fmt: skip


def coco(segmentation, **changes):
    return annotated(json.dumps({
        "images": [{"id": 1, "file_name": "a.png", "height": 48, "width": 64, **changes}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": segmentation}],
        "categories": [{"id": 1, "name": "mug"}],
    }))  # fmt: skip


def brush(rle):
    value = {"format": "rle", "rle": rle, "brushlabels": ["mug"]}
    result = {"type": "brushlabels", "original_width": 64, "original_height": 48, "value": value}
    return annotated(json.dumps([{"data": {"image": "a.png"}, "annotations": [{"result": [result]}]}]))


FILES = {
    "json: empty": (lambda: annotated(""), "export it again"),
    "json: cut short": (lambda: annotated('{"shapes": ['), "export it again"),
    "json: of no tool": (lambda: annotated("{}"), "labelme, COCO"),
    "json: a number": (lambda: annotated("7"), "labelme, COCO"),
    "json: no text": (lambda: annotated(b"\xff\xfe\x00"), "save it as UTF-8"),
    "json: nested for ever": (lambda: annotated("[" * 100_000), "export it again"),
    "labelme: two points": (lambda: labelme(shape={"points": [[1, 1], [2, 2]]}), "mend or remove"),
    "labelme: no label": (lambda: labelme(shape={"label": None}), "export it again"),
    "labelme: infinite": (lambda: labelme(shape={"points": [[1, 1], [1e99, 2], [3, 9]]}), "export it"),
    "labelme: another size": (lambda: labelme(imageHeight=99), "annotate the picture itself"),
    "labelme: strange shape": (lambda: labelme(shape={"shape_type": "donut"}), "export it again"),
    "coco: RLE too long": (lambda: coco({"size": [48, 64], "counts": [9, 999_999]}), "mend or remove"),
    "coco: RLE cut short": (lambda: coco({"size": [48, 64], "counts": "aaa"}), "mend or remove"),
    "coco: RLE of text": (lambda: coco({"size": [48, 64], "counts": "ÿ"}), "mend or remove"),
    "coco: RLE of another size": (lambda: coco({"size": [1, 1], "counts": [0, 1]}), "mend or remove"),
    "coco: odd outline": (lambda: coco([[1, 2, 3, 4, 5, 6, 7]]), "mend or remove"),
    "coco: NaN": (lambda: coco([[1, 2, float("nan"), 4, 5, 6]]), "mend or remove"),
    "coco: another picture": (lambda: coco([[1, 2, 3, 4, 5, 6]], height=5), "annotate the picture"),
    "brush: cut short": (lambda: brush([0, 0, 48]), "mend or remove"),
    "brush: another size": (lambda: brush([0, 0, 0, 4, 57, 19, 191, 0]), "mend or remove"),
    "brush: bytes beyond 255": (lambda: brush([999, 0, 0, 0]), "mend or remove"),
    "yolo: words": (lambda: annotated("mug 1 2 3", "m.txt"), "mend that line"),
    "yolo: pixels": (lambda: annotated("0 100 200 300 400 500 600", "m.txt"), "mend that line"),
    "yolo: a point and a half": (lambda: annotated("0 0 0 1", "m.txt"), "mend that line"),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_describes_no_object_is_refused_by_name(tmp_path, monkeypatch, refused, case):
    monkeypatch.chdir(tmp_path)
    make, remedy = FILES[case]
    path = make()
    with pytest.raises(SupportError) as error:
        read_annotations(path).pictures[0].masks(SIZE, repr(path))
    assert type(error.value) is SupportError
    refused.text(str(error.value), path, remedy)
    assert [p.name for p in tmp_path.iterdir()] == [path]


def test_the_same_files_undamaged_are_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole = coco({"size": [48, 64], "counts": [9, 20, 48 * 64 - 29]})
    assert read_annotations(whole).pictures[0].masks(SIZE, whole)["mug"].sum() == 20
    outline = labelme()
    assert 400 < read_annotations(outline).pictures[0].masks(SIZE, outline)["mug"].sum() < 600
