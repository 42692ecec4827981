"""What may come as a picture or a mask, and what must be said about the rest."""

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
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageFile

from asgnet.data.images import (
    MOST_PIXELS,
    list_pictures,
    read_labels,
    read_mask,
    read_picture,
    read_support,
    save_png,
    squash,
    squash_mask,
)
from asgnet.errors import AsgnetWarning, DataError, PictureError, SupportError, UsageError

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
GREY = np.arange(35, dtype=np.uint8).reshape(5, 7) * 7


@pytest.fixture(autouse=True)
def _unexpected_notes_fail():
    with warnings.catch_warnings():
        warnings.simplefilter("error", AsgnetWarning)
        yield


def says(error: pytest.ExceptionInfo, *fragments: str) -> None:
    """One printable sentence that holds all the fragments."""
    text = str(error.value)
    assert text.isprintable()
    assert text.endswith(".")
    for fragment in fragments:
        assert fragment in text


def encoded(image: np.ndarray | Image.Image, kind: str, **how) -> bytes:
    stream = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(stream, kind, **how)
    return stream.getvalue()


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


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
# Pictures that can be read


def _palette(transparent: bool) -> bytes:
    image = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    return encoded(image, "PNG", **({"transparency": 1} if transparent else {}))


RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)
RGBA = np.array([[[255, 0, 0, 255], [9, 9, 9, 0]], [[0, 0, 0, 128], [0, 255, 0, 255]]], np.uint8)
COMPOSED = [[RED, WHITE], [(127, 127, 127), GREEN]]
TWO = np.array([[0, 255], [255, 0]], np.uint8)
TWO_RGB = [[BLACK, WHITE], [WHITE, BLACK]]
READABLE = {
    "1-bit": (encoded(Image.fromarray(TWO).convert("1"), "PNG"), TWO_RGB),
    "grey": (encoded(TWO, "PNG"), TWO_RGB),
    "grey with a transparent value": (encoded(TWO, "PNG", transparency=0), [[WHITE, WHITE], [WHITE, WHITE]]),
    "grey with alpha": (encoded(np.stack([TWO, TWO], -1), "PNG"), [[WHITE, WHITE], [WHITE, WHITE]]),
    "palette": (_palette(False), [[RED, GREEN], [BLUE, GREEN]]),
    "palette with a transparent entry": (_palette(True), [[RED, WHITE], [BLUE, WHITE]]),
    "RGB": (encoded(RGB, "PNG"), RGB),
    "RGBA": (encoded(RGBA, "PNG"), COMPOSED),
    "RGBA TIFF": (encoded(RGBA, "TIFF"), COMPOSED),
    "RGBA WebP": (encoded(np.array([[[255, 0, 0, 0]]], np.uint8), "WEBP", lossless=True), [[WHITE]]),
    "16 bits, high range": (encoded(np.array([[0, 65535], [32896, 257]], np.uint16), "PNG"),
                            [[BLACK, WHITE], [(128,) * 3, (1,) * 3]]),
    "16 bits, all black": (encoded(np.zeros((1, 2), np.uint16), "PNG"), [[BLACK, BLACK]]),
    "float TIFF in [0, 1]": (encoded(np.array([[0, 1], [0.5, 0.25]], np.float32), "TIFF"),
                             [[BLACK, WHITE], [(128,) * 3, (64,) * 3]]),
    "BMP": (encoded(RGB, "BMP"), RGB),
    "PPM": (encoded(RGB, "PPM"), RGB),
    "GIF of one frame": (encoded(TWO, "GIF"), TWO_RGB),
    "TGA": (encoded(RGB, "TGA"), RGB),
    "lossless WebP": (encoded(RGB, "WEBP", lossless=True), RGB),
    "lossless JPEG 2000": (encoded(RGB, "JPEG2000"), RGB),
}  # fmt: skip


@pytest.mark.parametrize("case", READABLE)
def test_a_file_becomes_these_pixels(case, tmp_path):
    data, expected = READABLE[case]
    picture = read_picture(put(tmp_path / "picture", data))
    assert picture.dtype == np.uint8
    assert picture.flags.writeable
    np.testing.assert_array_equal(picture, np.array(expected))


def test_a_path_a_string_a_stream_and_a_pil_image_are_the_same_picture(tmp_path):
    path = put(tmp_path / "p.png", encoded(RGB, "PNG"))
    with open(path, "rb") as stream, Image.open(path) as image:
        for source in (path, str(path), stream, image, io.BytesIO(path.read_bytes())):
            np.testing.assert_array_equal(read_picture(source), RGB)


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("CMYK", (0, 255, 255, 0), RED),
        ("YCbCr", (76, 85, 255), (254, 0, 0)),
        ("HSV", (85, 255, 255), GREEN),
        ("LAB", (255, 128, 128), WHITE),
        ("LA", (0, 0), WHITE),
        ("La", (0, 0), WHITE),
        ("RGBa", (0, 0, 0, 0), WHITE),
        ("PA", (0, 0), WHITE),
        ("RGBX", (255, 0, 0, 0), RED),
        ("I;16", 65535, WHITE),
        ("I", 65535, WHITE),
        ("F", 1.0, WHITE),
        ("1", 1, WHITE),
        ("L", 7, (7, 7, 7)),
    ],
)
def test_every_pillow_mode(mode, colour, expected):
    image = Image.new(mode, (3, 2), colour)
    picture = read_picture(image)
    assert picture.shape == (2, 3, 3)
    assert abs(picture.astype(int) - expected).max() <= 1


def test_cmyk_jpeg_keeps_its_colours(tmp_path):
    data = encoded(Image.new("RGB", (16, 16), (200, 30, 60)).convert("CMYK"), "JPEG", quality=100)
    assert abs(read_picture(put(tmp_path / "c.jpg", data)).astype(int) - (200, 30, 60)).max() < 4


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (RGB, RGB),
        (GREY, np.stack([GREY] * 3, -1)),
        (GREY[..., None], np.stack([GREY] * 3, -1)),
        (RGBA, COMPOSED),
        (TWO == 255, TWO_RGB),
        (TWO / 255, TWO_RGB),
        ((RGB / 255).astype(np.float32), RGB),
        ((TWO / 255).astype(np.float16)[..., None], TWO_RGB),
        (RGB.astype(np.uint16) * 257, RGB),
        (RGB[::-1, ::2], RGB[::-1, ::2]),
    ],
    ids=["rgb", "grey", "hw1", "rgba", "bool", "float64", "float32", "float16", "uint16", "strided"],
)
def test_arrays(array, expected):
    np.testing.assert_array_equal(read_picture(array), np.array(expected))


def test_an_array_is_copied():
    array = RGB.copy()
    picture = read_picture(array)
    array[:] = 0
    np.testing.assert_array_equal(picture, RGB)


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
# Decisions that are said


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


@pytest.mark.parametrize(
    ("values", "expected", "said"),
    [
        (np.array([[0, 4095]], np.uint16), [0, 255], "from 0 to 4095; 0 is shown as black and 4095 as white"),
        (np.array([[0, 70000]], np.int32), [0, 255], "70000 as white"),
        (np.array([[-10, 10]], np.int32), [0, 255], "-10 is shown as black"),
        (np.array([[0, 200]], np.float32), [0, 255], "200 as white"),
        (np.array([[-1, 1]], np.float32), [0, 255], "-1 is shown as black"),
        (np.array([[np.nan, 2]], np.float32), [0, 255], "from 0 to 2"),
    ],
    ids=["12 bits", "32 bits", "signed", "float 0..200", "float -1..1", "undefined"],
)
def test_deep_values_are_scaled_and_said(values, expected, said, tmp_path):
    with pytest.warns(AsgnetWarning, match=said):
        picture = read_picture(put(tmp_path / "deep.tif", encoded(values, "TIFF")))
    np.testing.assert_array_equal(picture[0, :, 0], expected)


# --------------------------------------------------------------------------------------------------
# Pictures that cannot be read

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


@pytest.mark.parametrize(
    ("source", "fragments"),
    [
        (np.zeros((3, 40, 50), np.uint8), ["(3, 40, 50)", "channels last"]),
        (np.zeros((2, 4, 5, 3), np.uint8), ["(2, 4, 5, 3)", "one picture at a time"]),
        (np.zeros(9, np.uint8), ["(9,)", "h×w×3"]),
        (np.zeros((4, 5, 2), np.uint8), ["(4, 5, 2)", "h×w×3"]),
        (np.zeros((0, 5, 3), np.uint8), ["no pixels", "leave it out"]),
        (np.zeros((4, 5, 3), np.int64), ["int64", ".astype(np.uint8)"]),
        (np.zeros((4, 5, 3), complex), ["complex128", ".astype(np.uint8)"]),
        (np.full((4, 5, 3), 200.0), ["beyond [0, 1]", "divide it"]),
        (np.full((4, 5, 3), np.nan), ["beyond [0, 1]", "divide it"]),
        (np.full((4, 5), -0.5), ["beyond [0, 1]", "divide it"]),
        (Image.new("RGB", (0, 4)), ["no pixels", "0×4"]),
        (7, ["A int is not a picture", "give a path"]),
        (None, ["A NoneType is not a picture", "give a path"]),
        (io.BytesIO(b""), ["empty file"]),
    ],
    ids=["chw", "batch", "1-d", "2 channels", "0 rows", "int64", "complex", "0..255", "nan", "negative",
         "0 wide", "int", "None", "empty stream"],
)  # fmt: skip
def test_what_is_no_picture_in_memory(source, fragments):
    with pytest.raises(PictureError) as error:
        read_picture(source)
    says(error, *fragments)


BASES = [
    encoded(RGB, "PNG"), encoded(RGB, "JPEG"), encoded(GREY, "GIF"), encoded(RGB, "TIFF"),
    encoded(RGB, "WEBP"),
    encoded(RGB, "BMP"), encoded(RGBA, "PNG"), _palette(True), turned(6, "JPEG"), encoded(RGB, "TGA"),
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


# --------------------------------------------------------------------------------------------------
# Masks


def grey_png(values) -> bytes:
    return encoded(np.array(values, np.uint8), "PNG")


def palette_png(values, palette=(0, 0, 0, 255, 0, 0, 0, 255, 0)) -> bytes:
    image = Image.fromarray(np.array(values, np.uint8))
    image.putpalette(list(palette) + [255, 255, 255] * (256 - len(palette) // 3))
    return encoded(image, "PNG")


def rgb_png(values) -> bytes:
    return encoded(np.array(values, np.uint8), "PNG")


CUT_OUT = np.array([[[255, 0, 0, 127], [0, 0, 0, 128]], [[0, 0, 0, 0], [9, 9, 9, 255]]], np.uint8)
MASKS = {
    "grey 0 and 1": (grey_png([[0, 1], [1, 0]]), [[0, 1], [1, 0]]),
    "grey 0 and 255: 255 is object": (grey_png([[0, 255], [255, 0]]), [[0, 1], [1, 0]]),
    "grey 0 and 7": (grey_png([[0, 7], [7, 0]]), [[0, 1], [1, 0]]),
    "grey class indices": (grey_png([[0, 1, 2], [0, 1, 2]]), [[0, 1, 1], [0, 1, 1]]),
    "1-bit": (encoded(Image.fromarray(TWO).convert("1"), "PNG"), [[0, 1], [1, 0]]),
    "16 bits, 0 and 65535": (encoded(TWO.astype(np.uint16) * 257, "PNG"), [[0, 1], [1, 0]]),
    "16-bit instances beyond 255": (
        encoded(np.array([[0, 255, 255], [0, 255, 255], [300, 255, 255]], np.uint16), "PNG"),
        [[0, 1, 1], [0, 1, 1], [1, 1, 1]],
    ),
    "palette: the index counts": (palette_png([[0, 1], [2, 0]]), [[0, 1], [1, 0]]),
    "palette whose colour 0 is white": (palette_png([[0, 1]], (255, 255, 255, 0, 0, 0)), [[0, 1]]),
    "palette with 255: ignore": (palette_png([[0, 1], [255, 255]]), [[0, 1], [255, 255]]),
    "palette with 255 alone: object": (palette_png([[0, 255], [255, 0]]), [[0, 1], [1, 0]]),
    "palette of large indices is never soft": (palette_png([[0, 40, 90, 200]]), [[0, 1, 1, 1]]),
    "colours on black": (rgb_png([[BLACK, RED], [(1, 0, 0), BLUE]]), [[0, 1], [1, 1]]),
    "white in colours is no ignore": (rgb_png([[BLACK, RED], [WHITE, BLACK]]), [[0, 1], [1, 0]]),
    "grey stored as RGB": (rgb_png([[BLACK, WHITE], [WHITE, BLACK]]), [[0, 1], [1, 0]]),
    "cut-out: alpha from 128": (rgb_png(CUT_OUT), [[0, 1], [0, 1]]),
    "grey cut-out": (rgb_png(CUT_OUT[..., [0, 3]]), [[0, 1], [0, 1]]),
    "RGBA of one alpha: colours": (rgb_png([[(0, 0, 0, 255), (9, 0, 0, 255)]]), [[0, 1]]),
    "RGBA of no alpha: colours": (rgb_png([[(0, 0, 0, 0), (255, 255, 255, 0)]]), [[0, 1]]),
    "grey with one alpha": (rgb_png([[(0, 255), (9, 255)]]), [[0, 1]]),
    "float TIFF of 0 and 1": (encoded(np.array([[0, 1]], np.float32), "TIFF"), [[0, 1]]),
    "GIF": (encoded(TWO, "GIF"), [[0, 1], [1, 0]]),
    "BMP": (encoded(TWO, "BMP"), [[0, 1], [1, 0]]),
}  # fmt: skip


@pytest.mark.parametrize("case", MASKS)
def test_a_file_becomes_this_mask(case, tmp_path):
    data, expected = MASKS[case]
    mask = read_mask(put(tmp_path / "mask", data), np.shape(expected))
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[True, False]]), [[1, 0]]),
        (np.array([[0, 255]], np.uint8), [[0, 1]]),
        (np.array([[0, 3, -0]]), [[0, 1, 0]]),
        (np.array([[0, 70000]], np.int64), [[0, 1]]),
        (np.array([[0.0, 1.0]]), [[0, 1]]),
        (np.array([[[0], [9]]], np.uint8), [[0, 1]]),
        (np.array([[BLACK, RED]], np.uint8), [[0, 1]]),
        (CUT_OUT, [[0, 1], [0, 1]]),
    ],
    ids=["bool", "uint8", "int", "int64", "float", "hw1", "rgb", "rgba"],
)
def test_masks_in_memory(array, expected):
    np.testing.assert_array_equal(read_mask(array), expected)


def test_255_beside_grey_indices_is_ignored_and_said():
    values = np.array([[0, 15, 15], [0, 15, 255]], np.uint8)
    with pytest.warns(AsgnetWarning, match="'a.png' has 255 beside other values: 255 is ignored"):
        mask = read_mask(values, name="'a.png'")
    np.testing.assert_array_equal(mask, [[0, 1, 1], [0, 1, 255]])
    np.testing.assert_array_equal(read_mask(values, ignore=False), [[0, 1, 1], [0, 1, 1]])


def disc(blur: int) -> tuple[np.ndarray, np.ndarray]:
    """An anti-aliased disc, 0 to 255, and where it covers at least half a pixel."""
    y, x = np.mgrid[:64, :64]
    cover = np.clip((20 - np.hypot(y - 31.3, x - 30.7)) / blur + 0.5, 0, 1)
    return (cover * 255).round().astype(np.uint8), cover >= 0.5


@pytest.mark.parametrize("blur", [1, 2, 8])
def test_soft_edges_are_cut_at_half_and_said(blur, tmp_path):
    values, expected = disc(blur)
    with pytest.warns(AsgnetWarning, match=r"mask.png' has soft edges; from half the maximum \(127.5\)"):
        mask = read_mask(put(tmp_path / "mask.png", grey_png(values)))
    np.testing.assert_array_equal(mask, values >= 127.5)
    assert (mask != expected).mean() < 0.01


@pytest.mark.parametrize("top", [255, 180], ids=["white", "grey"])
def test_soft_floats_and_one_grey_at_the_edge(top):
    probability = disc(3)[0].astype(np.float32) / 255
    with pytest.warns(AsgnetWarning, match="soft"):
        np.testing.assert_array_equal(read_mask(probability), probability >= 0.5)
    half = np.zeros((20, 20), np.uint8)
    half[5:15, 5:15] = top
    half[5:15, 4] = top // 2 - 1  # a rectangle that begins within a pixel
    with pytest.warns(AsgnetWarning, match="soft"):
        assert read_mask(half).sum() == 100


def test_a_jpeg_mask_is_soft_whatever_its_values(tmp_path):
    values = np.zeros((64, 64), np.uint8)
    values[20:45, 13:50] = 255
    for image in (Image.fromarray(values), Image.fromarray(values).convert("RGB")):
        with pytest.warns(AsgnetWarning, match="soft"):
            mask = read_mask(put(tmp_path / "m.jpg", encoded(image, "JPEG", quality=60)))
        np.testing.assert_array_equal(mask, values > 0)
    red = np.stack([values, values * 0, values * 0], -1)
    with pytest.warns(AsgnetWarning, match="soft"):
        mask = read_mask(put(tmp_path / "m.jpg", encoded(red, "JPEG", quality=95, subsampling=0)))
    assert (mask != (values > 0)).mean() < 0.01


def test_many_instances_are_no_soft_edge():
    labels = np.kron(np.arange(144).reshape(12, 12), np.ones((6, 6))).astype(np.uint8)
    np.testing.assert_array_equal(read_mask(labels), labels > 0)


def test_thin_strokes_of_small_indices_are_no_soft_edge():
    strokes = np.zeros((30, 30), np.uint8)
    strokes[4], strokes[:, 9], strokes[20] = 1, 2, 9
    np.testing.assert_array_equal(read_mask(strokes), strokes > 0)


def test_a_full_mask_is_allowed_and_said():
    with pytest.warns(AsgnetWarning, match="'a.png' covers the whole picture, so there is no background"):
        assert read_mask(np.ones((3, 4)), name="'a.png'").all()


@pytest.mark.parametrize(
    ("source", "size", "fragments"),
    [
        (np.zeros((3, 4), np.uint8), None, ["is empty", "paint the object"]),
        (grey_png(np.zeros((3, 4))), (3, 4), ["is empty", "paint the object"]),
        (palette_png(np.zeros((3, 4))), None, ["is empty", "nothing is painted"]),
        (rgb_png(np.zeros((3, 4, 3))), None, ["is empty", "nothing is painted"]),
        (np.ones((3, 4)), (4, 3), ["4×3", "3×4", "rotated by 90°", "EXIF"]),
        (np.ones((3, 4)), (6, 8), ["4×3", "8×6", "resized", "nearest neighbour"]),
        (np.ones((333, 500)), (666, 1000), ["500×333", "1000×666", "resize the mask to 1000×666"]),
        (np.ones((250, 333)), (768, 1024), ["333×250", "resize the mask to 1024×768"]),
        (np.ones((30, 40)), (30, 90), ["40×30", "90×30", "another picture's", "paint the mask on"]),
        (np.full((3, 4), -1), None, ["negative or undefined", "use 0 (background) and 1"]),
        (np.full((3, 4), np.nan), None, ["negative or undefined", "use 0 (background) and 1"]),
        (np.ones((2, 3, 4, 5)), None, ["shape (2, 3, 4, 5)", "channels last"]),
        (np.ones((0, 4)), None, ["no pixels", "leave it out"]),
        (np.ones(4), None, ["shape (4,)", "channels last"]),
        ("nowhere.png", None, ["'nowhere.png' does not exist", "check the path"]),
        (3, None, ["A int is not a picture", "give a path"]),
    ],
    ids=["empty array", "empty grey", "empty palette", "empty colours", "rotated", "resized", "halved",
         "resized and rounded", "another's", "negative", "nan", "4-d", "0 rows", "1-d", "missing", "int"],
)  # fmt: skip
def test_a_mask_that_teaches_nothing(source, size, fragments, tmp_path):
    source = put(tmp_path / "m.png", source) if isinstance(source, bytes) else source
    with pytest.raises(SupportError) as error:
        read_mask(source, size)
    says(error, "mask", *fragments, *(["m.png"] if isinstance(source, Path) else []))


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)), st.integers(1, 255)
)
def test_a_binary_mask_is_the_same_in_every_dress(region, value):
    values = region.astype(np.uint8) * value
    dresses = [
        region, values, values.astype(int), grey_png(values), palette_png(values),
        rgb_png(np.stack([values] * 3, -1)), rgb_png(np.stack([values, values * 0, values * 0], -1)),
        encoded(values.astype(np.uint16) * 257, "PNG"), encoded(Image.fromarray(region), "PNG"),
    ]  # fmt: skip
    for dress in dresses:
        source = io.BytesIO(dress) if isinstance(dress, bytes) else dress
        with warnings.catch_warnings():
            warnings.simplefilter("ignore" if region.all() else "error")
            if region.any():
                np.testing.assert_array_equal(read_mask(source, region.shape), region)
            else:
                with pytest.raises(SupportError):
                    read_mask(source, region.shape)


def test_a_support_is_a_picture_and_its_mask(tmp_path):
    picture = put(tmp_path / "p.png", encoded(RGB, "PNG"))
    support = read_support(picture, put(tmp_path / "m.png", grey_png(GREY > 99)))
    np.testing.assert_array_equal(support.image, RGB)
    np.testing.assert_array_equal(support.mask, GREY > 99)
    assert support.name == repr(str(picture))
    assert read_support(RGB, GREY > 99, name="mug").name == "mug"


def test_a_support_whose_mask_belongs_elsewhere(tmp_path):
    with pytest.raises(SupportError) as error:
        read_support(RGB, put(tmp_path / "m.png", grey_png(np.ones((7, 5)))))
    says(error, "m.png", "5×7", "7×5", "rotated")


def test_labels_are_untouched(tmp_path):
    values = np.array([[0, 15, 255], [1, 2, 254]], np.uint8)
    for data in (grey_png(values), palette_png(values), encoded(values.astype(np.uint16), "PNG"),
                 turned(6, "PNG", values // 40)):  # fmt: skip
        labels = read_labels(put(tmp_path / "l.png", data))
        assert labels.dtype == np.uint8
        np.testing.assert_array_equal(labels, values // 40 * 40 if labels.max() < 255 else values)
    assert read_labels(put(tmp_path / "l.png", encoded(Image.fromarray(values > 3), "PNG"))).max() == 1


@pytest.mark.parametrize(
    ("data", "mode"),
    [
        (encoded(RGB, "PNG"), "RGB"),
        (encoded(RGBA, "PNG"), "RGBA"),
        (encoded(np.array([[256]], np.uint16), "PNG"), "I;16"),
        (encoded(np.array([[0.5]], np.float32), "TIFF"), "F"),
    ],
    ids=["colours", "alpha", "beyond 255", "float"],
)
def test_what_holds_no_labels(data, mode, tmp_path):
    with pytest.raises(DataError) as error:
        read_labels(put(tmp_path / "l.png", data))
    says(error, "l.png", mode, "give a palette or grey PNG")


# --------------------------------------------------------------------------------------------------
# Writing


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16, bool]),
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9),
    )
)
def test_png_keeps_every_value(tmp_path_factory, array):
    path = tmp_path_factory.getbasetemp() / "round.png"
    save_png(path, array)
    expected = array.astype(np.uint8) * 255 if array.dtype == bool else array
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), expected)
    if array.dtype == np.uint8:
        save_png(path, array, palette=np.arange(768).reshape(256, 3) % 256)
        np.testing.assert_array_equal(read_labels(path), array)


def test_png_of_colours_of_pil_and_of_a_palette(tmp_path):
    path = tmp_path / "p.png"
    for image in (RGB, RGB[:, ::-1], Image.fromarray(RGB)):
        save_png(path, image)
        np.testing.assert_array_equal(read_picture(path), np.asarray(image))
    save_png(path, np.array([[0, 1]], np.uint8), palette=[BLACK, RED])
    np.testing.assert_array_equal(read_picture(path), [[BLACK, RED]])
    with Image.open(path) as image:
        assert image.mode == "P"


# --------------------------------------------------------------------------------------------------
# Squares


def test_squash_averages_what_each_pixel_covers():
    picture = np.zeros((1, 4, 3), np.uint8)
    picture[0, 1] = 7, 70, 255
    small = squash(picture, 2)
    assert small.dtype == np.uint8
    # Four columns become two: the first sees three of them with weights 3 3 1, of seven.
    np.testing.assert_array_equal(small, [[[3, 30, 109], [1, 10, 36]]] * 2)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(0, 255))
def test_a_plain_picture_stays_plain(h, w, side, value):
    np.testing.assert_array_equal(squash(np.full((h, w, 3), value, np.uint8), side), value)


def test_a_square_of_that_side_is_copied():
    picture = np.random.default_rng(0).integers(0, 256, (6, 6, 3), np.uint8)
    same, mask = squash(picture, 6), squash_mask(picture[..., 0], 6)
    np.testing.assert_array_equal(same, picture)
    np.testing.assert_array_equal(mask, picture[..., 0])
    assert not np.shares_memory(same, picture)
    assert not np.shares_memory(mask, picture)


def test_squash_mask_takes_the_value_at_each_pixel_s_centre():
    mask = np.array([[0, 1, 255, 7], [2, 3, 4, 5]], np.uint8)
    np.testing.assert_array_equal(squash_mask(mask, 1), [[4]])
    np.testing.assert_array_equal(squash_mask(mask, 2), [[1, 7], [3, 5]])
    np.testing.assert_array_equal(squash_mask(mask[:, :3], 2), [[0, 255], [2, 4]])
    np.testing.assert_array_equal(squash_mask(mask[:1] == 1, 4), [[False, True, False, False]] * 4)
    assert squash_mask(mask.astype(np.int32), 3).dtype == np.int32


@given(st.integers(1, 9).flatmap(lambda side: hnp.arrays(np.uint8, (side, side))), st.integers(1, 5))
def test_squash_mask_repeats_a_mask_and_finds_it_again(mask, times):
    side = len(mask)
    large = squash_mask(mask, times * side)
    np.testing.assert_array_equal(large, mask.repeat(times, axis=0).repeat(times, axis=1))
    np.testing.assert_array_equal(squash_mask(large, side), mask)


# --------------------------------------------------------------------------------------------------
# Listing


@pytest.fixture
def album(tmp_path) -> Path:
    for name in ("b.JPG", "a.png", "notes.txt", "sub/c.tiff", "sub/deep/d.webp", ".hidden/e.png", "._b.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        put(tmp_path / name, b"")
    return tmp_path


def names(found: list[Path], album: Path) -> list[str]:
    return [p.relative_to(album).as_posix() for p in found]


def test_a_folder_gives_its_pictures(album):
    assert names(list_pictures(album), album) == ["a.png", "b.JPG", "sub/c.tiff", "sub/deep/d.webp"]
    assert names(list_pictures([str(album)], recursive=False), album) == ["a.png", "b.JPG"]


def test_a_pattern_and_a_named_file_of_any_ending(album):
    found = list_pictures([f"{album}/*.png", album / "notes.txt", f"{album}/**/*.webp"])
    assert names(found, album) == ["a.png", "notes.txt", "sub/deep/d.webp"]
    assert names(list_pictures(f"{album}/s*"), album) == ["sub/c.tiff", "sub/deep/d.webp"]


def test_nothing_comes_twice(album, monkeypatch):
    monkeypatch.chdir(album)
    found = list_pictures(["a.png", "./a.png", album / "a.png", ".", "sub/../a.png"])
    assert [p.name for p in found].count("a.png") == 1
    assert len(found) == 4


def test_a_name_with_brackets_is_a_name_first(album):
    put(album / "x[1].png", b"")
    assert names(list_pictures(f"{album}/x[1].png"), album) == ["x[1].png"]


def test_a_missing_name_is_kept_so_that_reading_it_says_why(album):
    assert names(list_pictures(album / "gone.png"), album) == ["gone.png"]


def test_finding_nothing(album):
    (album / "empty").mkdir()
    warnings.simplefilter("ignore")
    for wanted in (album / "empty", f"{album}/*.bmp", []):
        with pytest.raises(UsageError) as error:
            list_pictures(wanted)
        says(error, "No pictures found in", Path(wanted).name if wanted else "an empty list", "name pictures")


def test_finding_nothing_in_one_of_several_is_said(album):
    (album / "empty").mkdir()
    with pytest.warns(AsgnetWarning, match="No pictures in '.*empty'"):
        assert names(list_pictures([album / "empty", album / "a.png"]), album) == ["a.png"]


def test_the_limit_is_what_the_documentation_says():
    assert MOST_PIXELS == 100_000_000
