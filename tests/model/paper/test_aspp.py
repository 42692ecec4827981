"""ASPP: its grids, and that all of it learns."""

import torch

from asgnet.model.paper.aspp import ASPP
from asgnet.model.paper.loss import episode_loss


def test_aspp_answers_on_the_finer_grid():
    net = ASPP(8, low=6, hidden=8).eval()
    guided, fits, low = torch.randn(2, 8, 9, 7), torch.randn(2, 1, 9, 7), torch.randn(2, 6, 18, 14)
    out = net(guided, fits, low, auxiliary=True)
    assert out.logits.shape == (2, 2, 18, 14)
    assert [tuple(a.shape) for a in out.auxiliary] == [(2, 2, 9, 7)]
    assert net(guided, fits, low).auxiliary == ()
    net.train()
    episode_loss(net(guided, fits, low, auxiliary=True), torch.randint(0, 2, (2, 18, 14))).backward()
    assert all(p.grad is not None for p in net.parameters())
