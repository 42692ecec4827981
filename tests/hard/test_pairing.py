"""How people call a picture and its mask: all of these are paired, and none wrongly."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from PIL import Image

from asgnet.apply.examples.pairing import pair_folder
from asgnet.errors import UsageError

CAFE = "café"
HASH = "0123456789abcdef0123456789abcdef"
# (picture, mask) of each pair
CONVENTIONS = {
    "same stem": [("a.jpg", "a.png")],
    "a_mask": [("a.png", "a_mask.png")],
    "a-mask": [("a.jpg", "a-mask.png")],
    "a_masks": [("a.jpg", "a_masks.png")],
    "a_seg": [("a.jpg", "a_seg.png")],
    "a_segmentation": [("a.jpg", "a_segmentation.png")],
    "a_label": [("a.jpg", "a_label.png")],
    "a_labels": [("a.jpg", "a_labels.png")],
    "a_gt": [("a.jpg", "a_gt.png")],
    "a_GT": [("a.jpg", "a_GT.png")],
    "a_groundtruth": [("a.jpg", "a_groundtruth.png")],
    "a_annotation": [("a.jpg", "a_annotation.png")],
    "mask_a": [("a.jpg", "mask_a.png")],
    "seg_a": [("a.jpg", "seg_a.png")],
    "gt_a": [("a.jpg", "gt_a.png")],
    "a.jpg.png": [("a.jpg", "a.jpg.png")],
    "a.jpg_mask.png": [("a.jpg", "a.jpg_mask.png")],
    "Cellpose": [("x.png", "x_cp_masks.png")],
    "DeepGlobe": [("12_sat.jpg", "12_mask.png"), ("34_sat.jpg", "34_mask.png")],
    "a_image and a_mask": [("a_image.png", "a_mask.png")],
    "a_rgb and a_gt": [("a_rgb.png", "a_gt.png")],
    "images and masks": [("images/a.jpg", "masks/a.png")],
    "image and label": [("image/a.jpg", "label/a.png")],
    "image and mask": [("image/a.png", "mask/a.png")],
    "images and labels": [("images/a.png", "labels/a.png")],
    "img and gt": [("img/a.png", "gt/a.png")],
    "input and target": [("input/a.png", "target/a.png")],
    "images and annotations": [("images/a.jpg", "annotations/a.png")],
    "JPEGImages and SegmentationClass": [("JPEGImages/a.jpg", "SegmentationClass/a.png")],
    "folders with marked names": [("images/a.jpg", "masks/a_mask.png")],
    "train and val": [("train/images/a.jpg", "train/masks/a.png"), ("val/images/a.jpg", "val/masks/a.png")],
    "images/train": [("images/train/a.jpg", "masks/train/a.png"), ("images/val/a.jpg", "masks/val/a.png")],
    "other cases": [("A.JPG", "a_MASK.PNG")],
    "NFC and NFD": [
        (unicodedata.normalize("NFC", f"{CAFE}.jpg"), unicodedata.normalize("NFD", f"{CAFE}_mask.png"))
    ],
    "NFD and NFC": [
        (unicodedata.normalize("NFD", f"{CAFE}.jpg"), unicodedata.normalize("NFC", f"{CAFE}.png"))
    ],
    "Roboflow": [(f"x_jpg.rf.{HASH}.jpg", f"x_jpg.rf.{HASH}_mask.png")],
    "Roboflow's mask of the original": [("x.jpg", f"x_jpg.rf.{HASH}_mask.png")],
    "several at once": [(f"{n}.jpg", f"{n}_mask.png") for n in ("a", "ab", "abc", "b", "mask")],
    "numbers": [(f"{n}.jpg", f"{n}.png") for n in ("1", "01", "10", "101")],
    "spaces": [("my cup 1.jpg", "my cup 1_mask.png")],
}


def put(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.eye(8, dtype=np.uint8)).save(path, "PNG")


@pytest.mark.parametrize("case", CONVENTIONS)
def test_a_picture_is_paired_with_its_own_mask(tmp_path, case):
    expected = CONVENTIONS[case]
    put(tmp_path, *(name for pair in expected for name in pair))
    found = pair_folder(tmp_path)
    pairs = {tuple(path.relative_to(tmp_path).as_posix() for path in pair) for pair in found.pairs}
    assert pairs == set(expected)
    assert not found.unused


@pytest.mark.parametrize(
    "names",
    [
        ("a.jpg", "b_mask.png"),
        ("a1.jpg", "a_mask.png"),
        ("a_sat.jpg", "a_img.jpg", "a_mask.png"),
        ("images/train/a.jpg", "masks/val/a.png"),
        (f"x_jpg.rf.{HASH}.jpg", f"x_jpg.rf.{HASH[::-1]}.jpg", "x_mask.png"),
        ("mask.jpg", "image.jpg"),
    ],
)
def test_what_is_not_surely_a_pair_is_none(tmp_path, names):
    put(tmp_path, *names)
    with pytest.raises(UsageError, match="has a mask"):
        pair_folder(tmp_path)


def test_what_was_not_paired_is_said_with_the_nearest(tmp_path):
    put(tmp_path, "cup.jpg", "cup_mask.png", "kettle.jpg", "ketle_mask.png")
    unused = {path.name: why for path, why in pair_folder(tmp_path).unused}
    assert unused["kettle.jpg"] == "there is no mask for it; the nearest is ketle_mask.png"
    assert unused["ketle_mask.png"] == "there is no picture for it"
