"""Is more of the object there than is painted?"""

from __future__ import annotations

import numpy as np
import pytest

from asgnet.apply.fitting.partial import partial_ones, unpainted_pieces


def squares(*lefts: int, size: int = 6) -> np.ndarray:
    mask = np.zeros((20, 120), np.uint8)
    for left in lefts:
        mask[5 : 5 + size, left : left + size] = 1
    return mask


def test_pieces_away_from_the_paint_and_as_large():
    found = squares(0, 20, 60) | squares(100, size=2)
    found[5:11, 28] = 1  # beside the paint
    assert np.array_equal(unpainted_pieces(squares(0, 20) == 1, found == 1), squares(60) == 1)


def test_nothing_painted_has_no_pieces():
    assert not unpainted_pieces(squares() == 1, squares(20) == 1).any()


@pytest.mark.parametrize(("likely", "expected"), [(2.0, {0}), (1.7, {0}), (1.5, set()), (-3.0, set())])
def test_likely_as_painted_pieces_left_out(likely, expected):
    painted, filled, asked = squares(0, 20), squares(0, 20, 60), []

    def probe(masks):
        asked.append(masks[0])
        logits = np.full(painted.shape, -5.0, np.float32)
        logits[painted == 1], logits[squares(60) == 1] = 2.0, likely
        return {0: logits}

    assert partial_ones({0: painted}, {0: filled}, probe) == expected
    unknown = [[left for left in (0, 20, 60) if mask[7, left + 1] == 255] for mask in asked]
    assert unknown == [[60], [0, 60], [20, 60]]  # never is a doubtful piece background


def test_a_single_piece_says_nothing():
    def probe(masks):
        raise AssertionError("nobody asks")

    assert partial_ones({0: squares(0)}, {0: squares(0, 20)}, probe) == set()
