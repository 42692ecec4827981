import numpy as np
import pytest
import tifffile

from asgnet.data.read import geo_tags
from asgnet.data.tiled import write_tiled

rng = np.random.default_rng(0)
PALETTE = rng.integers(0, 256, (256, 3), np.uint8)


def in_strips(array, *cuts):
    return np.split(array, cuts)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_rows_become_tiles_whatever_the_strips(tmp_path, kind):
    picture = rng.integers(0, 99, (1100, 700)).astype(kind)
    write_tiled(tmp_path / "a.tif", in_strips(picture, 3, 600), picture.shape)
    write_tiled(tmp_path / "b.tif", in_strips(picture, 512, 1024, 1099), picture.shape)
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages[0].is_tiled
        np.testing.assert_array_equal(file.asarray(), picture)


def test_classes_have_colours(tmp_path):
    write_tiled(tmp_path / "x.tif", [np.array([[0, 1, 2]], np.uint8)], (1, 3), palette=PALETTE)
    with tifffile.TiffFile(tmp_path / "x.tif") as file:
        assert (np.asarray(file.pages[0].colormap).T >> 8 == PALETTE).all()
        assert file.asarray().tolist() == [[0, 1, 2]]


def test_it_lies_where_the_picture_lies(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    where = {"crs": "EPSG:32632", "transform": rasterio.Affine(0.5, 0, 4e5, 0, -0.5, 5e6)}
    options = {"driver": "GTiff", "height": 20, "width": 30, "count": 3, "dtype": "uint8"}
    with rasterio.open(tmp_path / "picture.tif", "w", **options, **where) as file:
        file.write(np.zeros((3, 20, 30), np.uint8))
    write_tiled(
        tmp_path / "mask.tif", [np.zeros((20, 30), np.uint8)], (20, 30), geo_tags(tmp_path / "picture.tif")
    )
    with rasterio.open(tmp_path / "mask.tif") as mask:
        assert (mask.crs, mask.transform) == (where["crs"], where["transform"])


def test_what_is_no_tiff_lies_nowhere(tmp_path):
    (tmp_path / "x.tif").write_bytes(b"II*\0nonsense")
    for source in (tmp_path / "x.tif", tmp_path / "none.tif", np.zeros(3), None):
        assert geo_tags(source) == []
