"""Regions out into the formats of others and, read as others read them, back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as rle
from tests.imaging.test_regions import filled, islands, regions

from asgnet.data.annotations import coco_annotation, coco_file, coco_region, geojson_feature, yolo_lines
from asgnet.types import Place


def drawn_yolo(text: str, shape: tuple[int, ...], index: int) -> np.ndarray:
    """What a reader of YOLO labels fills."""
    mask = np.zeros(shape, bool)
    for line in text.splitlines():
        which, *values = line.split()
        if int(which) == index:
            mask |= filled(np.array(values, float).reshape(-1, 2) * shape[::-1], shape)
    return mask


def test_yolo_lines_are_read_back_to_the_pixel():
    region = islands()
    text = yolo_lines(region, 3)
    assert text.count("\n") == 3
    np.testing.assert_array_equal(drawn_yolo(text, region.shape, 3), region)
    assert not drawn_yolo(text, region.shape, 0).any()
    assert yolo_lines(np.zeros((3, 4), bool), 0) == ""


@settings(max_examples=100, deadline=None)
@given(regions)
def test_coco_round_trip(region):
    annotation = coco_annotation(region, 7, 0.5)
    if not region.any():
        assert annotation is None
        return
    assert json.loads(json.dumps(annotation)) == annotation
    code = annotation["segmentation"]
    np.testing.assert_array_equal(coco_region(code, region.shape), region)
    assert annotation["area"] == rle.area(code) == region.sum()
    np.testing.assert_array_equal(annotation["bbox"], rle.toBbox(code))
    assert (annotation["category_id"], annotation["score"], annotation["iscrowd"]) == (7, 0.5, 0)


@pytest.mark.parametrize(
    ("segmentation", "expected"),
    [
        ([], [[0, 0, 0], [0, 0, 0]]),
        ([[0, 0, 2, 0, 2, 2, 0, 2]], [[1, 1, 0], [1, 1, 0]]),
        ([[0, 0, 1, 0, 1, 1, 0, 1], [2, 1, 3, 1, 3, 2, 2, 2]], [[1, 0, 0], [0, 0, 1]]),
        ({"size": [2, 3], "counts": [1, 2, 3]}, [[0, 1, 0], [1, 0, 0]]),
        ({"size": [2, 3], "counts": [0, 6]}, [[1, 1, 1], [1, 1, 1]]),
    ],
    ids=["nothing", "a polygon", "two polygons", "run lengths", "run lengths from the first pixel"],
)
def test_what_coco_may_say_of_a_region(segmentation, expected):
    region = coco_region(segmentation, (2, 3))
    assert region.dtype == bool
    np.testing.assert_array_equal(region, expected)


@pytest.mark.parametrize("segmentation", [7, None, {"size": [2, 3]}, ["x"]])
def test_what_coco_may_not_say(segmentation):
    with pytest.raises(ValueError, match="neither polygons nor an RLE"):
        coco_region(segmentation, (2, 3))


def test_a_coco_file_counts_from_one():
    content = coco_file([{"file_name": "a"}, {"file_name": "b"}], [[], [{"x": 1}, {"x": 2}]], ["mug"])
    assert content["images"] == [{"id": 1, "file_name": "a"}, {"id": 2, "file_name": "b"}]
    assert content["annotations"] == [{"id": 1, "x": 1, "image_id": 2}, {"id": 2, "x": 2, "image_id": 2}]
    assert content["categories"] == [{"id": 1, "name": "mug"}]


@settings(deadline=None)
@given(
    arrays(bool, st.tuples(st.integers(1, 8), st.integers(1, 8))),
    st.tuples(*[st.integers(0, 3)] * 4),
    st.sampled_from([None, 0.0]),
)
def test_a_part_is_written_where_it_lies(part, rims, simplify):
    whole = np.pad(part, (rims[:2], rims[2:]))
    place = Place((rims[0], rims[2]), whole.shape)
    assert coco_annotation(part, 1, 0.5, simplify, place) == coco_annotation(whole, 1, 0.5, simplify)
    assert yolo_lines(part, 1, 0, place) == yolo_lines(whole, 1)
    assert geojson_feature(part, "mug", 0.5, 1, 0, place.at) == geojson_feature(whole, "mug", 0.5, 1)
