"""Where the prompt network looks."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from asgnet.apply.interactive.windows import ELONGATED, LEAST, Window, bounds, window_around

WHOLE = (300, 400)


def test_a_window_has_a_margin_and_stays_in_the_picture():
    assert window_around((100, 100, 200, 200), WHOLE, 0.25) == Window(75, 75, 225, 225)
    assert window_around((0, 0, 100, 100), WHOLE, 0.25) == Window(0, 0, 150, 150)
    assert window_around((390, 290, 391, 291), WHOLE) == Window(400 - LEAST, 300 - LEAST, 400, 300)
    assert window_around((0, 0, 400, 300), WHOLE) == Window(0, 0, 400, 300)


def test_a_long_thing_is_seen_with_more_beside_it():
    window = window_around((100, 150, 300, 154), WHOLE, 0)
    assert window.size == (200 / ELONGATED, 200)


@given(
    st.tuples(st.floats(0, 400), st.floats(0, 300), st.floats(0, 400), st.floats(0, 300)),
    st.floats(0, 1),
)
def test_a_window_holds_what_it_is_around(corners, margin):
    (x0, x1), (y0, y1) = sorted(corners[::2]), sorted(corners[1::2])
    window = window_around((x0, y0, x1, y1), WHOLE, margin)
    assert window.x0 <= x0 + 1
    assert window.x1 >= x1 - 1
    assert window.y0 <= y0 + 1
    assert window.y1 >= y1 - 1
    assert Window(0, 0, 400, 300).holds(window)


def test_points_and_maps_go_in_and_out():
    window = Window(100, 50, 228, 178)
    assert window.to_window(100, 50) == (0, 0)
    assert window.to_window(164, 114) == (128, 128)
    assert window.to_picture(0.5, 0.5) == (164, 114)
    assert bounds(np.zeros((3, 3), bool)) is None
    mask = np.zeros(WHOLE, bool)
    mask[50:178, 100:228] = True
    assert bounds(mask) == window


def test_what_another_window_saw_of_this_one():
    maps = np.zeros((128, 128), np.float32)
    maps[:, 64:] = 1  # its right half
    whole = Window(0, 0, 256, 128)
    right = Window(128, 0, 256, 128).seen(maps, whole)
    assert right.shape == (64, 64)
    assert right[:, 1:].min() == 1
    beyond = Window(192, 0, 320, 128).seen(maps, whole)
    assert beyond[:, :31].min() == 1
    assert beyond[:, 33:].max() == 0
