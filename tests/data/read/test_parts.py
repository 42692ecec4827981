import numpy as np

from asgnet.data.read import ArrayParts
from asgnet.imaging.resize import resized

PICTURE = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)


def test_a_part_at_its_own_size_is_its_pixels():
    parts = ArrayParts(PICTURE)
    assert parts.size == (6, 8)
    np.testing.assert_array_equal(parts.read((1, 2, 4, 7), (3, 5)), PICTURE[1:4, 2:7])


def test_a_part_at_another_size_is_resized_from_its_pixels_alone():
    found = ArrayParts(PICTURE).read((0, 4, 6, 8), (3, 2))
    np.testing.assert_array_equal(found, resized(PICTURE[:, 4:], (3, 2)))
