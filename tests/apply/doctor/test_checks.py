import numpy as np
import pytest

from asgnet.apply.doctor.checks import altered, confusion, looks, shrunk, twins, where
from asgnet.imaging.iou import iou
from asgnet.types import Support


def support(h=60, w=80, box=(20, 40, 20, 50), seed=0, name="a") -> Support:
    image = np.random.default_rng(seed).integers(0, 255, (h, w, 3)).astype(np.uint8)
    mask = np.zeros((h, w), np.uint8)
    mask[box[0] : box[1], box[2] : box[3]] = 1
    return Support(image, mask, name)


def test_nothing_is_said_of_a_good_example():
    assert looks(support()) == []


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
    assert word in looks(change(support()))[0]


def _dot(s: Support) -> np.ndarray:
    dot = np.zeros_like(s.mask)
    dot[3:6, 3:6] = 1
    return dot


def test_twins_are_told_also_when_mirrored_or_darker_and_copied_masks():
    one = support(name="one")
    dark = Support((one.image * 0.8).astype(np.uint8)[:, ::-1], one.mask[:, ::-1], "dark")
    copied = Support(support(seed=5).image, one.mask, "copied")
    told = twins({0: one, 2: dark, 3: copied, 4: support(seed=9, box=(5, 30, 5, 30))})
    assert list(told) == [2, 3]
    assert "same picture as one" in told[2][0]
    assert "same mask as one" in told[3][0]


def test_shrinking_keeps_even_a_single_pixel():
    large = support(3000, 2000, (100, 101, 7, 8))
    small = shrunk(large)
    assert small.image.shape == (1024, 683, 3)
    assert small.mask.sum() == 1
    assert shrunk(support()).mask.shape == (60, 80)


def test_an_altered_view_keeps_the_object():
    view = altered(support())
    assert view.mask.sum() == support().mask.sum()
    assert view.image.mean() < support().image.mean()


def test_overlap_and_confusion_leave_ignored_pixels_out():
    mask = np.array([[1, 1, 0, 255]], np.uint8)
    assert iou(np.array([[True, False, False, True]]), mask) == 0.5
    assert iou(np.zeros((1, 4), bool), np.zeros((1, 4), np.uint8)) == 1
    assert confusion(np.array([[True, False, True, True]]), mask) == (0.5, 0.5)


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
