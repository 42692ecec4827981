import numpy as np
import pytest

from asgnet.apply.doctor.mistakes import Mistake
from asgnet.apply.doctor.remarks import describe_mistake, remarks_on, remarks_on_example, where
from asgnet.types import Support


def support(h=60, w=80, box=(20, 40, 20, 50), seed=0, name="a") -> Support:
    image = np.random.default_rng(seed).integers(0, 255, (h, w, 3)).astype(np.uint8)
    mask = np.zeros((h, w), np.uint8)
    mask[box[0] : box[1], box[2] : box[3]] = 1
    return Support(image, mask, name)


def test_nothing_is_said_of_a_good_example():
    assert remarks_on_example(support()) == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda s: Support(np.full_like(s.image, 90), s.mask), "single colour"),
        (lambda s: Support(s.image, np.ones_like(s.mask)), "Everything is painted"),
        (lambda s: Support(s.image, 1 - s.mask), "inverted"),
        (lambda s: Support(s.image, np.eye(*s.mask.shape, dtype=np.uint8) * 0 + _dot(s)), "closer"),
    ],
)
def test_what_is_wrong_by_itself_is_said(change, word):
    assert word in remarks_on_example(change(support()))[0]


def _dot(s: Support) -> np.ndarray:
    dot = np.zeros_like(s.mask)
    dot[3:6, 3:6] = 1
    return dot


def test_where_is_said_in_words():
    painted = np.zeros((100, 100), bool)
    painted[30:80, 30:80] = True
    region = np.zeros_like(painted)
    assert where(region, painted) == "nowhere"
    region[2:6, 90:97] = True
    assert where(region, painted) == "at the top right"
    region[:] = False
    region[45:60, 45:60] = True
    assert where(region, painted) == "at the centre"
    rim = painted.copy()
    rim[31:79, 31:79] = False
    assert where(rim, painted) == "along the outline"


def test_what_the_others_missed_and_took_is_said_with_its_share_and_place():
    example = support()
    found = np.zeros(example.mask.shape, bool)
    found[20:40, 20:35] = True  # the left half
    found[:10, 70:] = True
    assert remarks_on(example, example, found) == [
        "50% of the object is taken for background, mostly at the centre.",
        "Background is taken for the object (17% of its area), mostly at the top right.",
    ]
    assert "check that the same object is painted" in remarks_on(example, example, found & False)[0]


def test_mistakes_are_described():
    others = [support(name="a"), support(name="b")]
    assert "inverted" in describe_mistake(Mistake("inverted"), others)
    assert "mask of b fits" in describe_mistake(Mistake("swapped", partner=1), others)
    assert "by about 20% to the left and 10% down" in describe_mistake(Mistake("moved", (0.1, -0.2)), others)
