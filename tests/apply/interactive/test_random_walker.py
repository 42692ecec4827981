"""The random walk to a picture's edges."""

import numpy as np
import torch

from asgnet.apply.interactive.random_walker import SIDE, Walk


def test_a_rough_answer_finds_the_edge_in_the_picture():
    picture = np.full((SIDE, SIDE, 3), 40, np.uint8)
    picture[:, 50:] = 220  # the object begins at column 50
    rough = torch.full((SIDE, SIDE), -4.0)
    rough[:, 40:60] = 0  # what lies around the edge is not known
    rough[:, 60:] = 4
    found = Walk(picture).to(rough) > 0
    assert not found[:, :50].any()
    assert found[:, 50:].all()


def test_without_edges_a_sure_answer_stays():
    logits = torch.linspace(-6, 6, 32).expand(32, 32).contiguous()
    found = Walk(np.full((30, 50, 3), 99, np.uint8)).to(logits)
    assert found.shape == (SIDE, SIDE)
    assert torch.isfinite(found).all()
    assert (found[:, :40] < 0).all()
    assert (found[:, -40:] > 0).all()
