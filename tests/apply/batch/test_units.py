"""A run's measures are in the units of the files' tags, or of --pixel-size."""

import csv

import numpy as np
import pytest
import tifffile
from PIL import Image
from tests.apply.batch.test_run import Segmenter

from asgnet.apply.batch.run import segment_all
from asgnet.errors import AsgnetWarning


@pytest.fixture
def scans(tmp_path):
    """Objects of 6×8 and of 1×2 pixels, of 0.5 µm each, and the same in a file that says nothing."""
    image = np.zeros((12, 16), np.uint8)
    image[3:9, 4:12] = image[11, :2] = 200
    tifffile.imwrite(tmp_path / "a.tif", image, imagej=True, resolution=(2, 2), metadata={"unit": "um"})
    Image.fromarray(image).save(tmp_path / "b.png")
    return [tmp_path / "a.tif", tmp_path / "b.png"]


def rows(path):
    return [(row["picture"][-5:], float(row["area"]), row["unit"]) for row in csv.DictReader(path.open())]


def test_each_file_is_measured_as_its_tags_say(scans, tmp_path):
    segment_all(Segmenter(), scans, tmp_path / "out", formats=("measures", "counts"))
    assert rows(tmp_path / "out" / "measures.csv") == [
        ("a.tif", 12.0, "um"),
        ("a.tif", 0.5, "um"),
        ("b.png", 48.0, "px"),
        ("b.png", 2.0, "px"),
    ]


def test_small_objects_are_left_out_by_their_size_in_units(scans, tmp_path):
    out = tmp_path / "out"
    summary = segment_all(Segmenter(), scans, out, formats=("measures", "png"), min_area="1um2")
    assert rows(out / "measures.csv") == [("a.tif", 12.0, "um")]
    ((_, reason),) = summary.failed
    assert reason == "An area of 1um2 needs the size of a pixel; give --pixel-size 0.25um, say."
    assert not (out / "b.png").exists()
    segment_all(
        Segmenter(), scans[1:], tmp_path / "b", formats=("measures",), min_area="1um2", pixel_size="0.5um"
    )
    assert rows(tmp_path / "b" / "measures.csv") == [("b.png", 12.0, "um")]


def test_a_pixel_size_that_contradicts_the_tags_is_said_once_and_holds(scans, tmp_path):
    with pytest.warns(AsgnetWarning, match=r"a pixel is 0\.5 um wide, --pixel-size that it is 1um") as said:
        segment_all(Segmenter(), scans[:1], tmp_path / "out", formats=("measures",), pixel_size="1um")
    assert len(said) == 1
    assert [area for _, area, _ in rows(tmp_path / "out" / "measures.csv")] == [48, 2]


def test_tables_in_parquet(scans, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    formats = ("measures", "measures-parquet", "counts-parquet")
    segment_all(Segmenter(), scans, tmp_path / "out", formats=formats)
    table = parquet.read_table(tmp_path / "out" / "measures.parquet").to_pylist()
    assert [(row["picture"][-5:], row["area"], row["unit"]) for row in table] == rows(
        tmp_path / "out" / "measures.csv"
    )
    assert parquet.read_table(tmp_path / "out" / "counts.parquet")["count"].to_pylist() == [2, 2]
