"""Edges: a blurred answer becomes sharp where the picture is, and nothing else is invented."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from asgnet.apply.inference import edges
from asgnet.apply.inference.edges import close_specks, follow_edges, speck_size
from asgnet.imaging.components import small_pieces
from asgnet.imaging.resize import bilinear
from asgnet.model.default.calibration import Calibration

NUMBERS = Calibration()
RED, BLUE = (200, 40, 40), (30, 60, 220)


def two_colours(height=90, width=120, cut=47):
    picture = np.full((height, width, 3), BLUE, np.uint8)
    picture[:, :cut] = RED
    return picture


@pytest.mark.parametrize("fine", [False, True])
def test_a_blurred_step_becomes_the_pictures_step(fine):
    """The answer fades over 24 columns, as the network sees pictures; the colours change four beside."""
    cut = 252
    ramp = (np.arange(255, -257, -2) / 2).clip(-6, 6).astype(np.float32)  # a cell is two pixels wide
    logits = np.broadcast_to(ramp, (1, 48, 256))
    found = follow_edges(logits, two_colours(96, 512, cut), [fine], NUMBERS)[0]
    plain = bilinear(logits, (96, 512))[0]
    assert (found[:, :cut] > 0).all()
    assert (found[:, cut:] < 0).all()
    assert (plain[:, cut : cut + 4] > 0).all()  # without the picture the edge is elsewhere
    assert found[0, cut - 1] - found[0, cut] > 5 * (plain[0, cut - 1] - plain[0, cut])


def test_a_picture_of_one_colour_leaves_a_constant_answer_as_it_is():
    picture = np.full((40, 60, 3), 77, np.uint8)
    found = follow_edges(
        np.array([1.5, -7], np.float32)[:, None, None].repeat(8, 1).repeat(8, 2),
        picture,
        [True, False],
        NUMBERS,
    )
    assert found.shape == (2, 40, 60)
    np.testing.assert_allclose(found[0], 1.5, atol=1e-5)
    np.testing.assert_allclose(found[1], -7.0, atol=1e-5)


def test_certainty_beyond_the_limit_stays():
    """What is certain of an object is not averaged away by a window that is mostly background."""
    logits = np.full((1, 16, 16), -12, np.float32)
    logits[0, 6:10, 6:10] = 12.0
    found = follow_edges(logits, np.full((64, 64, 3), 128, np.uint8), [False], NUMBERS)[0]
    assert found[32, 32] > 5
    assert found[2, 2] < -9


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 300), width=st.integers(1, 300), grid=st.integers(1, 40), seed=st.integers(0, 99)
)
def test_always_finite_and_of_the_pictures_size(height, width, grid, seed):
    rng = np.random.default_rng(seed)
    picture = rng.choice(np.array([0, 255], np.uint8), (height, width, 3))
    logits = rng.normal(0, 20, (2, grid, grid)).astype(np.float32)
    found = follow_edges(logits, picture, [False, True], NUMBERS)
    assert found.shape == (2, height, width)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


def test_rows_at_a_time_are_the_whole(monkeypatch):
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (70, 50, 3), np.uint8)
    logits = rng.normal(0, 2, (3, 12, 12)).astype(np.float32)
    whole = follow_edges(logits, picture, [True, False, True], NUMBERS)
    monkeypatch.setattr(edges, "AT_ONCE", 7 * 50)
    np.testing.assert_allclose(follow_edges(logits, picture, [True, False, True], NUMBERS), whole, atol=1e-5)


def test_a_view_of_a_larger_picture_will_do():
    picture = two_colours()[::-1, ::2]
    assert follow_edges(np.zeros((1, 4, 4), np.float32), picture, [True], NUMBERS).shape == (1, 90, 60)


def test_each_class_has_its_own_windows():
    """Several classes at once are what each is alone, fine or not."""
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (96, 128, 3), np.uint8)
    logits = rng.normal(0, 2, (3, 48, 64)).astype(np.float32)
    together = follow_edges(logits, picture, [True, False, True], NUMBERS)
    for i, fine in enumerate([True, False, True]):
        np.testing.assert_allclose(
            together[i], follow_edges(logits[i : i + 1], picture, [fine], NUMBERS)[0], atol=1e-5
        )
    assert abs(together[1] - follow_edges(logits[1:2], picture, [True], NUMBERS)[0]).max() > 0.1


def test_where_the_ground_changes_lines_are_lost_in_wide_windows_only():
    """Dark lines on a bright and on a dark ground: a window that holds both mistakes ground for lines."""
    lines, dark = np.zeros((2, 96, 512), bool)
    lines[:, 8::16] = lines[:, 9::16] = True
    dark[:, 256:] = True
    picture = (250 - 120 * dark - 60 * lines)[..., None].repeat(3, 2).astype(np.uint8)
    logits = np.where(lines, 1, -1).astype(np.float32)[None, ::2, ::2]
    wrong = [(follow_edges(logits, picture, [fine], NUMBERS)[0] > 0) != lines for fine in (True, False)]
    assert 0 < wrong[0].sum() < 0.7 * wrong[1].sum()


def test_specks_and_pinholes_are_closed_and_larger_ones_stay():
    """A cell is 4 by 4 pixels: pieces of fewer than 8 pixels go."""
    probability = np.full((64, 96), 0.1, np.float32)
    probability[20:50, 30:70] = 0.9
    probability[2, 2:9] = 0.8  # seven pixels
    probability[60, 2:10] = 0.8  # eight
    probability[30, 40:47] = 0.4
    probability[40, 40:48] = 0.4
    found = close_specks(probability.copy(), speck_size((64, 96), (16, 24), NUMBERS), NUMBERS)
    changed = found != probability
    assert changed.sum() == 14
    assert (found[2, 2:9] == np.float32(0.49)).all()
    assert (found[30, 40:47] == np.float32(0.51)).all()


def test_in_a_small_picture_a_pixel_may_be_an_object():
    probability = np.zeros((16, 16), np.float32)
    probability[5, 5] = 1
    assert close_specks(probability, speck_size((16, 16), (16, 16), NUMBERS), NUMBERS)[5, 5] == 1


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(bool, st.tuples(st.integers(1, 24), st.integers(1, 24))),
    st.integers(1, 3),
    st.sampled_from([1, 2, 4]),
)
def test_no_small_piece_is_left_but_what_was_beside_one(mask, grid, scale):
    """As labelling the whole picture would have it, specks first, then holes."""
    mask = mask.repeat(scale, 0).repeat(scale, 1)
    least = NUMBERS.speck * mask.size / grid**2
    assert least == speck_size(mask.shape, (grid, grid), NUMBERS)
    found = close_specks(np.where(mask, 0.9, 0.1).astype(np.float32), least, NUMBERS) > 0.5
    wanted = mask
    if least > 1 and mask.any():
        wanted = mask & ~small_pieces(mask, least)
        wanted = wanted | small_pieces(~wanted, least)
    np.testing.assert_array_equal(found, wanted)
