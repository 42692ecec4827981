"""Windows of examples: where small objects are, and where there are none."""

import numpy as np
import pytest

from asgnet.apply.concept.scale import Scale
from asgnet.apply.fitting.patches import at_zoom, breadth, even_zoom, patches_of, small_scale
from asgnet.apply.inference.working_scale import stored_mask
from asgnet.model.default.calibration import Calibration

NUMBERS = Calibration()


def disc(radius, side=200):
    rows, columns = np.indices((side, side)) - side // 2
    return (rows**2 + columns**2 <= radius**2).astype(np.uint8)


def line(width, side=200):
    mask = np.zeros((side, side), np.uint8)
    mask[side // 2 : side // 2 + width] = 1
    return mask


def test_a_disc_is_as_broad_as_its_diameter_and_a_line_half_as_broad_again():
    assert breadth(disc(40)) == pytest.approx(80, rel=0.05)
    assert breadth(line(40)) == pytest.approx(60, rel=0.06)
    assert breadth(np.vstack([disc(40), disc(40)])) == pytest.approx(80, rel=0.05)  # each for itself
    assert breadth(line(3)) == pytest.approx(6 * 4 / 3)  # its three rows are 1, 2 and 1 away


def test_a_single_pixel_is_the_finest_and_a_full_picture_has_no_breadth():
    mask = np.zeros((60, 100), np.uint8)
    mask[30, 50] = 1
    assert breadth(mask) == pytest.approx(6)
    assert breadth(np.ones((60, 100), np.uint8)) == float("inf")


def test_where_nobody_decided_there_is_no_outline():
    certain, doubtful = disc(20), disc(20)
    doubtful[(disc(30) == 1) & (certain == 0)] = 255
    assert breadth(doubtful) > breadth(certain) + 60 * 0.9


def dots(side, size=20):
    """Squares in the left half alone."""
    mask = np.zeros((side, side), np.uint8)
    for top in range(size, side - size, 5 * size):
        mask[top : top + size, 2 * size : 3 * size] = 1
    return mask


def scale_of(mask, side=512):
    return small_scale(mask, stored_mask(mask, side), side, NUMBERS)


def test_small_objects_in_large_pictures_are_seen_in_windows_never_enlarged():
    assert scale_of(dots(2048)) == Scale(0.0, 1.0)
    zoom = scale_of(dots(4096, 80)).zoom
    assert 0.7 < zoom * breadth(dots(4096, 80)) / NUMBERS.window_breadth < 1.42
    assert scale_of(dots(700)) is None  # hardly larger than the one view
    assert scale_of(dots(2048, 300)) is None
    assert scale_of(np.ones((2048, 2048), np.uint8)) is None


def test_zooms_are_powers_so_that_classes_share_them():
    assert [even_zoom(z) for z in (1, 0.9, 0.5, 0.26)] == [1, 1, 0.5, 0.25]
    assert even_zoom(0.7) == pytest.approx(0.5**0.5)


def test_windows_with_and_without_object_teach_a_bounded_number():
    mask = dots(2048)
    picture = np.repeat(mask[..., None] * 200, 3, 2)
    found = patches_of(picture, mask, Scale(0.0, 1.0), 512, NUMBERS)
    assert len(found) == NUMBERS.window_supports
    with_object = [one for one in found if one.mask.any()]
    assert NUMBERS.window_supports // 4 <= len(found) - len(with_object) <= len(with_object)
    for one in found:
        top, left, bottom, right = one.box
        np.testing.assert_array_equal(one.mask, mask[top:bottom, left:right])
        np.testing.assert_array_equal(one.picture, picture[top:bottom, left:right])
        assert one.zoom == 1
    half = at_zoom(found[0], 0.5, 512)
    assert half.picture.shape == (256, 256, 3)
    assert half.zoom == 0.5
    assert at_zoom(found[0], 1.01, 512) is found[0]
