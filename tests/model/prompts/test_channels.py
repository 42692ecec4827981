"""Clicks, boxes and an earlier mask as channels."""

import numpy as np

from asgnet.model.prompts.channels import CHANNELS, GRID, prompt_channels


def test_a_click_is_a_disc():
    channels = prompt_channels([(128, 128, True), (10, 250, False)], None, None)
    assert channels.shape == (CHANNELS, GRID, GRID)
    assert channels[0, 31:33, 31:33].min() == 1
    assert 4 < channels[0].sum() < 7  # a circle of 5 pixels has 4.9 cells
    assert channels[1, 62, 2] == 1
    assert channels[:, 32, 10].max() == 0
    assert not channels[2:].any()


def test_a_box_counts_parts_of_cells():
    channels = prompt_channels([], (4, 8, 14, 16), None)
    expected = np.zeros((GRID, GRID), np.float32)
    expected[2:4, 1:3], expected[2:4, 3] = 1, 0.5
    np.testing.assert_array_equal(channels[2], expected)
    assert channels[3].sum() > 0
    assert (channels[3] <= (channels[2] > 0)).all()


def test_what_was_before_is_kept():
    before = np.random.default_rng(0).random((GRID, GRID)).astype(np.float32)
    np.testing.assert_array_equal(prompt_channels([], None, before)[4], before)
