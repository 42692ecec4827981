import numpy as np
import pytest

from asgnet.apply.doctor.correlation import GRID, best_shift, correlation, on_small_grid


def square(row: int, column: int, side: int = 30, size: int = GRID) -> np.ndarray:
    mask = np.zeros((size, size), np.uint8)
    mask[row : row + side, column : column + side] = 1
    return mask


TRUE = [square(8, 10), square(20, 42), square(50, 30), square(40, 12)]


def test_correlation_is_blind_to_pixels_that_do_not_count():
    seen = np.array([[1.0, -1.0, 5.0]])
    painted = np.array([[1.0, 0.0, 0.0]])
    counted = np.array([[True, True, False]])
    assert correlation(seen, painted, counted) == pytest.approx(1)
    assert correlation(-seen, painted, counted) == pytest.approx(-1)
    assert correlation(seen, painted, np.zeros_like(counted)) == 0
    assert correlation(seen, np.zeros_like(painted), counted) == 0


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
