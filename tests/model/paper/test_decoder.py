"""Decoders: their scales, their auxiliary classifiers, their loss."""

import math

import pytest
import torch
import torch.nn.functional as F

from asgnet.model.paper.decoder import FEM, Atrous, Outputs, episode_loss, resize, resize_through


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


def test_atrous_answers_on_the_finer_grid():
    net = Atrous(8, low=6, hidden=8).eval()
    guided, fits, low = torch.randn(2, 8, 9, 7), torch.randn(2, 1, 9, 7), torch.randn(2, 6, 18, 14)
    out = net(guided, fits, low, auxiliary=True)
    assert out.logits.shape == (2, 2, 18, 14)
    assert [tuple(a.shape) for a in out.auxiliary] == [(2, 2, 9, 7)]
    assert net(guided, fits, low).auxiliary == ()
    net.train()
    episode_loss(net(guided, fits, low, auxiliary=True), torch.randint(0, 2, (2, 18, 14))).backward()
    assert all(p.grad is not None for p in net.parameters())


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


def test_loss_of_a_coin_toss_is_log_two_plus_its_auxiliary():
    even = torch.zeros(1, 2, 4, 4)
    target = torch.randint(0, 2, (1, 4, 4))
    assert float(episode_loss(even, target)) == pytest.approx(math.log(2))
    both = Outputs(even, (torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 1, 1)))
    assert float(episode_loss(both, target)) == pytest.approx(2 * math.log(2))
    assert float(episode_loss(both, target, weight=0.5)) == pytest.approx(1.5 * math.log(2))


def test_loss_skips_ignored_pixels():
    logits = torch.randn(2, 2, 6, 5)
    target = torch.randint(0, 2, (2, 6, 5))
    target[:, 3:] = 255
    torch.testing.assert_close(episode_loss(logits, target), F.cross_entropy(logits[:, :, :3], target[:, :3]))
    logits.requires_grad_()
    nothing = episode_loss(logits, torch.full((2, 6, 5), 255))
    nothing.backward()
    assert float(nothing.detach()) == 0
    assert (logits.grad == 0).all()
