import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgnet.imaging import drawing


@given(st.integers(0, 60))
def test_colours_are_as_many_as_asked_and_all_different(n):
    table = drawing.colours(n)
    assert table.shape == (n, 3)
    assert len({tuple(c) for c in table.tolist()}) == n


def test_a_prototype_keeps_its_colour_when_more_come():
    assert (drawing.colours(40)[:7] == drawing.colours(7)).all()


def test_heat_grows_brighter_with_the_value():
    light = drawing.heat(np.linspace(0, 1, 50)).astype(int).sum(-1)
    assert (np.diff(light) >= 0).all()
    assert light[0] < 100
    assert light[-1] > 600


def test_heat_survives_what_is_no_probability():
    assert drawing.heat(np.array([np.nan, -1, 2])).tolist() == drawing.heat(np.array([0.0, 0, 1])).tolist()


@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 200), st.integers(1, 200))
def test_fitted_fills_one_side_and_never_exceeds_the_box(h, w, width, height):
    got_h, got_w = drawing.fitted((h, w), width, height)
    assert 1 <= got_w <= width
    assert 1 <= got_h <= height
    assert got_w == width or got_h == height


def test_edge_is_inside_the_mask_and_not_along_the_frame():
    mask = np.zeros((9, 9), bool)
    mask[:, :5] = True
    assert np.nonzero(drawing.edge(mask, 1).any(axis=0))[0].tolist() == [4]


def test_spotlight_leaves_the_inside_of_the_object_alone():
    image = np.random.default_rng(0).integers(0, 255, (40, 40, 3)).astype(np.uint8)
    mask = np.zeros((40, 40), bool)
    mask[5:35, 5:35] = True
    lit = drawing.spotlight(image, mask)
    assert (lit[12:28, 12:28] == image[12:28, 12:28]).all()
    assert (lit[:4] != image[:4]).any()


def test_share_bar_gives_each_prototype_its_length():
    bar = drawing.share_bar(np.array([0.25, 0.75]), 100, 2)
    first, second = drawing.colours(2)
    assert (bar[:, :25] == first).all()
    assert (bar[:, 25:] == second).all()


def test_share_bar_writes_percent_where_there_is_room():
    bar = drawing.share_bar(np.array([0.97, 0.03]), 200, 20)
    first, second = drawing.colours(2)
    assert (bar[:, :194] != first).any(axis=(0, 2)).any()
    assert (bar[:, 194:] == second).all()
    other = drawing.share_bar(np.array([0.96, 0.04]), 200, 20)
    assert (bar[:, 60:130] != other[:, 60:130]).any()


def test_share_bar_is_empty_without_shares():
    assert (drawing.share_bar(np.zeros(3), 100) == 238).all()


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_mosaic_shows_every_tile(n):
    tiles = [np.full((30, 40, 3), 40 * (i + 1), np.uint8) for i in range(n)]
    frame = drawing.mosaic(tiles, 200, 150)
    assert frame.shape == (150, 200, 3)
    assert {40 * (i + 1) for i in range(n)} <= set(np.unique(frame))


def test_wrapped_lines_fit_and_no_word_is_lost():
    text = "every pixel takes the colour of the part it resembles most " * 3
    lines = drawing.wrapped(text, 200, 15)
    assert max(drawing.font(15).getlength(line) for line in lines) <= 200
    assert " ".join(lines).split() == text.split()
