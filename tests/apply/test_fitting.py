"""How closely to look is measured: on left-out supports, or, of a single one, by its kind."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from asgnet.apply.adapt import Measured
from asgnet.apply.fitting import BROAD, LEAD, Taught, closest
from asgnet.apply.grid import breadth

ALIKE, APART = torch.ones(1, 2, 1), torch.eye(2)[None]


def looks(usual, closer, kinds=APART):
    """What is agreed on as usual and closer; and which of them were asked for."""
    asked = []

    def look(closer):
        asked.append(closer)
        return Taught(SimpleNamespace(kinds=kinds), Measured(None, agreement[closer]), closer)

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


@pytest.mark.parametrize(("closer", "taken"), [(0.51, True), (0.5, False), (0.49, False)])
def test_what_is_like_its_surroundings_need_only_be_found_better(closer, taken):
    look, asked = looks(0.5, closer, ALIKE)
    assert closest(look, [square(30), square(32)]).closer is taken
    assert asked == [False, True]


def test_broad_objects_are_not_even_tried():
    look, asked = looks(0.1, 0.9)
    assert not closest(look, [square(90), square(99)]).closer
    assert asked == [False]
    assert breadth(square(20)) > BROAD > breadth(square(4))
    assert not closest(look, [square(20), square(20)]).closer
    assert closest(look, [square(4), square(20)]).closer  # on average they are not broad


def test_a_single_support_is_seen_closer_where_it_is_like_its_surroundings():
    look, asked = looks(0.0, 0.0, ALIKE)
    assert closest(look, [square(10)]).closer
    look, asked = looks(0.0, 0.0, APART)
    assert not closest(look, [square(10)]).closer
    assert asked == [False]
