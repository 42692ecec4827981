import numpy as np

from asgnet.apply.doctor.checks import altered, border_share, confusion, repetitions, shrunk
from asgnet.imaging.iou import iou
from asgnet.types import Support


def support(h=60, w=80, box=(20, 40, 20, 50), seed=0, name="a") -> Support:
    image = np.random.default_rng(seed).integers(0, 255, (h, w, 3)).astype(np.uint8)
    mask = np.zeros((h, w), np.uint8)
    mask[box[0] : box[1], box[2] : box[3]] = 1
    return Support(image, mask, name)


def test_repetitions_are_told_also_when_mirrored_or_darker_and_copied_masks():
    one = support(name="one")
    dark = Support((one.image * 0.8).astype(np.uint8)[:, ::-1], one.mask[:, ::-1], "dark")
    copied = Support(support(seed=5).image, one.mask, "copied")
    told = repetitions([one, dark, copied, support(seed=9, box=(5, 30, 5, 30))])
    assert told[0] == told[3] == []
    assert "same picture as one" in told[1][0]
    assert "same mask as one" in told[2][0]


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


def test_the_share_of_the_border_that_is_painted():
    mask = np.zeros((5, 5), np.uint8)
    assert border_share(mask) == 0
    mask[0] = 1
    assert border_share(mask) == 7 / 20
    assert border_share(1 - support().mask) == 1
