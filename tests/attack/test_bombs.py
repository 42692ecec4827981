"""Small files, large work: refused before they are decoded, in little time and memory."""

from __future__ import annotations

import io
import struct
import sys

import numpy as np
import pytest
from PIL import Image, features
from tests.attack.bombs import cost_of, grey_png, icon, many_scans

from asgnet.data.read import frame_count, read_labels, read_mask, read_picture
from asgnet.data.read.bombs import MOST_SCANS, largest_in_icon, scans
from asgnet.errors import PictureError, SupportError

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is measured by /proc")


def jpeg(size=(96, 64), **how) -> bytes:
    encoded = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    Image.fromarray(noise).save(encoded, "JPEG", **how)
    return encoded.getvalue()


@LINUX
@pytest.mark.parametrize(
    ("name", "made", "said"),
    [
        ("scans.jpg", lambda: many_scans(20_000), "more than 100 scans"),
        ("filled.jpg", lambda: many_scans(20_000, between=b"\xff\xff"), "more than 100 scans"),
        ("between.jpg", lambda: many_scans(20_000, between=b"rubbish"), "more than 100 scans"),
        ("hidden.ico", lambda: icon(grey_png(13_300, 13_300)), "177 megapixels"),
        ("hidden.ico", lambda: icon(grey_png(13_300, 13_300), 60_000), "177 megapixels"),
        ("hidden.png", lambda: icon(grey_png(13_300, 13_300)), "177 megapixels"),
        ("large.png", lambda: grey_png(20_000, 20_000), "400 megapixels"),
    ],
    ids=[
        "scans",
        "fill bytes between",
        "rubbish between",
        "icon",
        "many icons",
        "icon under another name",
        "png",
    ],
)
def test_a_bomb_is_refused_within_two_seconds_and_200_megabytes(tmp_path, name, made, said):
    file = tmp_path / name
    file.write_bytes(made())
    assert file.stat().st_size < 3_000_000
    cost = cost_of(file)
    assert said in cost.said
    assert cost.seconds < 2
    assert cost.megabytes < 200


@LINUX
@pytest.mark.parametrize("kind", [0, 2], ids=["grey", "colours"])
def test_a_large_picture_takes_little_more_memory_than_its_pixels(tmp_path, kind):
    file = tmp_path / "large.png"
    file.write_bytes(grey_png(7000, 7000, 120, kind))
    cost = cost_of(file)
    assert cost.said == "(7000, 7000, 3)"
    assert cost.megabytes < 450


def test_a_jpeg_of_as_many_scans_as_are_allowed_is_read():
    data = many_scans(MOST_SCANS - 11, side=64)
    assert scans(data, 1000) <= MOST_SCANS
    assert read_picture(io.BytesIO(data)).shape == (64, 64, 3)
    with pytest.raises(PictureError, match="more than 100 scans"):
        read_picture(io.BytesIO(many_scans(MOST_SCANS, side=64)))


def test_scans_are_counted_as_a_decoder_goes_through_them():
    assert scans(jpeg(), 100) == 1
    assert scans(jpeg(progressive=True), 100) == 10
    assert scans(jpeg(progressive=True, restart_marker_rows=1), 100) == 10
    thumbnail = b"\xff\xe1" + struct.pack(">H", 2 + len(jpeg())) + jpeg(progressive=True)
    assert scans(b"\xff\xd8" + thumbnail[: 2 + 2 + len(jpeg())] + jpeg()[2:], 100) == 1
    assert scans(jpeg() + jpeg(progressive=True), 100) == 1  # what follows the end is not decoded
    for length in range(2, 600):
        scans(jpeg(progressive=True)[:length], 100)  # cut anywhere


def test_a_plain_icon_is_read():
    for inside in ("png", "bmp"):
        encoded = io.BytesIO()
        Image.new("RGBA", (48, 32), (200, 30, 30, 255)).save(
            encoded, "ICO", sizes=[(48, 32)], bitmap_format=inside
        )
        assert read_picture(io.BytesIO(encoded.getvalue())).shape == (32, 48, 3)
    assert largest_in_icon(io.BytesIO(b"\0\0\1\0\xff\xff")) == (0, 0)  # its list is cut off


@pytest.mark.skipif(not features.check("jpg_2000"), reason="Pillow was built without JPEG 2000")
def test_a_jpeg_2000_whose_box_says_less_than_its_stream_is_refused():
    encoded = io.BytesIO()
    Image.new("L", (9000, 9000)).save(encoded, "JPEG2000")
    data = bytearray(encoded.getvalue())
    at = data.index(b"ihdr") + 4
    data[at : at + 8] = struct.pack(">II", 10, 10)
    with pytest.raises(PictureError, match="damaged"):
        read_picture(io.BytesIO(bytes(data)), most_pixels=1_000_000)


def test_masks_may_have_no_more_pixels_than_pictures():
    mask = grey_png(2000, 2000, 255)
    with pytest.raises(SupportError, match="more than the 1 that are read"):
        read_mask(io.BytesIO(mask), most_pixels=1_000_000)
    with pytest.raises(PictureError, match="more than the 1 that are read"):
        read_labels(io.BytesIO(mask), most_pixels=1_000_000)


@pytest.mark.parametrize("ending", ["tif", "webp", "gif"])
def test_what_runs_other_programs_is_not_opened_whatever_it_is_called(tmp_path, ending):
    """Encapsulated PostScript goes to Ghostscript."""
    encoded = io.BytesIO()
    Image.new("RGB", (40, 30)).save(encoded, "EPS")
    file = tmp_path / f"drawing.{ending}"
    file.write_bytes(encoded.getvalue())
    assert frame_count(file) is None
    with pytest.raises(PictureError, match="not a picture in a known format"):
        read_picture(file)
