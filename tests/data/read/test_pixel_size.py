"""The size of pixels in the tags of each kind of file."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from asgnet.data.read import read_pixel_size
from asgnet.errors import PictureError
from asgnet.imaging.units import PixelSize

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8)


def ome(path, **said):
    tifffile.imwrite(path, GREY, ome=True, metadata={"axes": "YX", **said})
    return path


@pytest.mark.parametrize("unit", ["µm", "nm", "mm"])
def test_ome(tmp_path, unit):
    said = {
        "PhysicalSizeX": 0.25,
        "PhysicalSizeY": 0.25,
        "PhysicalSizeXUnit": unit,
        "PhysicalSizeYUnit": unit,
    }
    assert read_pixel_size(ome(tmp_path / "a.ome.tif", **said)) == PixelSize(0.25, unit.replace("µ", "u"))


def test_ome_in_two_units_that_agree_and_two_that_contradict_each_other(tmp_path):
    said = {"PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "nm"}
    found = read_pixel_size(ome(tmp_path / "a.ome.tif", PhysicalSizeY=250, **said))
    assert (found.side, found.unit) == (pytest.approx(0.25), "um")
    with pytest.raises(PictureError, match="not square; resample it"):
        read_pixel_size(ome(tmp_path / "b.ome.tif", PhysicalSizeY=0.25, **said))


@pytest.mark.parametrize("unit", ["micron", "\\u00B5m", "um"])
def test_imagej(tmp_path, unit):
    tifffile.imwrite(tmp_path / "a.tif", GREY, imagej=True, resolution=(4, 4), metadata={"unit": unit})
    assert read_pixel_size(tmp_path / "a.tif") == PixelSize(0.25, "um")


def test_centimetres_count_and_inches_do_not(tmp_path):
    for unit in ("CENTIMETER", "INCH"):
        tifffile.imwrite(tmp_path / f"{unit}.tif", GREY, resolution=(20_000, 20_000), resolutionunit=unit)
    assert read_pixel_size(tmp_path / "CENTIMETER.tif") == PixelSize(0.5, "um")
    assert read_pixel_size(tmp_path / "INCH.tif") is None


def test_maps_in_metres_count_and_in_degrees_do_not(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    for name, crs in (("metres", 32632), ("degrees", 4326)):
        with rasterio.open(
            tmp_path / name, "w", driver="GTiff", width=8, height=6, count=1, dtype="uint8", crs=f"EPSG:{crs}",
            transform=rasterio.Affine(0.5, 0, 10, 0, -0.5, 50),
        ) as file:  # fmt: skip
            file.write(GREY, 1)
    assert read_pixel_size(tmp_path / "metres") == PixelSize(0.5, "m")
    assert read_pixel_size(tmp_path / "degrees") is None


def test_dicom(tmp_path):
    pydicom = pytest.importorskip("pydicom")
    data = pydicom.Dataset()
    data.preamble, data.file_meta = b"\0" * 128, pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data.PixelSpacing = [0.7, 0.7]
    data.save_as(tmp_path / "a.dcm", enforce_file_format=False)
    assert read_pixel_size(tmp_path / "a.dcm") == PixelSize(0.7, "mm")
    data.PixelSpacing = [0.7, 0.5]
    data.save_as(tmp_path / "b.dcm", enforce_file_format=False)
    with pytest.raises(PictureError, match=r"0\.5 by 0\.7 mm"):
        read_pixel_size(tmp_path / "b.dcm")


def test_what_says_nothing(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.png", dpi=(300, 300))
    whole = ome(tmp_path / "a.ome.tif", PhysicalSizeX=0.0, PhysicalSizeY=0.0).read_bytes()
    (tmp_path / "cut.tif").write_bytes(whole[:40])
    for source in (tmp_path / "a.png", tmp_path / "cut.tif", io.BytesIO(whole), tmp_path / "none.tif", GREY):
        assert read_pixel_size(source) is None
