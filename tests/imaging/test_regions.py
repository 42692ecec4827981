from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp
from skimage.draw import polygon2mask
from skimage.measure import label

from asgnet.imaging.regions import box, edge, polygons, window

REGION = np.zeros((6, 8), bool)
REGION[1:4, 2:7] = True
REGION[2, 4] = False
regions = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14))


def filled(ring: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The pixels whose centres lie in a polygon."""
    return polygon2mask(shape, ring[:, ::-1] - 0.5)


def test_window_and_box():
    assert window(REGION) == (1, 4, 2, 7)
    assert box(REGION) == [2, 1, 5, 3]
    assert window(REGION & False) is box(REGION & False) is None


def test_the_outline_of_one_pixel_and_of_a_bar():
    region = np.zeros((4, 9), bool)
    region[1, 1] = region[2, 3:8] = True
    bar, pixel = sorted(polygons(region), key=len, reverse=True)
    assert {tuple(p) for p in pixel} == {(1.5, 1), (2, 1.5), (1.5, 2), (1, 1.5)}
    assert {tuple(p) for p in bar} == {(3, 2.5), (3.5, 2), (7.5, 2), (8, 2.5), (7.5, 3), (3.5, 3)}


def test_no_region_has_no_outline():
    assert polygons(np.zeros((3, 4), bool)) == []


@settings(max_examples=150, deadline=None)
@given(regions)
def test_who_fills_the_polygons_has_the_region_again(region):
    rings = polygons(region)
    assert len(rings) == label(region, connectivity=1).max()
    drawn = np.zeros(region.shape, bool)
    for ring in rings:
        assert (ring >= 0).all()
        assert (ring <= region.shape[::-1]).all()
        drawn |= filled(ring, region.shape)
    np.testing.assert_array_equal(drawn, region)


def islands() -> np.ndarray:
    """``240 320``: a ring with a hole in it, an island inside with its own hole, another piece beside."""
    y, x = np.mgrid[:240, :320]
    distance = np.hypot(y - 120, x - 150)
    region = (
        (distance < 100)
        & ~((distance > 30) & (distance < 60))
        & (distance > 12)
        & ~(np.hypot(y - 45, x - 150) < 9)
    )
    return region | (np.hypot(y - 30, x - 290) < 20)


def test_polygons_keep_holes_an_island_within_one_and_its_own_hole():
    region = islands()
    rings = polygons(region)
    assert len(rings) == 3
    np.testing.assert_array_equal(sum(filled(ring, region.shape) for ring in rings), region)
    assert sum(map(len, rings)) < 700  # of the 1,846 that the contours have


def test_a_straight_outline_has_points_at_its_corners_only():
    region = np.zeros((100, 200), bool)
    region[10:90, 20:180] = True
    (ring,) = polygons(region)
    assert len(ring) == 8


def test_edge_is_inside_the_mask_and_not_along_the_frame():
    mask = np.zeros((9, 9), bool)
    mask[:, :5] = True
    assert np.nonzero(edge(mask, 1).any(axis=0))[0].tolist() == [4]
