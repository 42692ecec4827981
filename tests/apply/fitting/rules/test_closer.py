"""How closely to look is measured on left-out supports."""

import numpy as np
import pytest

from asgnet.apply.fitting.learn import LearnedClass
from asgnet.apply.fitting.rules.adaptation import Measured
from asgnet.apply.fitting.rules.closer import breadth, closest
from asgnet.model.default.calibration import Calibration

NUMBERS = Calibration()


def looks(usual, closer):
    """What is agreed on as usual and closer; and which of them were asked for."""
    asked = []

    def look(closer):
        asked.append(closer)
        return LearnedClass(None, Measured(None, agreement[closer]), closer)

    agreement = {False: usual, True: closer}
    return look, asked


def square(side):
    mask = np.zeros((100, 100), np.uint8)
    mask[:side, :side] = 1
    return mask


@pytest.mark.parametrize(
    ("usual", "closer", "taken"),
    [
        (0.5, 0.6, True),
        (0.5, 0.4, False),
        (0.5, 0.5 * NUMBERS.scale_margin, False),
        (0.9, 0.95, False),
        (0.0, 0.0, False),
    ],
)
def test_several_supports_are_seen_as_they_agree_better(usual, closer, taken):
    look, asked = looks(usual, closer)
    assert closest(look, [square(10), square(12)], NUMBERS).fine is taken
    assert asked == [False, True]


def test_broad_objects_are_not_even_tried():
    look, asked = looks(0.1, 0.9)
    assert not closest(look, [square(90), square(99)], NUMBERS).fine
    assert asked == [False]
    assert breadth(square(20)) > NUMBERS.scale_breadth > breadth(square(4))
    assert not closest(look, [square(20), square(20)], NUMBERS).fine
    assert closest(look, [square(4), square(20)], NUMBERS).fine  # on average they are not broad


def test_of_a_single_support_nothing_can_be_left_out():
    look, asked = looks(0.0, 0.9)
    assert not closest(look, [square(10)], NUMBERS).fine
    assert asked == [False]


def disc(radius, side=200):
    rows, columns = np.indices((side, side)) - side // 2
    return (rows**2 + columns**2 <= radius**2).astype(np.uint8)


def line(width, side=200):
    mask = np.zeros((side, side), np.uint8)
    mask[side // 2 : side // 2 + width] = 1
    return mask


def test_a_disc_is_as_broad_as_its_diameter_and_a_line_half_as_broad_again():
    assert breadth(disc(40)) == pytest.approx(80 / 200, rel=0.05)
    assert breadth(line(40)) == pytest.approx(60 / 200, rel=0.06)
    assert breadth(np.vstack([disc(40), disc(40)])) == pytest.approx(80 / 400, rel=0.05)  # each for itself
    assert breadth(line(3)) == pytest.approx(6 * (4 / 3) / 200)  # its three rows are 1, 2 and 1 away


def test_a_single_pixel_is_the_finest_and_a_full_picture_has_no_breadth():
    mask = np.zeros((60, 100), np.uint8)
    mask[30, 50] = 1
    assert breadth(mask) == pytest.approx(6 / 100)
    assert breadth(np.ones((60, 100), np.uint8)) == float("inf")


def test_where_nobody_decided_there_is_no_outline():
    certain, doubtful = disc(20), disc(20)
    doubtful[(disc(30) == 1) & (certain == 0)] = 255
    assert breadth(doubtful) > breadth(certain) + 60 / 200 * 0.9
