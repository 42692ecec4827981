"""Examples: every way to give them means the same; what teaches nothing is refused in a sentence."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asgnet.apply.examples.read import is_one, read_examples
from asgnet.errors import SupportError, UsageError

PICTURE = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
MASK = np.zeros((5, 7), bool)
MASK[1:3, 2:5] = True


@pytest.fixture
def files(tmp_path):
    """A picture and its mask as PNG."""
    Image.fromarray(PICTURE).save(tmp_path / "picture.png")
    Image.fromarray(MASK).save(tmp_path / "mask.png")
    return tmp_path / "picture.png", tmp_path / "mask.png"


def test_one_example_however_it_is_given(files):
    image, mask = files
    with open(image, "rb") as picture_stream, open(mask, "rb") as mask_stream:
        ways = [
            (PICTURE, MASK),
            ([PICTURE], [MASK]),
            ((PICTURE,), np.uint8(3) * MASK),
            (image, mask),
            (str(image), str(mask)),
            (Image.fromarray(PICTURE), Image.fromarray(MASK)),
            (iter([PICTURE]), iter([MASK])),
            (picture_stream, mask_stream),
        ]
        for images, masks in ways:
            read, pictures, *_ = read_examples(images, masks)
            assert list(read) == ["object"]
            np.testing.assert_array_equal(pictures, [PICTURE])
            np.testing.assert_array_equal(read["object"], [MASK])
            assert pictures[0].dtype == read["object"][0].dtype == np.uint8


def test_classes_keep_their_order_and_may_be_absent():
    masks = {"mug": [MASK, None], "cat": [np.zeros_like(MASK), ~MASK], 7: [MASK, MASK]}
    read, pictures, *_ = read_examples([PICTURE, PICTURE], masks)
    assert list(read) == ["mug", "cat", "7"]
    assert len(pictures) == 2
    assert read["mug"][1] is None
    assert read["cat"][0] is None
    assert (read["cat"][1] == ~MASK).all()


def test_pixels_to_ignore_stay():
    mask = np.zeros((5, 7), np.uint8)
    mask[0], mask[1] = 1, 255
    read, *_ = read_examples(PICTURE, mask)
    assert set(np.unique(read["object"][0])) == {0, 1, 255}


@pytest.mark.parametrize(
    ("images", "masks", "error", "says"),
    [
        ([], [], SupportError, "no example"),
        (PICTURE, {}, UsageError, "no class"),
        (PICTURE, {" ": MASK}, UsageError, "cannot be called ' '"),
        (PICTURE, {"a b": MASK, "a  b": MASK}, UsageError, "'a b' and 'a  b', which differ in white space"),
        ([PICTURE, PICTURE], [MASK], UsageError, "2 pictures but 1 masks of object"),
        (PICTURE, [MASK, MASK], UsageError, "1 pictures but 2 masks"),
        ([PICTURE] * 2, {"mug": [MASK, MASK], "cat": [MASK]}, UsageError, "1 masks of cat"),
        (PICTURE, np.zeros((5, 7), bool), SupportError, "empty"),
        (PICTURE, None, SupportError, "mask"),
        (PICTURE, {"mug": None}, SupportError, "No example shows mug"),
        ([PICTURE] * 2, {"mug": [MASK, MASK], "cat": [None, 0 * MASK]}, SupportError, "shows cat"),
        (PICTURE, np.ones((5, 6), bool), SupportError, "6×5"),
        (PICTURE, MASK.T, SupportError, "rotated"),
        (np.zeros((0, 7, 3), np.uint8), MASK, SupportError, "no pixels"),
        (PICTURE.astype(int), MASK, SupportError, "uint8"),
        ("nowhere.png", MASK, SupportError, r"nowhere\.png"),
        (PICTURE, "nowhere.png", SupportError, r"nowhere\.png"),
        (None, MASK, UsageError, "pictures cannot be a NoneType"),
        (5, MASK, UsageError, "pictures cannot be a int"),
        ([None], [MASK], SupportError, "NoneType is not a picture"),
        (PICTURE, 5, UsageError, "masks of object cannot be a int"),
        (PICTURE, [5], SupportError, "int is not a picture"),
    ],
)
def test_what_teaches_nothing_is_refused(images, masks, error, says):
    with pytest.raises(error, match=says) as refused:
        read_examples(images, masks)
    assert refused.value.exit_code == (4 if error is SupportError else 2)
    assert "\n" not in str(refused.value)


def test_a_damaged_file_is_named(tmp_path, files):
    broken = tmp_path / "broken.png"
    broken.write_bytes(files[0].read_bytes()[:60])
    for images, masks in ((broken, MASK), (PICTURE, broken)):
        with pytest.raises(SupportError, match=r"broken\.png"):
            read_examples(images, masks)


@pytest.mark.parametrize(
    ("given", "single"),
    [
        ("a.png", True),
        (b"a.png", True),
        (Path("a.png"), True),
        (PICTURE, True),
        (Image.fromarray(PICTURE), True),
        (io.BytesIO(), True),
        ([PICTURE], False),
        (("a.png", "b.png"), False),
        (iter(["a.png"]), False),
        (None, False),
    ],
)
def test_one_or_several(given, single):
    assert is_one(given) == single


@pytest.mark.parametrize("colours", [True, False], ids=["photograph", "soft edges"])
def test_a_picture_and_its_mask_swapped_are_said_and_soft_masks_of_drawings_are_not(tmp_path, colours):
    drawing = np.zeros((40, 40), np.uint8)
    drawing[10:30, 10:30] = 255
    ramp = np.linspace(0, 255, 1600).astype(np.uint8).reshape(40, 40)
    other = np.random.default_rng(0).integers(0, 256, (40, 40, 3)).astype(np.uint8) if colours else ramp
    Image.fromarray(drawing).save(tmp_path / "mug_mask.png")
    Image.fromarray(other).save(tmp_path / "mug.png")
    if colours:
        with pytest.raises(SupportError, match=r"mug_mask.png' is black and white, .*mug.png' .*swapped"):
            read_examples(tmp_path / "mug_mask.png", tmp_path / "mug.png")
        read_examples(tmp_path / "mug.png", tmp_path / "mug_mask.png")
    else:
        with pytest.warns(UserWarning, match="soft edges"):
            read_examples(tmp_path / "mug_mask.png", tmp_path / "mug.png")
