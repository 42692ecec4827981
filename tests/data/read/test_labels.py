"""Class indices that are written as colours."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from asgnet.data.read import read_labels
from asgnet.errors import DataError


def test_colours_of_a_list_of_classes_stand_for_indices(tmp_path):
    pixels = np.array([[[0, 0, 0], [128, 0, 0]], [[0, 128, 0], [224, 224, 192]]], np.uint8)
    colours = ((128, 0, 0), (0, 128, 0))
    path = tmp_path / "l.png"
    Image.fromarray(pixels).save(path)
    np.testing.assert_array_equal(read_labels(path, colours), [[0, 1], [2, 255]])
    with pytest.raises(DataError, match=r"l\.png. has the colour 0,128,0, which"):
        read_labels(path, colours[:1])
    with pytest.raises(DataError, match="no class indices"):
        read_labels(path)


def test_indices_stay_indices_whatever_their_colours(tmp_path):
    image = Image.fromarray(np.array([[0, 1], [2, 2]], np.uint8))
    image.putpalette([9, 9, 9] * 256)
    image.save(tmp_path / "i.png")
    np.testing.assert_array_equal(
        read_labels(tmp_path / "i.png", ((128, 0, 0), (0, 128, 0))), [[0, 1], [2, 2]]
    )
