"""What is unknown of a picture: masks of three values."""

from __future__ import annotations

import numpy as np
import pytest

from asgnet.apply.examples.read import read_examples
from asgnet.apply.examples.unpainted import stated, three_valued
from asgnet.errors import SupportError, UsageError

OBJECT = np.array([[1, 0, 0, 255]], np.uint8)
OTHER = np.array([[0, 1, 0, 0]], np.uint8)
GROUND = np.array([[False, False, True, False]])


def values(masks):
    return [None if mask is None else mask.tolist() for mask in masks]


@pytest.mark.parametrize(
    ("ground", "said", "expected", "means"),
    [
        (None, "background", [[1, 0, 0, 255]], "background"),
        (None, "auto", [[1, 0, 0, 255]], "auto"),
        (None, "unknown", [[1, 255, 255, 255]], "unknown"),
        (GROUND, "unknown", [[1, 255, 0, 255]], "unknown"),
        (GROUND, "auto", [[1, 255, 0, 255]], "unknown"),
        (GROUND, "background", [[1, 0, 0, 255]], "background"),
    ],
)
def test_three_values(ground, said, expected, means):
    masks, word = three_valued([OBJECT], ground, said, "a.jpg")
    assert (values(masks), word) == ([expected], means)


def test_another_class_is_background():
    masks, _ = three_valued([OBJECT, None, OTHER], None, "unknown", "a.jpg")
    assert values(masks) == [[[1, 0, 255, 255]], None, [[0, 1, 255, 255]]]


def test_object_and_background_on_one_pixel():
    with pytest.raises(
        SupportError, match=r"In picture 1 1 pixels are painted both as object and as background"
    ):
        read_examples(np.zeros((1, 4, 3), np.uint8), OTHER, None, "unknown", np.array([[0, 1, 1, 0]]))


def test_background_of_another_size():
    with pytest.raises(SupportError, match="background 1 is 3×1 pixels"):
        read_examples(np.zeros((1, 4, 3), np.uint8), OTHER, None, "unknown", np.ones((1, 3), np.uint8))


def test_words():
    assert stated("auto", 2) == ["auto", "auto"]
    assert stated(["auto", "unknown"], 2) == ["auto", "unknown"]
    with pytest.raises(UsageError, match="'background', 'unknown' or 'auto', not 'nothing'"):
        stated("nothing", 2)
    with pytest.raises(UsageError, match="2 pictures, but for 1"):
        stated(["auto"], 2)
