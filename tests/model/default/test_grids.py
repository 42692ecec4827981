"""Maps go down by averaging and up by interpolating."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from asgnet.model.default.grids import mean_around, to_grid


def test_to_grid():
    small = torch.tensor([[[[0.0, 4.0], [8.0, 12.0]]]])
    assert to_grid(small, (2, 2)) is small
    assert to_grid(small, [1, 1]).tolist() == [[[[6.0]]]]
    torch.testing.assert_close(to_grid(small, (2, 4))[0, 0], torch.tensor([[0.0, 1, 3, 4], [8, 9, 11, 12]]))
    assert to_grid(small, (1, 4)).tolist() == [[[[4.0, 4.0, 8.0, 8.0]]]]  # down one way, up the other
    assert to_grid(torch.full((1, 1, 7, 5), 2.5), (3, 9)).unique().tolist() == [2.5]


def test_means_of_windows_that_end_at_the_border():
    found = mean_around(torch.tensor([[[0.0, 6, 12], [0, 0, 0]]]), 1)
    torch.testing.assert_close(found, torch.tensor([[[1.5, 3, 4.5], [1.5, 3, 4.5]]]))


def test_means_around_are_what_pooling_gives():
    maps = torch.randn(2, 3, 11, 17, generator=torch.Generator().manual_seed(0))
    pooled = F.avg_pool2d(maps, 9, 1, 4, count_include_pad=False)
    torch.testing.assert_close(mean_around(maps, 4), pooled)
