"""What may come as a picture, and which pixels it becomes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from tests.data.pictures import BLACK, BLUE, GREEN, GREY, RED, RGB, RGBA, TWO, WHITE, encoded, put
from tests.saying import says

from asgnet.data.read import read_picture
from asgnet.errors import AsgnetWarning, PictureError

pytestmark = pytest.mark.usefixtures("unexpected_notes_fail")


def _palette(transparent: bool) -> bytes:
    image = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    return encoded(image, "PNG", **({"transparency": 1} if transparent else {}))


COMPOSED = [[RED, WHITE], [(127, 127, 127), GREEN]]
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


@pytest.mark.parametrize(
    ("values", "expected", "said"),
    [
        (np.array([[0, 4095]], np.uint16), [0, 255], "from 0 to 4095; 0 is shown as black and 4095 as white"),
        (np.array([[0, 70000]], np.int32), [0, 255], "70000 as white"),
        (np.array([[-10, 10]], np.int32), [0, 255], "-10 is shown as black"),
        (np.array([[0, 200]], np.float32), [0, 255], "200 as white"),
        (np.array([[-1, 1]], np.float32), [0, 255], "-1 is shown as black"),
        (np.array([[np.nan, 2]], np.float32), [0, 255], "from 2 to 2; 0 is shown"),
    ],
    ids=["12 bits", "32 bits", "signed", "float 0..200", "float -1..1", "undefined"],
)
def test_deep_values_are_scaled_and_said(values, expected, said, tmp_path):
    with pytest.warns(AsgnetWarning, match=said):
        picture = read_picture(put(tmp_path / "deep.tif", encoded(values, "TIFF")))
    np.testing.assert_array_equal(picture[0, :, 0], expected)


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
