"""Pictures of every kind there is: what cannot be read is refused by name, all else is read."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asgnet.data.read import read_picture
from asgnet.errors import PictureError

pytestmark = pytest.mark.filterwarnings("ignore::asgnet.errors.AsgnetWarning")

RGB = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)


def encoded(kind, image=RGB, **how) -> bytes:
    stream = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(stream, kind, **how)
    return stream.getvalue()


def png_announcing(width, height) -> bytes:
    """A PNG whose header promises so many pixels, and three bytes of them."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = b""
    for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(b"abc")), (b"IEND", b"")):
        chunks += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return b"\x89PNG\r\n\x1a\n" + chunks


JPEG, PNG = encoded("JPEG"), encoded("PNG")
BAD = {
    "text renamed.jpg": (b"Dear diary, this is no picture at all.", "not a picture", "save it as PNG"),
    "html renamed.png": (b"<html><body>404 not found</body></html>", "not a picture", "save it as PNG"),
    "archive renamed.png": (b"PK\x03\x04" + bytes(60), "not a picture", "save it as PNG"),
    "zero bytes.jpg": (b"", "empty file", "copy it again"),
    "one byte.png": (b"\x89", "not a picture", "save it as PNG"),
    "jpeg cut in the header.jpg": (JPEG[:20], "damaged", "copy it again"),
    "jpeg cut in half.jpg": (JPEG[: len(JPEG) // 2], "damaged", "copy it again"),
    "png cut in half.png": (PNG[: len(PNG) // 2], "damaged", "copy it again"),
    "png cut in its signature.png": (PNG[:6], "not a picture", "save it as PNG"),
    "png with a broken checksum.png": (PNG[:20] + b"\xff" + PNG[21:], "damaged", "copy it again"),
    "gif cut short.gif": (encoded("GIF")[:30], "damaged", "copy it again"),
    "webp cut short.webp": (encoded("WEBP")[:40], "damaged", "copy it again"),
    "tiff cut short.tif": (encoded("TIFF")[:50], "damaged", "copy it again"),
    "bmp cut short.bmp": (encoded("BMP")[:200], "damaged", "copy it again"),
    "header bomb.png": (png_announcing(30_000, 30_000), "900 megapixels", "cut it into tiles"),
    "wide bomb.png": (png_announcing(2**31 - 1, 1), "megapixels", "cut it into tiles"),
    "nothing wide.png": (png_announcing(0, 5), "damaged", "copy it again"),
    "postscript.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture", "save it"),
    "svg.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture", "save it as PNG"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_picture_that_cannot_be_read_is_refused_by_name(tmp_path, refused, name):
    data, what, remedy = BAD[name]
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(PictureError) as error:
        read_picture(path)
    assert type(error.value) is PictureError
    refused.text(str(error.value), name, what, remedy)
    assert list(tmp_path.iterdir()) == [path]


def test_the_command_line_lists_each_of_them_does_the_rest_and_leaves_nothing_of_them(world, run, refused):
    for name, (data, _, _) in BAD.items():
        Path("photos", name).write_bytes(data)
    Path("photos/video.jpg").mkdir()
    words = [f"photos/{name}" for name in BAD]
    ended = run("segment", *words, "photos/1.png", "photos/2.png", "--support", "a.png", "a_mask.png",
                "--out", "out", "--runtime", "torch")  # fmt: skip
    assert ended.code == 3
    refused.text(ended.err, "2 segmented", f"{len(BAD)} failed", *BAD)
    assert ended.out.split() == ["out/1.png", "out/2.png"]
    assert ended.left == ["out", "out/1.png", "out/2.png", "out/manifest.jsonl"]


GREY = RGB[..., 0]
LINE = np.tile(RGB[:1, :50], (1, 200, 1))
NAMES = ["a b.png", "new\nline.png", "😀.png", "-dash.png", "'\".png", b"caf\xe9.png"]
SEEN = {
    "wrong extension": (encoded("PNG"), "a.jpg", RGB),
    "no extension": (encoded("PNG"), "a", RGB),
    "1 bit": (encoded("PNG", Image.fromarray(GREY > 99)), "a.png", np.where(GREY > 99, 255, 0)),
    "grey": (encoded("PNG", GREY), "a.png", GREY),
    "16 bit": (encoded("PNG", GREY.astype(np.uint16) * 257), "a.png", GREY),
    "float tiff": (encoded("TIFF", GREY.astype(np.float32) / 255), "a.tif", GREY),
    "grey with alpha": (encoded("PNG", np.dstack([GREY, np.full_like(GREY, 255)])), "a.png", GREY),
    "transparent": (encoded("PNG", np.dstack([RGB, np.zeros_like(GREY)])), "a.png", np.full_like(RGB, 255)),
    "animated gif": (
        encoded("GIF", Image.new("L", (5, 4), 0), save_all=True, append_images=[Image.new("L", (5, 4), 255)]),
        "a.gif",
        np.zeros((4, 5), np.uint8),
    ),
    "animated webp": (
        encoded(
            "WEBP", Image.new("RGB", (5, 4)), save_all=True, lossless=True,
            append_images=[Image.new("RGB", (5, 4), "white")],
        ),
        "a.webp",
        np.zeros((4, 5), np.uint8),
    ),
    "one pixel": (encoded("PNG", RGB[:1, :1]), "a.png", RGB[:1, :1]),
    "a line of 10,000": (encoded("PNG", LINE), "a.png", LINE),
    "corrupt exif": (encoded("PNG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f"), "a.png", RGB),
    "corrupt exif of a photo": (encoded("JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f"), "a.jpg",
                                np.asarray(Image.open(io.BytesIO(JPEG)))),
    "rubbish behind the end": (PNG + b"rubbish" * 99, "a.png", RGB),
}  # fmt: skip


@pytest.mark.parametrize("kind", SEEN)
def test_unusual_pictures_are_seen_as_a_person_sees_them(tmp_path, kind):
    data, name, expected = SEEN[kind]
    (tmp_path / name).write_bytes(data)
    seen = read_picture(tmp_path / name)
    expected = expected if expected.ndim == 3 else np.repeat(expected[..., None], 3, 2)
    assert seen.dtype == np.uint8
    np.testing.assert_array_equal(seen, expected)


def test_the_command_line_segments_all_of_them(world, run):
    for i, (data, name, _) in enumerate(SEEN.values()):
        Path(f"photos/{i:02}{Path(name).suffix}").write_bytes(data)
    ended = run("segment", *sorted(Path("photos").iterdir()), 
                "--support", "a.png", "a_mask.png", "--out", "out", "--runtime", "torch")  # fmt: skip
    assert ended.code == 0, ended.err
    first = [min(Path("out").glob(f"{i:02}*.png")) for i in range(len(SEEN))]  # of animations the first frame
    sizes = [Image.open(path).size for path in first]
    assert sizes == [expected.shape[1::-1] for *_, expected in SEEN.values()]


@pytest.mark.parametrize("kind", ["CMYK", "palette with transparency", "YCbCr"])
def test_other_colours_become_rgb(tmp_path, kind):
    image = Image.new("RGB", (6, 4), (200, 30, 30))
    if kind == "palette with transparency":
        image = image.quantize(4)
        image.info["transparency"] = 3 - image.getpixel((0, 0))
    else:
        image = image.convert(kind)
    image.save(tmp_path / "a", "PNG" if image.mode == "P" else "JPEG", quality=100)
    seen = read_picture(tmp_path / "a")
    assert seen.shape == (4, 6, 3)
    assert np.abs(seen.astype(int) - (200, 30, 30)).max() <= 8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright(tmp_path, orientation):
    upright = np.zeros((40, 60), np.uint8)
    upright[:20, :30] = 255
    back = {1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
            5: lambda a: a.T, 6: lambda a: np.rot90(a), 7: lambda a: a[::-1, ::-1].T,
            8: lambda a: np.rot90(a, -1)}  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(back[orientation](upright))).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png")[..., 0], upright)


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_read_and_said_on_one_line(tmp_path, refused, name):
    path = os.path.join(os.fsencode(tmp_path), os.fsencode(name))
    with open(path, "wb") as file:
        file.write(PNG)
    np.testing.assert_array_equal(read_picture(Path(os.fsdecode(path))), RGB)
    with open(path, "wb") as file:
        file.write(b"no picture")
    with pytest.raises(PictureError) as error:
        read_picture(Path(os.fsdecode(path)))
    refused.text(str(error.value), "not a picture", ".png")
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    ("make", "what", "remedy"),
    [
        (lambda p: p / "gone.png", "does not exist", "check the path"),
        (lambda p: p, "is a folder", "name a picture inside"),
        (lambda p: "nul\0byte.png", "does not exist", "check the path"),
        (lambda p: "x" * 300, "cannot be opened", "check the path"),
        (lambda p: Path("/dev/null"), "a pipe or a device", "save the picture to a file"),
        (lambda p: 7, "int is not a picture", "give a path"),
        (lambda p: None, "NoneType is not a picture", "give a path"),
        (lambda p: np.zeros((3, 4, 5)), "of shape (3, 4, 5)", "channels last"),
        (lambda p: np.zeros((0, 4, 3), np.uint8), "no pixels", "leave it out"),
        (lambda p: np.full((3, 4), np.nan), "beyond [0, 1]", "divide it"),
        (lambda p: np.zeros((3, 4), np.int64), "array of int64", "astype(np.uint8)"),
        (lambda p: io.BytesIO(b""), "empty file", "copy it again"),
    ],
    ids=["missing", "folder", "nul", "long name", "device", "number", "nothing", "channels first", "no rows",
         "nan", "int64", "empty stream"],
)  # fmt: skip
def test_what_is_no_picture_file_is_refused_too(tmp_path, refused, make, what, remedy):
    with pytest.raises(PictureError) as error:
        read_picture(make(tmp_path))
    assert type(error.value) is PictureError
    refused.text(str(error.value), what, remedy)
