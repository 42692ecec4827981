import numpy as np
import pytest

from asgnet.apply.doctor.correlation import GRID, correlation
from asgnet.apply.doctor.mistakes import Mistake, find_mistakes, mend


def square(row: int, column: int, side: int = 30, size: int = GRID) -> np.ndarray:
    mask = np.zeros((size, size), np.uint8)
    mask[row : row + side, column : column + side] = 1
    return mask


TRUE = [square(8, 10), square(20, 42), square(50, 30), square(40, 12)]


def predictor(masks):
    """A support whose mask covers its object finds the others' objects, one beside it their rest."""

    def predict_others(support, mask):
        right = correlation(TRUE[support].astype(float), mask.astype(float), np.ones_like(mask, bool))
        return {
            i: (right * (4.0 * TRUE[i] - 2)).astype(np.float32) for i in range(len(masks)) if i != support
        }

    return predict_others


def found(masks):
    return find_mistakes(masks, predictor(masks))


def test_right_examples_are_not_suspected():
    assert found(TRUE) == {}
    assert found(TRUE[:2]) == {}


@pytest.mark.parametrize("bad", range(3))
def test_an_inverted_mask_is_the_only_one_suspected(bad):
    masks = [1 - m if i == bad else m for i, m in enumerate(TRUE[:3])]
    assert found(masks) == {bad: Mistake("inverted")}


def test_of_two_the_frame_tells_which_is_inverted():
    assert found([TRUE[0], 1 - TRUE[1]]) == {1: Mistake("inverted")}


def test_a_moved_mask_is_suspected_with_its_distance():
    masks = [*TRUE[:2], np.roll(TRUE[2], (-12, 9), (0, 1))]
    mistakes = found(masks)
    assert list(mistakes) == [2]
    assert mistakes[2].shift == pytest.approx((-12 / GRID, 9 / GRID))


def test_swapped_masks_are_suspected_both():
    masks = [TRUE[1], TRUE[0], TRUE[2], TRUE[3]]
    assert found(masks) == {0: Mistake("swapped", partner=1), 1: Mistake("swapped", partner=0)}


def test_two_mistakes_of_different_kinds():
    masks = [1 - TRUE[0], np.roll(TRUE[1], 14, 1), TRUE[2], TRUE[3]]
    assert {i: m.kind for i, m in found(masks).items()} == {0: "inverted", 1: "moved"}


def test_mending_undoes_the_mistake():
    mask = np.pad(TRUE[2][:, :80], 1)
    assert (mend([1 - mask], 0, Mistake("inverted")) == mask).all()
    moved = np.roll(mask, (10, -7), (0, 1))
    assert (mend([moved], 0, Mistake("moved", (10 / 98, -7 / 82))) == mask).all()
    assert mend(TRUE, 0, Mistake("swapped", partner=3)) is TRUE[3]


def test_mending_leaves_ignored_pixels_alone():
    mask = np.array([[0, 1, 255]], np.uint8)
    assert mend([mask], 0, Mistake("inverted")).tolist() == [[1, 0, 255]]
