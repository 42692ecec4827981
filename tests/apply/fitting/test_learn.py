"""How closely to look is measured on left-out supports."""

import numpy as np
import pytest

from asgnet.apply.fitting.learn import BROAD, LEAD, Taught, closest
from asgnet.apply.fitting.rules.adaptation import Measured
from asgnet.apply.inference.grid import breadth


def looks(usual, closer):
    """What is agreed on as usual and closer; and which of them were asked for."""
    asked = []

    def look(closer):
        asked.append(closer)
        return Taught(None, Measured(None, agreement[closer]), closer)

    agreement = {False: usual, True: closer}
    return look, asked


def square(side):
    mask = np.zeros((100, 100), np.uint8)
    mask[:side, :side] = 1
    return mask


@pytest.mark.parametrize(
    ("usual", "closer", "taken"),
    [(0.5, 0.6, True), (0.5, 0.4, False), (0.5, 0.5 * LEAD, False), (0.9, 0.95, False), (0.0, 0.0, False)],
)
def test_several_supports_are_seen_as_they_agree_better(usual, closer, taken):
    look, asked = looks(usual, closer)
    assert closest(look, [square(10), square(12)]).closer is taken
    assert asked == [False, True]


def test_broad_objects_are_not_even_tried():
    look, asked = looks(0.1, 0.9)
    assert not closest(look, [square(90), square(99)]).closer
    assert asked == [False]
    assert breadth(square(20)) > BROAD > breadth(square(4))
    assert not closest(look, [square(20), square(20)]).closer
    assert closest(look, [square(4), square(20)]).closer  # on average they are not broad


def test_of_a_single_support_nothing_can_be_left_out():
    look, asked = looks(0.0, 0.9)
    assert not closest(look, [square(10)]).closer
    assert asked == [False]
