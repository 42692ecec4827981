"""Which working scale is best is measured on left-out supports."""

import pytest

from asgnet.apply.concept.scale import LARGER, USUAL, Scale
from asgnet.apply.fitting.class_supports import LearnedClass
from asgnet.apply.fitting.rules.adaptation import Measured
from asgnet.apply.fitting.rules.scale import Look, best_scale, windows_for
from asgnet.model.default.calibration import Calibration

NUMBERS = Calibration()
NARROW = Look(0.1, 640, None)


def looks(**agreement):
    """What is agreed on at each scale; and which of them were asked for."""
    asked = []

    def learn(scale):
        asked.append(scale)
        name = {USUAL: "usual", LARGER: "larger"}.get(scale, "windows")
        return LearnedClass(None, Measured(None, agreement[name], agreement.get("without", 0)), scale, 0.0)

    return learn, asked


@pytest.mark.parametrize(
    ("usual", "larger", "taken"),
    [
        (0.5, 0.6, LARGER),
        (0.5, 0.4, USUAL),
        (0.5, 0.5 * NUMBERS.scale_margin, USUAL),
        (0.9, 0.95, USUAL),
        (0.0, 0.0, USUAL),
    ],
)
def test_several_supports_are_seen_as_they_agree_better(usual, larger, taken):
    learn, asked = looks(usual=usual, larger=larger)
    assert best_scale(learn, [NARROW, NARROW], NUMBERS, 512, True).scale == taken
    assert asked == [USUAL, LARGER]


def test_broad_objects_are_not_even_tried():
    learn, asked = looks(usual=0.1, larger=0.9)
    broad = Look(NUMBERS.scale_breadth + 0.01, 640, None)
    assert best_scale(learn, [broad, broad], NUMBERS, 512, True).scale == USUAL
    assert asked == [USUAL]
    assert best_scale(learn, [NARROW, broad], NUMBERS, 512, True).scale == LARGER  # on average not broad


@pytest.mark.parametrize(("shots", "adapt"), [(1, True), (2, False)])
def test_where_nothing_is_measured_one_view_is_usual(shots, adapt):
    learn, asked = looks(usual=0.0, larger=0.9)
    assert best_scale(learn, [NARROW] * shots, NUMBERS, 512, adapt).scale == USUAL
    assert asked == [USUAL]


SMALL = Look(0.01, 2048, 1.0)


def test_small_objects_are_seen_in_windows_of_which_several_supports_must_agree():
    learn, asked = looks(usual=0.0, larger=0.0, windows=0.6, without=0.5)
    assert best_scale(learn, [SMALL], NUMBERS, 512, True).scale == Scale(0.0, 1.0)
    assert best_scale(learn, [SMALL, SMALL], NUMBERS, 512, True).scale == Scale(0.0, 1.0)
    assert asked == [Scale(0.0, 1.0)] * 2
    learn, asked = looks(usual=0.5, larger=0.5, windows=0.5, without=0.5)
    assert best_scale(learn, [SMALL, SMALL], NUMBERS, 512, True).scale == USUAL
    assert asked == [Scale(0.0, 1.0), USUAL, LARGER]


def test_pictures_of_one_camera_keep_their_zoom_and_others_their_proportions():
    """Objects of 20 pixels in pictures of two sizes; objects that are a hundredth of theirs."""
    camera = [Look(20 / side, side, 1.0) for side in (1024, 4096)]
    assert windows_for(camera, 512) == Scale(0.0, 1.0)
    photographs = [Look(0.01, side, 2048 / side) for side in (1024, 4096)]
    assert windows_for(photographs, 512) == Scale(4.0)
    assert windows_for([SMALL], 512) == Scale(0.0, 1.0)
    assert windows_for([SMALL, NARROW], 512) is None  # most of them need windows, or none does
