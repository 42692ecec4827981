"""What may come as a picture file, and the one sentence about what may not."""

from __future__ import annotations

import io
import os
import resource
import struct
import warnings
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile
from tests.data.pictures import BLUE, GREEN, GREY, RED, RGB, RGBA, encoded, put
from tests.saying import says

from asgnet.data.read import MOST_PIXELS, read_labels, read_mask, read_picture, read_support
from asgnet.errors import AsgnetWarning, PictureError, SupportError

pytestmark = pytest.mark.usefixtures("unexpected_notes_fail")


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


def jpeg_header(width: int, height: int) -> bytes:
    data = bytearray(encoded(RGB, "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


# --------------------------------------------------------------------------------------------------
# Upright

# Row 0 and column 0 of what is stored, by the EXIF standard, of the upright picture [[1, 2], [3, 4], [5, 6]].
STORED = {
    1: [[1, 2], [3, 4], [5, 6]],
    2: [[2, 1], [4, 3], [6, 5]],
    3: [[6, 5], [4, 3], [2, 1]],
    4: [[5, 6], [3, 4], [1, 2]],
    5: [[1, 3, 5], [2, 4, 6]],
    6: [[2, 4, 6], [1, 3, 5]],
    7: [[6, 4, 2], [5, 3, 1]],
    8: [[5, 3, 1], [6, 4, 2]],
}


def turned(orientation: int, kind: str, values: np.ndarray | None = None) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.array(STORED[orientation], np.uint8) if values is None else values
    lossless = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}.get(kind, {})
    image = Image.fromarray(stored * 40)
    return encoded(image if kind != "WEBP" else image.convert("RGB"), kind, exif=exif, **lossless)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_the_picture_upright(orientation, kind, tmp_path):
    picture = read_picture(put(tmp_path / "p", turned(orientation, kind)))
    np.testing.assert_array_equal(picture[..., 0], np.array(STORED[1]) * 40)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_a_jpeg_and_its_mask_alike(orientation, tmp_path):
    stored = np.array(STORED[orientation], np.uint8).repeat(8, 0).repeat(8, 1)
    picture = read_picture(put(tmp_path / "p.jpg", turned(orientation, "JPEG", stored)))
    assert abs(picture[4::8, 4::8, 0].astype(int) - np.array(STORED[1]) * 40).max() <= 2
    painted = put(tmp_path / "m.png", turned(orientation, "PNG", (stored == 6).astype(np.uint8)))
    mask = read_mask(painted, (24, 16))
    np.testing.assert_array_equal(mask[4::8, 4::8], [[0, 0], [0, 0], [0, 1]])


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"", b"Exif\0\0II*\0\xff\xff\xff\xff", bytes(300)])
def test_broken_exif_is_no_reason_to_refuse(exif, tmp_path):
    data = encoded(np.full((8, 8, 3), 90, np.uint8), "JPEG", exif=exif)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own words about it
        assert read_picture(put(tmp_path / "p.jpg", data)).shape == (8, 8, 3)


def test_an_orientation_out_of_range_is_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 99
    path = put(tmp_path / "p.png", encoded(GREY, "PNG", exif=exif))
    np.testing.assert_array_equal(read_picture(path)[..., 0], GREY)


# --------------------------------------------------------------------------------------------------
# Several frames


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_of_several_frames_the_first_is_used_and_said(kind, tmp_path):
    frames = [Image.new("RGB", (4, 4), c) for c in (RED, BLUE, GREEN)]
    how = {"lossless": True} if kind == "WEBP" else {}
    path = put(tmp_path / "a", encoded(frames[0], kind, save_all=True, append_images=frames[1:], **how))
    with pytest.warns(AsgnetWarning, match="'.*a' has several frames or pages; only the first is used"):
        picture = read_picture(path)
    np.testing.assert_array_equal(picture, np.array(frames[0]))


@pytest.mark.parametrize("kind", ["GIF", "PNG"])
def test_a_broken_second_frame_does_not_cost_the_first(kind, tmp_path):
    frames = [
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (40, 40), np.uint8)) for i in range(2)
    ]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    with pytest.warns(AsgnetWarning):
        picture = read_picture(put(tmp_path / "a", data[:-400]))
    np.testing.assert_array_equal(picture[..., 0], np.array(frames[0]))


def test_a_photograph_with_a_preview_behind_it_is_one_picture(tmp_path):
    image = Image.new("RGB", (16, 16), RED)
    path = put(tmp_path / "p.mpo", encoded(image, "MPO", save_all=True, append_images=[image]))
    assert read_picture(path).shape == (16, 16, 3)


# --------------------------------------------------------------------------------------------------
# What cannot be read

JPEG = encoded(np.random.default_rng(1).integers(0, 256, (40, 40, 3), np.uint8), "JPEG")
PNG = encoded(np.random.default_rng(1).integers(0, 256, (40, 40, 3), np.uint8), "PNG")
UNREADABLE = {
    "empty": (b"", "is an empty file; copy it again"),
    "one byte": (b"\x89", "is not a picture in a known format"),
    "text": (b"Dear reader,\nno picture.\n", "is not a picture in a known format; open it in a viewer"),
    "html": (b"<!DOCTYPE html><html></html>" * 9, "save it as PNG or JPEG"),
    "zeros": (bytes(4096), "is not a picture in a known format"),
    "pdf": (b"%PDF-1.7\n" + bytes(100), "is not a picture in a known format"),
    "eps, which would run a program": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "known format"),
    "truncated jpeg": (JPEG[: len(JPEG) // 2], "is damaged or cut short"),
    "jpeg of a few bytes": (JPEG[:30], "is damaged or cut short"),
    "truncated png": (PNG[: len(PNG) // 2], "copy it again from its source or leave it out"),
    "png of a signature": (PNG[:8], "is damaged or cut short"),
    "png with a broken checksum": (PNG[:40] + b"!" + PNG[41:], "is damaged or cut short"),
    "png with broken data": (PNG[:60] + bytes(50) + PNG[110:], "is damaged or cut short"),
    "truncated gif": (encoded(GREY, "GIF")[:-12], "is damaged or cut short"),
    "truncated tiff": (encoded(RGB, "TIFF")[:60], "is damaged or cut short"),
    "truncated webp": (encoded(RGB, "WEBP")[:40], "is damaged or cut short"),
    "truncated bmp": (encoded(RGB, "BMP")[:80], "is damaged or cut short"),
    "png without pixels": (png_header(0, 5), "is damaged or cut short"),
    "200 megapixels png": (png_header(20000, 10000), "has 200 megapixels (20000×10000), more than the 100"),
    "200 megapixels jpeg": (jpeg_header(20000, 10000), "shrink it or cut it into tiles"),
    "4 gigapixels png": (png_header(65535, 65535), "has 4295 megapixels (65535×65535)"),
    "just too many": (png_header(10001, 10000), "has 100 megapixels (10001×10000)"),
    "a bomb as wide as a header allows": (png_header(2**31 - 1, 1), "(2147483647×1)"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNREADABLE)
def test_an_unreadable_file_is_named_with_its_remedy(case, tmp_path):
    data, fragment = UNREADABLE[case]
    path = put(tmp_path / "my photo.jpg", data)
    with pytest.raises(PictureError) as error:
        read_picture(path)
    says(error, "my photo.jpg'", fragment)
    with pytest.raises(SupportError) as error:
        read_mask(path)
    says(error, "The mask cannot be used", "my photo.jpg'", fragment)
    with pytest.raises(SupportError) as error:
        read_support(path, np.ones((5, 7)))
    says(error, "The support cannot be used", "my photo.jpg'", fragment)
    with pytest.raises(PictureError) as error:
        read_labels(path)
    says(error, "my photo.jpg'", fragment)


def test_a_missing_path():
    for path in ("no/such picture.png", "no\0such.png", Path("/dev/null/inside.png")):
        with pytest.raises(PictureError) as error:
            read_picture(path)
        says(error, "does not exist; check the path", "such" if "such" in str(path) else "inside.png")


def test_a_folder(tmp_path):
    with pytest.raises(PictureError) as error:
        read_picture(tmp_path)
    says(error, tmp_path.name, "is a folder", "name a picture inside it")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(PictureError) as error:
            read_picture(path)
        says(error, Path(path).name, "save the picture to a file")


def test_no_permission(nobody, tmp_path):
    path = put(tmp_path / "mine.png", PNG)
    path.chmod(0)
    with nobody(), pytest.raises(PictureError) as error:
        read_picture(path)
    says(error, "mine.png", "permission denied", "make it readable")


def test_a_name_that_is_too_long(tmp_path):
    with pytest.raises(PictureError) as error:
        read_picture(tmp_path / ("x" * 300))
    says(error, "xxx", "cannot be opened", "check the path")


def test_too_little_memory(monkeypatch, tmp_path):
    def full(self):
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", full)
    with pytest.raises(PictureError) as error:
        read_picture(put(tmp_path / "big.bmp", encoded(RGB, "BMP")))
    says(error, "big.bmp", "does not fit into memory", "shrink it")


@pytest.mark.parametrize(
    ("file_name", "shown"),
    [
        (b"a b.jpg", "a b.jpg"),
        (b"a\nb.jpg", r"a\nb.jpg"),
        ("🐈 çà.jpg".encode(), "🐈 çà.jpg"),
        (b"\xff\xfe.jpg", r"\udcff\udcfe.jpg"),
        (b"a\x1b[31m.jpg", r"a\x1b[31m.jpg"),
        ("\u202egpj.exe".encode(), r"\u202egpj.exe"),
    ],
    ids=["space", "newline", "emoji", "not utf-8", "terminal escape", "right to left"],
)
def test_strange_names_are_read_and_shown_printably(file_name, shown, tmp_path):
    path = tmp_path / os.fsdecode(file_name)
    put(path, PNG)
    assert read_picture(path).shape == (40, 40, 3)
    put(path, b"text, not a picture")
    with pytest.raises(PictureError) as error:
        read_picture(path)
    says(error, shown, "known format")


@pytest.mark.parametrize("header", [png_header(20000, 10000), jpeg_header(20000, 10000)], ids=["png", "jpeg"])
def test_a_bomb_is_refused_before_anything_is_decoded(header, tmp_path, monkeypatch):
    def never(self):
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", never)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(PictureError, match="200 megapixels"):
        read_picture(put(tmp_path / "bomb", header))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB; the pixels are 600 MB


def test_the_limit_can_be_moved_and_is_not_pillows(monkeypatch, tmp_path):
    path = put(tmp_path / "p.png", encoded(RGB, "PNG"))
    with pytest.raises(PictureError, match="7×5"):
        read_picture(path, most_pixels=34)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_picture(path, most_pixels=35).shape == RGB.shape
    assert Image.MAX_IMAGE_PIXELS == 1


def test_a_bomb_that_pillow_itself_refuses(monkeypatch, tmp_path):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1)
    with pytest.raises(PictureError) as error:
        read_picture(put(tmp_path / "p.webp", encoded(RGB, "WEBP")))
    says(error, "p.webp", "megapixels", "shrink it")


CLEAR = encoded(Image.fromarray(GREY).convert("P"), "PNG", transparency=1)
BASES = [
    encoded(RGB, "PNG"), encoded(RGB, "JPEG"), encoded(GREY, "GIF"), encoded(RGB, "TIFF"),
    encoded(RGB, "WEBP"), encoded(RGB, "BMP"), encoded(RGB, "TGA"), encoded(RGBA, "PNG"), CLEAR,
    turned(6, "JPEG"),
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(BASES), st.data())
def test_whatever_is_in_a_file_there_is_a_picture_or_one_sentence(base, data):
    damaged = bytearray(base[: data.draw(st.integers(1, len(base)))])
    change = st.tuples(st.integers(0, len(base) - 1), st.integers(0, 255))
    for at, value in data.draw(st.lists(change, max_size=4)):
        damaged[at % len(damaged)] = value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for read, refusal in ((read_picture, PictureError), (read_mask, SupportError)):
            with suppress(refusal):
                assert read(io.BytesIO(damaged)).dtype == np.uint8


def test_the_limit_is_what_the_documentation_says():
    assert MOST_PIXELS == 100_000_000
