"""Regions out into the formats of others and, read as others read them, back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp
from pycocotools import mask as rle
from skimage.draw import polygon2mask
from skimage.measure import label

from asgnet.data.annotations.regions import (
    box,
    coco_annotation,
    coco_file,
    coco_region,
    polygons,
    window,
    yolo_lines,
)

REGION = np.zeros((6, 8), bool)
REGION[1:4, 2:7] = True
REGION[2, 4] = False
regions = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14))


def filled(ring: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The pixels whose centres lie in a polygon."""
    return polygon2mask(shape, ring[:, ::-1] - 0.5)


def drawn_yolo(text: str, shape: tuple[int, ...], index: int) -> np.ndarray:
    """What a reader of YOLO labels fills."""
    mask = np.zeros(shape, bool)
    for line in text.splitlines():
        which, *values = line.split()
        if int(which) == index:
            mask |= filled(np.array(values, float).reshape(-1, 2) * shape[::-1], shape)
    return mask


# --------------------------------------------------------------------------------------------------
# Polygons and YOLO


def test_the_outline_of_one_pixel_and_of_a_bar():
    region = np.zeros((4, 9), bool)
    region[1, 1] = region[2, 3:8] = True
    bar, pixel = sorted(polygons(region), key=len, reverse=True)
    assert {tuple(p) for p in pixel} == {(1.5, 1), (2, 1.5), (1.5, 2), (1, 1.5)}
    assert {tuple(p) for p in bar} == {(3, 2.5), (3.5, 2), (7.5, 2), (8, 2.5), (7.5, 3), (3.5, 3)}


def test_no_region_has_no_outline():
    assert polygons(np.zeros((3, 4), bool)) == []
    assert yolo_lines(np.zeros((3, 4), bool), 0) == ""


@settings(max_examples=150, deadline=None)
@given(regions)
def test_who_fills_the_polygons_has_the_region_again(region):
    rings = polygons(region)
    assert len(rings) == label(region, connectivity=1).max()
    drawn = np.zeros(region.shape, bool)
    for ring in rings:
        assert (ring >= 0).all()
        assert (ring <= region.shape[::-1]).all()
        drawn |= filled(ring, region.shape)
    np.testing.assert_array_equal(drawn, region)


def islands() -> np.ndarray:
    """``240 320``: a ring with a hole in it, an island inside with its own hole, another piece beside."""
    y, x = np.mgrid[:240, :320]
    distance = np.hypot(y - 120, x - 150)
    region = (
        (distance < 100)
        & ~((distance > 30) & (distance < 60))
        & (distance > 12)
        & ~(np.hypot(y - 45, x - 150) < 9)
    )
    return region | (np.hypot(y - 30, x - 290) < 20)


def test_polygons_keep_holes_an_island_within_one_and_its_own_hole():
    region = islands()
    rings = polygons(region)
    assert len(rings) == 3
    np.testing.assert_array_equal(sum(filled(ring, region.shape) for ring in rings), region)
    assert sum(map(len, rings)) < 700  # of the 1,846 that the contours have


def test_a_straight_outline_has_points_at_its_corners_only():
    region = np.zeros((100, 200), bool)
    region[10:90, 20:180] = True
    (ring,) = polygons(region)
    assert len(ring) == 8


def test_yolo_lines_are_read_back_to_the_pixel():
    region = islands()
    text = yolo_lines(region, 3)
    assert text.count("\n") == 3
    np.testing.assert_array_equal(drawn_yolo(text, region.shape, 3), region)
    assert not drawn_yolo(text, region.shape, 0).any()


# --------------------------------------------------------------------------------------------------
# COCO


def test_window_and_box():
    assert window(REGION) == (1, 4, 2, 7)
    assert box(REGION) == [2, 1, 5, 3]
    assert window(REGION & False) is box(REGION & False) is None


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
