import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asgnet.imaging import colours, sheet


@settings(deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 200), st.integers(1, 200))
def test_fitted_fills_one_side_and_never_exceeds_the_box(h, w, width, height):
    got_h, got_w = sheet.fitted((h, w), width, height)
    assert 1 <= got_w <= width
    assert 1 <= got_h <= height
    assert got_w == width or got_h == height


def test_share_bar_gives_each_prototype_its_length():
    bar = sheet.share_bar(np.array([0.25, 0.75]), 100, 2)
    first, second = colours.colours(2)
    assert (bar[:, :25] == first).all()
    assert (bar[:, 25:] == second).all()


def test_share_bar_writes_percent_where_there_is_room():
    bar = sheet.share_bar(np.array([0.97, 0.03]), 200, 20)
    first, second = colours.colours(2)
    assert (bar[:, :194] != first).any(axis=(0, 2)).any()
    assert (bar[:, 194:] == second).all()
    other = sheet.share_bar(np.array([0.96, 0.04]), 200, 20)
    assert (bar[:, 60:130] != other[:, 60:130]).any()


def test_share_bar_is_empty_without_shares():
    assert (sheet.share_bar(np.zeros(3), 100) == 238).all()


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_mosaic_shows_every_tile(n):
    tiles = [np.full((30, 40, 3), 40 * (i + 1), np.uint8) for i in range(n)]
    frame = sheet.mosaic(tiles, 200, 150)
    assert frame.shape == (150, 200, 3)
    assert {40 * (i + 1) for i in range(n)} <= set(np.unique(frame))


def test_wrapped_lines_fit_and_no_word_is_lost():
    text = "every pixel takes the colour of the part it resembles most " * 3
    lines = sheet.wrapped(text, 200, 15)
    assert max(sheet.font(15).getlength(line) for line in lines) <= 200
    assert " ".join(lines).split() == text.split()
