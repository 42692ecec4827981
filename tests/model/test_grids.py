"""Maps go down by averaging and up by interpolating."""

from __future__ import annotations

import torch

from asgnet.model.grids import to_grid


def test_to_grid():
    small = torch.tensor([[[[0.0, 4.0], [8.0, 12.0]]]])
    assert to_grid(small, (2, 2)) is small
    assert to_grid(small, [1, 1]).tolist() == [[[[6.0]]]]
    torch.testing.assert_close(to_grid(small, (2, 4))[0, 0], torch.tensor([[0.0, 1, 3, 4], [8, 9, 11, 12]]))
    assert to_grid(small, (1, 4)).tolist() == [[[[4.0, 4.0, 8.0, 8.0]]]]  # down one way, up the other
    assert to_grid(torch.full((1, 1, 7, 5), 2.5), (3, 9)).unique().tolist() == [2.5]
