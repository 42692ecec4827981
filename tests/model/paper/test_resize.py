"""Resizing with aligned corners, and two steps in one."""

import pytest
import torch

from asgnet.model.paper.resize import resize, resize_through


def test_resize_keeps_corners_and_leaves_equal_sizes_alone():
    x = torch.arange(6.0).view(1, 1, 2, 3)
    assert resize(x, (2, 3)) is x
    assert resize(x, (5, 7))[0, 0, [0, 0, -1, -1], [0, -1, 0, -1]].tolist() == [0, 2, 3, 5]


@pytest.mark.parametrize(
    ("own", "between", "size"),
    [
        ((30, 30), (60, 60), (15, 15)),
        ((15, 15), (60, 60), (8, 8)),
        ((5, 20), (10, 40), (3, 10)),
        ((1, 2), (7, 3), (2, 1)),
        ((6, 4), (6, 4), (3, 2)),
        ((3, 2), (6, 4), (6, 4)),
    ],
)
def test_two_resizings_in_one(own, between, size):
    x = torch.randn(2, 3, *own)
    torch.testing.assert_close(resize_through(x, between, size), resize(resize(x, between), size))
