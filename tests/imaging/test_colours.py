import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from asgnet.imaging import colours


@settings(deadline=None)
@given(st.integers(0, 60))
def test_colours_are_as_many_as_asked_and_all_different(n):
    table = colours.colours(n)
    assert table.shape == (n, 3)
    assert len({tuple(c) for c in table.tolist()}) == n


def test_a_prototype_keeps_its_colour_when_more_come():
    assert (colours.colours(40)[:7] == colours.colours(7)).all()


def test_heat_grows_brighter_with_the_value():
    light = colours.heat(np.linspace(0, 1, 50)).astype(int).sum(-1)
    assert (np.diff(light) >= 0).all()
    assert light[0] < 100
    assert light[-1] > 600


def test_heat_survives_what_is_no_probability():
    assert colours.heat(np.array([np.nan, -1, 2])).tolist() == colours.heat(np.array([0.0, 0, 1])).tolist()
