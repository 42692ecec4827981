"""FEM: its scales, its auxiliary classifiers, its steps."""

import pytest
import torch
import torch.nn.functional as F

from asgnet.model.paper.fem import FEM
from asgnet.model.paper.loss import episode_loss
from asgnet.model.paper.resize import resize


@pytest.mark.parametrize(
    ("grid", "sizes"),
    [
        ((60, 60), [(60, 60), (30, 30), (15, 15), (8, 8)]),
        ((81, 81), [(81, 81), (40, 40), (20, 20), (10, 10)]),
        ((60, 20), [(60, 20), (30, 10), (15, 5), (8, 2)]),
        ((3, 1), [(3, 1), (2, 1), (1, 1), (1, 1)]),
    ],
)
def test_fem_works_at_the_published_scales(grid, sizes):
    net, seen = FEM(8, 4), []
    for merge in net.merge:
        merge.register_forward_hook(lambda _, __, out: seen.append(tuple(out.shape[-2:])))
    out = net(torch.randn(2, 8, *grid), torch.randn(2, 1, *grid), auxiliary=True)
    assert seen == sizes
    assert [tuple(a.shape) for a in out.auxiliary] == [(2, 2, *size) for size in sizes]
    assert out.logits.shape == (2, 2, *grid)


def test_inner_classifiers_are_computed_only_when_asked_for():
    net = FEM(8, 4)
    for inner in net.inner:
        inner.register_forward_hook(lambda *_: pytest.fail("computed for nothing"))
    assert net(torch.randn(1, 8, 8, 8), torch.randn(1, 1, 8, 8)).auxiliary == ()
    assert (
        FEM(8, 4, inner=False)(torch.randn(1, 8, 8, 8), torch.randn(1, 1, 8, 8), auxiliary=True).auxiliary
        == ()
    )


def test_every_parameter_of_fem_learns():
    net = FEM(8, 4)
    out = net(torch.randn(2, 8, 16, 16), torch.randn(2, 1, 16, 16), auxiliary=True)
    episode_loss(out, torch.randint(0, 2, (2, 16, 16))).backward()
    assert all(p.grad is not None for p in net.parameters())


def test_fem_is_the_published_sequence_of_steps():
    net, grid = FEM(8, 4).eval(), (16, 11)
    guided, fits = torch.randn(2, 8, *grid), torch.randn(2, 1, *grid)
    enlarged = []
    for scale, size in enumerate([(16, 11), (8, 6), (4, 3), (2, 1)]):
        x = torch.cat([F.adaptive_avg_pool2d(guided, size), resize(fits, size)], 1)
        x = F.relu(net.merge[scale](x))
        if scale:
            x = x + F.relu(net.inflow[scale - 1](torch.cat([x, resize(enlarged[-1], size)], 1)))
        x = x + net.refine[scale](x)
        enlarged.append(resize(x, grid))
    x = F.relu(net.fuse(torch.cat(enlarged, 1)))
    torch.testing.assert_close(net(guided, fits).logits, net.classifier(x + net.smooth(x)))
