import pytest

from asgnet.errors import UsageError
from asgnet.imaging.units import PixelSize


@pytest.mark.parametrize(
    ("text", "side", "unit"),
    [("0.25um", 0.25, "um"), ("0.25 µm", 0.25, "um"), (".5mm", 0.5, "mm"), ("1e1nm", 10, "nm")],
)
def test_pixel_sizes(text, side, unit):
    assert PixelSize.parse(text) == PixelSize(side, unit)


@pytest.mark.parametrize("text", ["", "0.25", "um", "0um", "-1um", "1 inch", "nan um", "1um3"])
def test_what_is_no_pixel_size(text):
    with pytest.raises(UsageError, match="A pixel size is a length such as"):
        PixelSize.parse(text)


def test_areas_in_pixels():
    quarter = PixelSize(0.25, "um")
    assert quarter.pixels("20um2") == pytest.approx(320)
    assert quarter.pixels("0.00002 mm²") == pytest.approx(320)
    assert quarter.pixels("20") == 20
    assert quarter.pixels("0") == 0
    assert PixelSize().pixels("20px") == 20
    with pytest.raises(UsageError, match="--pixel-size"):
        PixelSize().pixels("20um2")
    with pytest.raises(UsageError, match="An area is"):
        quarter.pixels("large")
