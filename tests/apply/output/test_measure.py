import csv
import io

import numpy as np
import pytest
from skimage.draw import disk, ellipse
from skimage.measure import regionprops_table

import asgnet
from asgnet.apply.output.measure import OBJECT_COLUMNS, PICTURE_COLUMNS, csv_parts, parquet_bytes
from asgnet.errors import UsageError
from asgnet.types import Prediction

SHAPE = (90, 130)
PICTURE = np.random.default_rng(0).integers(0, 255, (*SHAPE, 3)).astype(np.uint8)


def prediction(**changes) -> Prediction:
    mask = np.zeros(SHAPE, bool)
    mask[disk((30, 30), 17)] = True
    mask[ellipse(50, 90, 30, 14, rotation=0.4)] = True
    mask[80, 5] = True
    return Prediction(mask, mask * np.float32(0.8), 0.9, np.zeros(SHAPE, np.int32), **changes)


def test_objects_are_measured_as_skimage_does():
    found = prediction()
    rows = asgnet.measure(found, PICTURE, name="a.jpg").objects
    assert [row["object"] for row in rows] == [1, 2, 3]
    names = ("area", "perimeter", "feret_diameter_max", "orientation", "centroid", "bbox", "intensity_mean")
    table = regionprops_table(found.labels, PICTURE, names)
    same = {
        "area": "area",
        "perimeter": "perimeter",
        "feret": "feret_diameter_max",
        "orientation": "orientation",
        "y": "centroid-0",
        "x": "centroid-1",
        "box_y": "bbox-0",
        "box_x": "bbox-1",
        "mean_red": "intensity_mean-0",
        "mean_blue": "intensity_mean-2",
    }
    for ours, theirs in same.items():
        np.testing.assert_allclose([row[ours] for row in rows], table[theirs], rtol=1e-3, err_msg=ours)
    assert rows[0]["score"] == rows[1]["score"] == pytest.approx(0.8)
    assert rows[1]["circularity"] == pytest.approx(1, abs=0.12)
    assert rows[0]["picture"] == "a.jpg"


def test_the_longest_diameter_of_a_large_object():
    mask = np.zeros((300, 1500), bool)
    mask[ellipse(150, 750, 100, 700, rotation=0.1)] = True
    found = Prediction(mask, mask.astype(np.float32), 1.0, np.zeros(mask.shape, np.int32))
    expected = regionprops_table(found.labels, properties=("feret_diameter_max",))["feret_diameter_max"]
    assert asgnet.measure(found).objects[0]["feret"] == pytest.approx(expected[0], rel=1e-3)


def test_units():
    pixels, microns = asgnet.measure(prediction()), asgnet.measure(prediction(), pixel_size="0.5um")
    for before, after in zip(pixels.objects, microns.objects, strict=True):
        assert after["area"] == pytest.approx(before["area"] / 4)
        assert after["feret"] == pytest.approx(before["feret"] / 2)
        assert after["perimeter"] == pytest.approx(before["perimeter"] / 2)
        assert after["circularity"] == before["circularity"]
        assert (before["unit"], after["unit"]) == ("px", "um")
    assert "mean_red" not in pixels.objects[0]


def test_small_objects_are_not_counted():
    for least in (2, "2", "2px"):
        assert len(asgnet.measure(prediction(), min_area=least).objects) == 2
    assert len(asgnet.measure(prediction(), pixel_size="2um", min_area="5um2").objects) == 2
    assert len(asgnet.measure(prediction(), pixel_size="2um", min_area="4um2").objects) == 3


def test_a_picture_is_summed_up():
    found = prediction()
    (row,) = asgnet.measure(found, pixel_size="2um", min_area=2).pictures
    area = 4 * (found.mask.sum() - 1)
    assert row["count"] == 2
    assert row["total_area"] == area
    assert row["mean_area"] == area / 2
    assert row["share"] == pytest.approx(area / 4 / found.mask.size)
    assert row["density"] == pytest.approx(2 / (4 * found.mask.size))
    assert row["presence"] == 0.9
    empty = Prediction(found.mask & False, found.probability * 0, 0.1, found.guide)
    assert asgnet.measure(empty).objects == []
    assert asgnet.measure(empty).pictures[0]["mean_area"] is None


def test_counts_have_an_interval_where_examples_taught_one():
    (row,) = asgnet.measure(prediction(count_ratios=(0.5, 1.5))).pictures
    assert (row["count"], row["count_low"], row["count_high"]) == (3, 1, 5)
    (row,) = asgnet.measure(prediction(count_ratios=(1.2, 1.4))).pictures
    assert (row["count_low"], row["count_high"]) == (3, 5)
    (row,) = asgnet.measure(prediction()).pictures
    assert row["count_low"] is row["count_high"] is None


def test_several_classes_are_counted_apart():
    one = prediction()
    mask = np.where(one.mask, 1, 0).astype(np.int32)
    mask[:, 70:] *= 2
    by_class = dict.fromkeys(("disc", "egg"), one)
    both = Prediction(mask, one.probability, 0.9, one.guide, ("disc", "egg"), by_class)
    found = asgnet.measure(both)
    assert [row["class"] for row in found.objects] == ["disc", "disc", "egg"]
    assert [row["count"] for row in found.pictures] == [2, 1]


def test_a_picture_of_another_size_is_refused():
    with pytest.raises(UsageError, match="picture that was segmented"):
        asgnet.measure(prediction(), PICTURE[:50])


def test_a_table_is_read_back():
    found = asgnet.measure(prediction(), PICTURE, name="größe, 1.jpg")
    text = b"".join(csv_parts(found.objects, OBJECT_COLUMNS)).decode()
    back = list(csv.DictReader(io.StringIO(text)))
    assert [float(row["area"]) for row in back] == [row["area"] for row in found.objects]
    assert back[0]["picture"] == "größe, 1.jpg"
    assert list(found.objects[0]) == list(OBJECT_COLUMNS)
    assert list(found.pictures[0]) == list(PICTURE_COLUMNS)
    assert b"".join(csv_parts([], ("a", "b"))) == b"a,b\n"


def test_a_parquet_table_is_read_back():
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = asgnet.measure(prediction(), PICTURE).objects
    assert parquet.read_table(io.BytesIO(parquet_bytes(rows, OBJECT_COLUMNS))).to_pylist() == rows
