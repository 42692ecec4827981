import numpy as np
import pytest

from asgnet.apply.doctor.mistakes import (
    GRID,
    Mistake,
    agreement,
    best_shift,
    find_mistakes,
    frame_share,
    mend,
    on_small_grid,
)


def square(row: int, column: int, side: int = 30, size: int = GRID) -> np.ndarray:
    mask = np.zeros((size, size), np.uint8)
    mask[row : row + side, column : column + side] = 1
    return mask


TRUE = [square(8, 10), square(20, 42), square(50, 30), square(40, 12)]


def witness(masks):
    """A teacher whose mask covers its object sees the others' objects, one beside it their rest."""

    def testify(teacher, mask):
        right = agreement(TRUE[teacher].astype(float), mask.astype(float), np.ones_like(mask, bool))
        return {
            i: (right * (4.0 * TRUE[i] - 2)).astype(np.float32) for i in range(len(masks)) if i != teacher
        }

    return testify


def found(masks):
    return find_mistakes(masks, witness(masks))


def test_right_examples_are_not_accused():
    assert found(TRUE) == {}
    assert found(TRUE[:2]) == {}


@pytest.mark.parametrize("bad", range(3))
def test_an_inverted_mask_is_the_only_one_accused(bad):
    masks = [1 - m if i == bad else m for i, m in enumerate(TRUE[:3])]
    assert found(masks) == {bad: Mistake("inverted")}


def test_of_two_the_frame_tells_which_is_inverted():
    assert found([TRUE[0], 1 - TRUE[1]]) == {1: Mistake("inverted")}


def test_a_moved_mask_is_accused_with_its_distance():
    masks = [*TRUE[:2], np.roll(TRUE[2], (-12, 9), (0, 1))]
    mistakes = found(masks)
    assert list(mistakes) == [2]
    assert mistakes[2].shift == pytest.approx((-12 / GRID, 9 / GRID))


def test_swapped_masks_are_accused_both():
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


def test_agreement_is_a_correlation_and_blind_to_pixels_that_do_not_count():
    seen = np.array([[1.0, -1.0, 5.0]])
    painted = np.array([[1.0, 0.0, 0.0]])
    counted = np.array([[True, True, False]])
    assert agreement(seen, painted, counted) == pytest.approx(1)
    assert agreement(-seen, painted, counted) == pytest.approx(-1)
    assert agreement(seen, painted, np.zeros_like(counted)) == 0
    assert agreement(seen, np.zeros_like(painted), counted) == 0


@pytest.mark.parametrize("shift", [(5, -8), (-20, 0), (0, 20)])
def test_the_shift_is_found_exactly(shift):
    seen, moved = 4.0 * TRUE[1] - 2, np.roll(TRUE[1], shift, (0, 1)).astype(float)
    (down, right), gain = best_shift(seen, moved, np.ones_like(moved, bool))
    assert (down * GRID, right * GRID) == pytest.approx(shift)
    assert gain > 0.08


def test_no_shift_is_found_where_none_is():
    whole = np.ones((GRID, GRID), bool)
    assert best_shift(4.0 * TRUE[1] - 2, TRUE[1].astype(float), whole)[1] == 0
    noise = np.random.default_rng(0).normal(size=(GRID, GRID))
    assert best_shift(noise, TRUE[1].astype(float), whole)[1] == 0


def test_the_grid_keeps_shares_of_any_size():
    mask = np.zeros((300, 200))
    mask[:150] = 1
    assert on_small_grid(mask).shape == (GRID, GRID)
    assert on_small_grid(mask).mean() == pytest.approx(0.5, abs=0.01)
    assert frame_share((1 - square(30, 30)).astype(np.uint8)) == 1
