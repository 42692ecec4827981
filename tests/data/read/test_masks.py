"""What may come as a mask, and what must be said about the rest."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from tests.data.pictures import BLACK, BLUE, GREY, RED, RGB, RGBA, TWO, WHITE, encoded, put
from tests.saying import says

from asgnet.data.read import read_labels, read_mask, read_support
from asgnet.errors import AsgnetWarning, DataError, SupportError

pytestmark = pytest.mark.usefixtures("unexpected_notes_fail")


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
            # An object of 255 along the whole frame is rightly said to be unusual.
            warnings.filterwarnings("ignore", message=".*white is taken for the object")
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
    exif = Image.Exif()
    exif[0x0112] = 6
    for data in (grey_png(values), palette_png(values), encoded(values.astype(np.uint16), "PNG"),
                 encoded(values, "PNG", exif=exif)):  # fmt: skip
        labels = read_labels(put(tmp_path / "l.png", data))
        assert labels.dtype == np.uint8
        np.testing.assert_array_equal(labels, values)
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


def test_a_mask_of_asgnet_s_own_is_taken_without_a_word(recwarn):
    mask = np.array([[0, 1], [255, 1]], np.uint8)
    np.testing.assert_array_equal(read_mask(mask), mask)
    assert not recwarn.list
