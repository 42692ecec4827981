import numpy as np
import pytest
from skimage.draw import disk

from asgnet.imaging.interior import FEATURES, READOUT
from asgnet.imaging.separation import Separation, f1_at_half, match_iou, small_grey


def discs(
    *centres: tuple[float, float], radius: float = 12, shape=(80, 120)
) -> tuple[np.ndarray, np.ndarray]:
    """A mask of discs, and their numbers."""
    labels = np.zeros(shape, np.int32)
    for number, centre in enumerate(centres, 1):
        labels[disk(centre, radius, shape=shape)] = number
    return labels > 0, labels


def test_touching_discs_are_told_apart_and_a_single_one_is_not_cut():
    mask, true = discs((30, 30), (30, 52), (50, 40), (60, 100))
    found = Separation(depth=0.2, smooth=0.15)(mask)
    assert found.max() == 4
    assert f1_at_half(found, true) == 1
    assert Separation()(mask).max() == 2
    assert ((found > 0) == mask).all()


@pytest.mark.parametrize("scale", [1, 3])
def test_all_sizes_are_relative(scale):
    mask, _ = discs((30, 30), (30, 52), (60, 100))
    mask[5:8, 5:8] = True  # too small for an object
    found = Separation(0.2, 0.15, 0.1)(np.kron(mask, np.ones((scale, scale), bool)))
    assert found.max() == 3
    assert not found[: 9 * scale, : 9 * scale].any()


INTERIOR = tuple(np.random.default_rng(0).normal(0, 0.1, 2 * FEATURES + READOUT).tolist())


def test_nothing_is_no_object():
    empty = np.zeros((5, 7), bool)
    for separation in (Separation(), Separation(0.2, 0.1, 0.1), Separation(0.2, 2, 0.1, interior=INTERIOR)):
        assert not separation(empty, empty.astype(np.float32), np.zeros((5, 7), np.uint8)).any()


@pytest.mark.parametrize("side", [400, 900])
def test_by_the_interior_all_of_the_mask_is_some_object_s(side):
    mask = np.zeros((side, side + 50), bool)
    mask[20:200, 30:300] = mask[250:254, 10:200] = mask[-1, -1] = True
    picture = np.random.default_rng(1).integers(0, 255, (*mask.shape, 3)).astype(np.uint8)
    grey = small_grey(picture)
    assert max(grey.shape) == min(side + 50, 768)
    found = Separation(0.3, 2, interior=INTERIOR)(mask, mask.astype(np.float32), grey)
    assert ((found > 0) == mask).all()
    assert set(np.unique(found)) == set(range(found.max() + 1))
    assert found[-1, -1] not in found[:300]


def test_two_hundred_touching_discs():
    rng = np.random.default_rng(0)
    centres = [
        (20 + 19 * r + rng.uniform(-1, 1), 20 + 19 * c + rng.uniform(-1, 1))
        for r in range(10)
        for c in range(20)
    ]
    mask, true = discs(*centres, radius=10.5, shape=(220, 420))
    assert Separation()(mask).max() < 20
    found = Separation(0.1, 0.15, 0.05)(mask)
    assert f1_at_half(found, true) >= 0.95


def test_how_objects_are_matched():
    found, true = np.array([[1, 1, 0, 2]]), np.array([[1, 1, 1, 0]])
    np.testing.assert_allclose(match_iou(found, true), [[2 / 3], [0]])
    assert f1_at_half(found, true) == pytest.approx(2 / 3)
    assert f1_at_half(found * 0, true * 0) == 1
    assert f1_at_half(found, true * 0) == 0
