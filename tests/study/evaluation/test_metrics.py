"""Metrics: on paper first, then by law, then against torchmetrics."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torchmetrics import AUROC, JaccardIndex
from torchmetrics.classification import BinaryCalibrationError

from asgnet.imaging.iou import Overlap, overlap
from asgnet.study.evaluation.metrics import (
    Calibration,
    auroc,
    bootstrap_interval,
    boundary_f,
    class_iou,
    confusion,
    fb_iou,
    mean_iou,
    overlaps_of,
)

sizes = st.tuples(st.integers(1, 9), st.integers(1, 9))


def masks(values):
    return sizes.flatmap(
        lambda size: st.tuples(
            hnp.arrays(np.uint8, size, elements=st.sampled_from(values[:-1])),
            hnp.arrays(np.uint8, size, elements=st.sampled_from(values)),
        )
    )


def test_three_episodes_on_paper():
    """Two episodes of class 7, one of class 9, pictures of 2×3 pixels; I, U of the object, i, u of the rest.

    1 (class 7): truth 1 1 0 / 0 0 -, found 1 0 0 / 1 0 1: I = 1, U = 3; of the 5 that count i = 2, u = 4.
    2 (class 7): truth 1 1 1 / 0 0 0, found 1 1 0 / 0 0 0: I = 2, U = 3; i = 3, u = 4.
    3 (class 9): truth 0 0 0 / 0 1 1, found 0 0 0 / 1 1 1: I = 2, U = 3; i = 3, u = 4.

    IoU of class 7 = (1 + 2) / (3 + 3) = 1/2, of class 9 = 2/3; mIoU = (1/2 + 2/3) / 2 = 7/12.
    Foreground (1 + 2 + 2) / 9 = 5/9, background (2 + 3 + 3) / 12 = 2/3; FB-IoU = (5/9 + 6/9) / 2 = 11/18.
    Mean per-episode IoU = (1/3 + 2/3 + 2/3) / 3 = 5/9: not the mIoU.
    """
    episodes = [
        (7, [[1, 1, 0], [0, 0, 255]], [[1, 0, 0], [1, 0, 1]]),
        (7, [[1, 1, 1], [0, 0, 0]], [[1, 1, 0], [0, 0, 0]]),
        (9, [[0, 0, 0], [0, 1, 1]], [[0, 0, 0], [1, 1, 1]]),
    ]
    counted = [(c, overlap(np.array(found, bool), np.array(truth, np.uint8))) for c, truth, found in episodes]
    assert [tuple(one) for _, one in counted] == [(1, 3, 2, 4), (2, 3, 3, 4), (2, 3, 3, 4)]
    assert class_iou(counted) == {7: 1 / 2, 9: 2 / 3}
    assert mean_iou(counted) == pytest.approx(7 / 12)
    assert fb_iou(counted) == pytest.approx(11 / 18)
    assert np.mean([one.iou for _, one in counted]) == pytest.approx(5 / 9)


def test_nothing_to_find_and_nothing_found_is_right():
    nothing = np.zeros((2, 2), np.uint8)
    assert overlap(nothing, nothing).iou == 1
    assert overlap(nothing, np.full((2, 2), 255, np.uint8)) == Overlap(0, 0, 0, 0)


@given(masks([0, 1, 255]))
def test_overlap_against_torchmetrics(pair):
    found, truth = pair
    counted = overlap(found, truth)
    if (truth == 255).all():
        assert counted == Overlap(0, 0, 0, 0)
        return
    oracle = JaccardIndex("multiclass", num_classes=2, ignore_index=255, average="none")
    background, there = oracle(torch.from_numpy(found).long(), torch.from_numpy(truth).long()).tolist()
    if counted.union:
        assert counted.iou == pytest.approx(there)
    if counted.background_union:
        ratio = counted.background_intersection / counted.background_union
        assert ratio == pytest.approx(background)


@given(masks([0, 1, 2, 3, 255]))
def test_several_classes_against_torchmetrics(pair):
    found, truth = pair
    if (truth == 255).all():
        return
    counted = overlaps_of(confusion(found, truth, 4), [11, 22, 33])
    oracle = JaccardIndex("multiclass", num_classes=4, ignore_index=255, average="none")
    expected = oracle(torch.from_numpy(found).long(), torch.from_numpy(truth).long()).tolist()[1:]
    for (_, one), wanted in zip(counted.items(), expected, strict=True):
        if one.union:
            assert one.iou == pytest.approx(wanted)
        valid = (truth != 255).sum()
        assert one.background_union == valid - one.intersection
        assert one.background_intersection == valid - one.union


def test_calibration_on_paper():
    """Two bins: 0.2 and 0.4 (one object) in the first, 0.9 (object) in the second; 255 does not count.

    First: |0.3 − 0.5| of two pixels; second |0.9 − 1| of one: (0.4 + 0.1) / 3.
    """
    calibration = Calibration(bins=2)
    assert calibration.error == 0
    calibration.add(np.array([[0.2, 0.4]]), np.array([[0, 1]], np.uint8))
    calibration.add(np.array([[0.9, 0.1]]), np.array([[1, 255]], np.uint8))
    assert calibration.error == pytest.approx(0.5 / 3)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_calibration_against_torchmetrics(seed):
    draws = np.random.default_rng(seed)
    calibration, chances, truths = Calibration(), [], []
    for _ in range(3):
        chance = draws.random((5, 7), np.float32)
        truth = draws.choice(np.array([0, 1, 255], np.uint8), (5, 7))
        calibration.add(chance, truth)
        chances.append(chance[truth != 255])
        truths.append(truth[truth != 255])
    oracle = BinaryCalibrationError(n_bins=15, norm="l1")
    expected = oracle(
        torch.from_numpy(np.concatenate(chances)), torch.from_numpy(np.concatenate(truths)).long()
    )
    assert calibration.error == pytest.approx(expected.item(), abs=1e-6)


scores = st.lists(st.integers(0, 5), min_size=1, max_size=20)


@given(scores, scores)
def test_auroc_against_torchmetrics(there, absent):
    labels = torch.tensor([1] * len(there) + [0] * len(absent))
    expected = AUROC("binary")(torch.tensor([*there, *absent]) / 5, labels).item()
    assert auroc(there, absent) == pytest.approx(expected, abs=1e-6)


def square(top, left, side=20, size=60):
    mask = np.zeros((size, size), np.uint8)
    mask[top : top + side, left : left + side] = 1
    return mask


def test_boundary_of_a_shifted_square():
    truth = square(20, 20)
    assert boundary_f(truth, truth, 0) == 1
    assert boundary_f(square(20, 22), truth, 2) == 1
    # moved 3 to the right: of 76 edge pixels the right side's 20 are 3 away from the truth's, and 14 of the
    # left side's 20 are more than 2 from the truth's upper and lower side; the truth's edge mirrors that
    assert boundary_f(square(20, 23), truth, 2) == pytest.approx((76 - 20 - 14) / 76)
    assert boundary_f(square(2, 2, 5), truth, 2) == 0


def test_boundary_without_an_edge():
    nothing, everything = np.zeros((9, 9), np.uint8), np.ones((9, 9), np.uint8)
    assert boundary_f(nothing, nothing) == 1
    assert boundary_f(everything, everything) == 1
    assert boundary_f(square(2, 2, 3, 9), nothing) == 0
    assert boundary_f(nothing, square(2, 2, 3, 9)) == 0


def test_boundary_anywhere_in_the_void_is_right():
    truth = square(18, 18, 24)
    truth[truth == 1] = 255
    truth[22:38, 22:38] = 1
    for margin in (0, 2, 4):
        assert boundary_f(square(18 + margin, 18 + margin, 24 - 2 * margin), truth, 0) == 1
    assert boundary_f(square(16, 16, 28), truth, 1) == 0


def test_boundary_tolerance_is_one_pixel_at_least():
    truth = square(7, 7, 6, 20)  # 0.75 % of its diagonal are 0.2 pixels
    assert boundary_f(square(6, 6, 8, 20), truth) == boundary_f(square(6, 6, 8, 20), truth, 1)
    assert boundary_f(square(6, 6, 8, 20), truth) > 0.9
    assert boundary_f(square(5, 5, 10, 20), truth) == 0


def test_boundary_tolerance_follows_the_diagonal():
    truth = square(100, 100, 100, 400)  # diagonal 566: 4 pixels
    assert boundary_f(square(96, 96, 108, 400), truth) > 0.95
    assert boundary_f(square(94, 94, 112, 400), truth) == 0


@given(masks([0, 1, 255]), st.integers(0, 3))
def test_laws_of_the_boundary(pair, tolerance):
    found, truth = pair
    score = boundary_f(found, truth, tolerance)
    assert 0 <= score <= 1
    assert score <= boundary_f(found, truth, tolerance + 1) + 1e-12
    big = [np.pad(mask, 30) for mask in (found, truth)]
    wide = [np.pad(mask, 90) for mask in (found, truth)]
    assert boundary_f(*big, tolerance) == boundary_f(*wide, tolerance)
    if 255 not in truth:
        assert score == pytest.approx(boundary_f(truth, found, tolerance))


def test_bootstrap_interval():
    assert bootstrap_interval([0.25] * 9) == bootstrap_interval([0.25]) == (0.25, 0.25)
    assert bootstrap_interval([1, 0, 0, 0]) == bootstrap_interval([1, 0, 0, 0], seed=1) == (0, 0.75)
    values = np.random.default_rng(0).normal(0.5, 0.1, 400)
    low, high = bootstrap_interval(values)
    half = 1.96 * values.std() / np.sqrt(400)
    assert low == pytest.approx(values.mean() - half, abs=0.002)
    assert high == pytest.approx(values.mean() + half, abs=0.002)
    assert bootstrap_interval(values) == (low, high)
    low, high = bootstrap_interval(values, resamples=20_000, seed=1)  # so many tell 2.5 % from 3.5 %
    assert low == pytest.approx(values.mean() - half, abs=0.0003)
    assert high == pytest.approx(values.mean() + half, abs=0.0003)


@pytest.mark.parametrize("measure", [overlap, boundary_f, Calibration().add])
def test_two_sizes_are_refused(measure):
    with pytest.raises(ValueError, match=r"\(2, 2\) and the truth \(2, 3\)"):
        measure(np.zeros((2, 2)), np.zeros((2, 3), np.uint8))
