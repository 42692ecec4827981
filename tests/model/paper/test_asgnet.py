"""The network as a whole: its presets, its laws, whatever supports it is given."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asgnet.errors import UsageError
from asgnet.model import ASGNet
from asgnet.model.paper.asgnet import Encoded, grid_masks
from asgnet.model.paper.config import Config
from asgnet.model.paper.loss import episode_loss
from asgnet.model.steps import Outputs

SMALL = Config(backbone="mobilenetv3_small_050", levels=(1, 2), channels=16, hidden=8, area=4)
QUIRKS = replace(SMALL, length=0.0, region="exact", border=False, rounding="round", reduce="sum")


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return ASGNet.from_config(SMALL).eval()


@pytest.fixture(scope="module")
def quirks():
    torch.manual_seed(0)
    return ASGNet.from_config(QUIRKS).eval()


def episode(b=1, k=1, height=64, width=64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    query = torch.randn(b, 3, height, width, generator=generator)
    images = torch.randn(b, k, 3, height, width, generator=generator)
    masks = torch.zeros(b, k, height, width, dtype=torch.uint8)
    for mask in masks.flatten(0, 1):
        y, x = (int(torch.randint(0, side // 2, (), generator=generator)) for side in (height, width))
        mask[y : y + height // 2, x : x + width // 3] = 1
    return query, images, masks


@pytest.mark.parametrize(
    ("preset", "inner", "trainable"),
    [
        ("paper-r50", False, 8_062_466),
        ("paper-r50", True, 10_423_818),
        ("paper-r101", False, 8_062_466),
        ("paper-r50-aspp", False, 8_688_514),
    ],
)
def test_trainable_parameters(preset, inner, trainable):
    made = ASGNet.from_preset(preset, inner=inner)
    assert sum(p.numel() for p in made.parameters() if p.requires_grad) == trainable
    assert not any(p.requires_grad for p in made.backbone.parameters())


def test_aspp_needs_a_published_backbone():
    with pytest.raises(UsageError, match="needs a published backbone"):
        ASGNet.from_config(replace(SMALL, decoder="aspp"))


def test_any_vit_will_do():
    made = ASGNet.from_config(replace(SMALL, backbone="test_vit", levels=(1, 3))).eval()
    assert made(*episode(height=80, width=112)).shape == (1, 2, 80, 112)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(1, 3),
    st.integers(1, 7),
    st.integers(33, 90),
    st.integers(33, 90),
    st.sampled_from(["quirks", "net"]),
    st.integers(0, 9),
)
def test_any_shots_any_size(request_nets, b, k, height, width, which, seed):
    query, images, masks = episode(b, k, height, width, seed)
    with torch.inference_mode():
        logits = request_nets[which](query, images, masks)
    assert logits.shape == (b, 2, height, width)
    assert torch.isfinite(logits).all()


@pytest.fixture(scope="module")
def request_nets(net, quirks):
    return {"net": net, "quirks": quirks}


@pytest.mark.parametrize("which", ["net", "quirks"])
@pytest.mark.parametrize("kind", ["empty", "ignored", "pixel", "full", "ring", "corner"])
def test_masks_of_every_kind(request_nets, which, kind):
    query, images, _ = episode(2, 2)
    mask = torch.zeros(64, 64, dtype=torch.int64)
    row, column = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    radius = ((row - 32) ** 2 + (column - 32) ** 2).sqrt()
    mask[
        {
            "empty": radius < 0,
            "ignored": radius < 0,
            "pixel": radius < 1,
            "full": radius >= 0,
            "ring": (radius > 20) & (radius < 30),
            "corner": (row < 9) & (column < 9),
        }[kind]
    ] = 1
    if kind == "ignored":
        mask[:] = 255
    made = request_nets[which]
    with torch.inference_mode():
        assert torch.isfinite(made(query, images, mask.expand(2, 2, 64, 64))).all()
        prototypes, valid = made.learn(Encoded(torch.randn(4, 16, 8, 8)), mask.expand(2, 2, 64, 64))
    assert prototypes.shape == (2, 10, 16)
    per_support = valid.view(2, 2, 5).sum(2)
    assert (per_support == (1 if kind in ("empty", "ignored", "pixel", "corner") else 5)).all()
    assert (prototypes[~valid] == 0).all()


@torch.inference_mode()
def test_the_order_of_shots_changes_nothing(request_nets):
    query, images, masks = episode(2, 5)
    order = torch.tensor([3, 0, 4, 1, 2])
    for made in request_nets.values():
        torch.testing.assert_close(
            made(query, images[:, order], masks[:, order]), made(query, images, masks), atol=1e-4, rtol=1e-4
        )


@torch.inference_mode()
def test_an_episode_alone_is_as_in_a_batch(request_nets):
    query, images, masks = episode(3, 2)
    masks[1, 0] = 0
    for made in request_nets.values():
        together = made(query, images, masks)
        for i in range(3):
            s = slice(i, i + 1)
            torch.testing.assert_close(made(query[s], images[s], masks[s]), together[s], atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_a_support_shown_twice_says_no_more(net, quirks):
    query, images, masks = episode()
    twice = images.expand(-1, 2, -1, -1, -1), masks.expand(-1, 2, -1, -1)
    torch.testing.assert_close(net(query, *twice), net(query, images, masks), atol=1e-4, rtol=1e-4)
    target = quirks.encode(query)
    once = quirks.allocate(target, quirks.learn(quirks.encode(images[0]), masks))
    doubled = quirks.allocate(target, quirks.learn(quirks.encode(twice[0][0]), twice[1]))
    torch.testing.assert_close(doubled.guide_feature, once.guide_feature)
    torch.testing.assert_close(doubled.probability_map, 2 * once.probability_map)  # the published sum grows


@torch.inference_mode()
def test_ignored_pixels_are_not_object(request_nets):
    query, images, masks = episode()
    for made in request_nets.values():
        expected = made(query, images, masks)
        masks[masks == 0] = 255
        torch.testing.assert_close(made(query, images, masks), expected)
        for kind in (torch.int64, torch.float32):
            torch.testing.assert_close(made(query, images, masks.to(kind)), expected)


@torch.inference_mode()
def test_masks_may_have_a_size_of_their_own(net):
    query, images, masks = episode()
    larger = masks.repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(net(query, images, larger), net(query, images, masks), atol=1e-4, rtol=1e-4)


def test_training_learns_and_touches_the_head_alone():
    torch.manual_seed(0)
    made = ASGNet.from_config(SMALL).train()
    query, images, masks = episode(2, 2)
    frozen = {name: t.clone() for name, t in made.backbone.state_dict().items()}
    optimiser = torch.optim.AdamW([p for p in made.parameters() if p.requires_grad], 3e-3)
    losses = []
    for _ in range(25):
        outputs = made(query, images, masks, auxiliary=True)
        assert isinstance(outputs, Outputs)
        loss = episode_loss(outputs, masks[:, 0])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert len(outputs.auxiliary) == 4
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    assert made.projection[0].weight.grad.abs().sum() > 0
    assert all(torch.equal(frozen[name], t) for name, t in made.backbone.state_dict().items())


def test_prototypes_take_ten_rounds_in_training_and_carry_no_gradient(net, monkeypatch):
    rounds = []
    import asgnet.model.paper.asgnet as room

    real = room.cluster
    monkeypatch.setattr(
        room, "cluster", lambda f, r, s, v, n, **o: rounds.append(n) or real(f, r, s, v, n, **o)
    )
    features = Encoded(torch.randn(1, 16, 8, 8, requires_grad=True))
    masks = torch.ones(1, 1, 64, 64)
    try:
        found, _ = net.train().learn(features, masks)
        net.eval().learn(features, masks)
    finally:
        net.eval()
    assert rounds == [10, 5]
    assert not found.requires_grad


def test_exact_masks_are_the_published_ones():
    mask = torch.zeros(1, 17, 17)
    mask[0, 4:, 4:] = 1
    mask[0, 16, 16] = 255
    seeded, region, soft = grid_masks(mask, (3, 3), "exact")  # aligned corners: rows 0 8 16; nearest: 0 5 11
    assert region[0].int().tolist() == [[0, 0, 0], [0, 1, 1], [0, 1, 0]]
    assert soft[0].tolist() == [[0, 0, 0], [0, 1, 1], [0, 1, 0]]
    assert seeded[0].int().tolist() == [[0, 0, 0], [0, 1, 1], [0, 1, 1]]


def test_area_masks_are_half_full():
    mask = torch.zeros(1, 4, 4)
    mask[0, :2, :1] = 1
    mask[0, 3, 3] = 1
    seeded, region, soft = grid_masks(mask, (2, 2), "area")
    assert soft[0].tolist() == [[0.5, 0], [0, 0.25]]
    assert region[0].tolist() == seeded[0].tolist() == [[True, False], [False, False]]


@pytest.mark.parametrize(
    ("shapes", "says"),
    [
        (((3, 64, 64), (1, 1, 3, 64, 64), (1, 1, 64, 64)), "query must have the shape"),
        (((1, 3, 64, 64), (1, 3, 64, 64), (1, 1, 64, 64)), "support_images must have the shape"),
        (((1, 3, 64, 64), (1, 1, 3, 64, 64), (1, 64, 64)), "support_masks must have the shape"),
        (((1, 1, 64, 64), (1, 1, 3, 64, 64), (1, 1, 64, 64)), "3 colour channels, not 1"),
        (((2, 3, 64, 64), (1, 1, 3, 64, 64), (1, 1, 64, 64)), "agree in episodes"),
        (((1, 3, 64, 64), (1, 2, 3, 64, 64), (1, 1, 64, 64)), "agree in episodes"),
        (((1, 3, 64, 64), (1, 0, 3, 64, 64), (1, 0, 64, 64)), "at least one support"),
    ],
)
def test_tensors_that_do_not_belong_together(net, shapes, says):
    with pytest.raises(UsageError, match=says):
        net(*(torch.zeros(shape) for shape in shapes))


@pytest.mark.parametrize("preset", ["paper-r50", "paper-r50-aspp"])
@torch.inference_mode()
def test_pictures_are_encoded_fast_and_as_by_the_backbone_itself(preset):
    torch.manual_seed(0)
    net, images = ASGNet.from_preset(preset, inner=False).eval(), torch.randn(2, 3, 65, 49)
    names, seen = list(net.state_dict()), net.encode(images)
    plain = net.project(net.backbone(images))
    torch.testing.assert_close(seen.features, plain.features, atol=1e-5, rtol=1e-4)
    assert (seen.low is None) == (plain.low is None)
    if seen.low is not None:
        torch.testing.assert_close(seen.low, plain.low, atol=1e-5, rtol=1e-4)
    assert list(net.state_dict()) == names


def test_training_and_gradients_take_the_backbone_itself(net):
    images = torch.randn(1, 3, 40, 40, requires_grad=True)
    net.encode(images).features.sum().backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0
