"""The decoder: where training starts, what self-support says exactly, dropped appearance."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from asgnet.model.default import decoder as room
from asgnet.model.default.calibration import Calibration
from asgnet.model.default.decoder import Decoder
from asgnet.model.default.levels import PER_LEVEL, Levels

LEVELS = Levels(channels=(3, 4, 5, 4), grid=2, fine=1, fused=(2, 3), read=3, shallow=2)
APPEARANCE = 4


def decoder(seed=0, random=True, **options):
    """A narrow one; with random weights throughout, or as training starts."""
    torch.manual_seed(seed)
    made = Decoder(LEVELS, Calibration(), APPEARANCE, widths=(16, 16, 16), **options).eval()
    if random:
        for p in made.parameters():
            torch.nn.init.normal_(p, std=0.2)
    return made


def self_support(probability, maps):
    return room.self_support(probability, maps, Calibration())


def inputs(b=2, grid=(8, 6), seed=0):
    generator = torch.Generator().manual_seed(seed)
    similarity, appearance = (
        torch.randn(b, c, *grid, generator=generator) for c in (LEVELS.similarity_channels, APPEARANCE)
    )
    coarse = [max(side // 2, 1) for side in grid]
    maps = [torch.randn(b, LEVELS.channels[i], *coarse, generator=generator) for i in LEVELS.fused]
    return similarity, appearance, maps


@torch.inference_mode()
def test_training_starts_from_prototypes_and_readout():
    similarity, appearance, maps = inputs()
    answers, deep = decoder(random=False).train()(similarity, appearance, maps)
    differences = similarity[:, [PER_LEVEL * level + 2 for level in LEVELS.fused]].sum(1, keepdim=True)
    readout = similarity[:, 4 * PER_LEVEL :][:, :1]
    assert len(answers) == 2
    for logits in answers:
        torch.testing.assert_close(logits, 0.5 * differences + 0.3 * readout - 0.5)
    assert torch.isfinite(deep).all()


def test_the_seven_maps_of_two_colours_exactly():
    """An answer that is right says so of itself, at once."""
    red = torch.zeros(4, 6, dtype=torch.bool)
    red[1:3, 2:5] = True
    maps = [torch.stack([red, ~red])[None].float(), torch.stack([~red, red, ~red])[None].float()]
    found = self_support(red[None, None].float(), maps)
    signs = torch.where(red, 1.0, -1.0)
    assert found.shape == (1, 7, 4, 6)
    answer, *cosines, spread, beyond = found[0]
    assert torch.equal(answer, signs)
    for of_object, of_background in (cosines[:2], cosines[2:]):
        torch.testing.assert_close(of_object, signs)
        torch.testing.assert_close(of_background, -signs)
    torch.testing.assert_close(spread, signs, atol=1e-4, rtol=0)
    torch.testing.assert_close(beyond, torch.zeros(4, 6), atol=1e-4, rtol=0)


def test_an_answer_spreads_to_what_looks_alike():
    """Half of a red field is found: the average over red is one half, in the found half and in the other."""
    red = torch.zeros(4, 8, dtype=torch.bool)
    red[:, :4] = True
    probability = red.float() * (torch.arange(8) < 2)
    colour = torch.stack([red, ~red])[None].float()
    found = self_support(probability[None, None], [colour, colour])[0]
    torch.testing.assert_close(found[5], torch.where(red, 0.0, -1.0), atol=1e-4, rtol=0)
    torch.testing.assert_close(
        found[6], torch.tensor([-0.5, -0.5, 0.5, 0.5, 0, 0, 0, 0]).expand(4, 8), atol=1e-4, rtol=0
    )
    torch.testing.assert_close(found[1], torch.where(red, 1.0, -1.0))  # the object prototype is red


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("features", [0.0, 1.0])
def test_answers_without_any_contrast_are_finite(level, features):
    maps = [torch.full((1, c, 3, 4), features) for c in (5, 4)]
    found = self_support(torch.full((1, 1, 6, 8), level), maps)
    assert found.shape == (1, 7, 6, 8)
    assert torch.isfinite(found).all()
    torch.testing.assert_close(found[:, 5], torch.full((1, 6, 8), 2 * level - 1))


@settings(max_examples=8, deadline=None)
@given(st.floats(0.01, 100), st.integers(0, 10**6))
def test_self_support_asks_for_directions_only(factor, seed):
    generator = torch.Generator().manual_seed(seed)
    maps = [torch.randn(2, c, 4, 3, generator=generator) for c in (5, 4)]
    probability = torch.rand(2, 1, 8, 6, generator=generator)
    found = self_support(probability, maps)
    torch.testing.assert_close(self_support(probability, [factor * maps[0], maps[1]]), found)
    alone = torch.cat([self_support(probability[i : i + 1], [m[i : i + 1] for m in maps]) for i in (0, 1)])
    torch.testing.assert_close(alone, found, atol=1e-5, rtol=1e-4)


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 3), st.integers(1, 19), st.integers(1, 19))
@torch.inference_mode()
def test_grids_of_any_size(b, height, width):
    answers, deep = decoder()(*inputs(b, (height, width)))
    assert [a.shape for a in answers] == [(b, 1, height, width)] * 2
    assert deep.shape[:2] == (b, 16)
    assert all(torch.isfinite(t).all() for t in (*answers, deep))


@torch.inference_mode()
def test_an_episode_alone_is_as_in_a_batch():
    similarity, appearance, maps = inputs(3)
    made = decoder()
    answers, deep = made(similarity, appearance, maps)
    for i in range(3):
        s = slice(i, i + 1)
        alone, own = made(similarity[s], appearance[s], [m[s] for m in maps])
        torch.testing.assert_close(alone[-1], answers[-1][s], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(own, deep[s], atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_each_round_looks_at_the_last():
    made = decoder(rounds=3, drop=0.0).train()
    first, second, third = made(*inputs())[0]
    made.rounds = 1
    (only,) = made(*inputs())[0]
    assert torch.equal(only, first)
    assert (second - first).abs().max() > 1e-3
    assert (third - second).abs().max() > 1e-5


@torch.inference_mode()
def test_in_use_the_rounds_before_the_last_are_asked_on_a_coarser_grid():
    similarity, appearance, maps = inputs(grid=(8, 6))
    made, seen = decoder(rounds=3), []
    made.mix.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    answers, _ = made(similarity, appearance, maps)
    assert [x.shape[-2:] for x in seen] == [(4, 3), (4, 3), (8, 6)]
    assert [a.shape[-2:] for a in answers] == [(8, 6)] * 3
    torch.testing.assert_close(seen[0][:, : LEVELS.similarity_channels], F.avg_pool2d(similarity, 2))
    assert torch.equal(seen[2][:, : LEVELS.similarity_channels], similarity)
    made.rounds = 1  # there is none before the last
    seen.clear()
    made(similarity, appearance, maps)
    assert [x.shape[-2:] for x in seen] == [(8, 6)]


@torch.inference_mode()
def test_training_drops_appearance_for_some_episodes():
    similarity, appearance, maps = inputs(b=1)
    similarity, appearance = (t.expand(32, -1, -1, -1) for t in (similarity, appearance))
    maps = [m.expand(32, -1, -1, -1) for m in maps]
    made = decoder(rounds=1)
    (seen,), _ = made(similarity, appearance, maps)
    (blind,), _ = made(similarity, 0 * appearance, maps)
    made.train()
    (mixed,), _ = made(similarity, appearance, maps)
    like_seen, like_blind = (((mixed - x).abs().amax((1, 2, 3)) < 1e-4) for x in (seen, blind))
    assert (like_seen ^ like_blind).all()
    assert 4 < int(like_blind.sum()) < 28
    for drop, expected in ((0.0, seen), (1.0, blind)):
        made.drop = drop
        (found,), _ = made(similarity, appearance, maps)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_every_weight_learns():
    made = decoder().train()
    made.drop = 0.0
    answers, _ = made(*inputs())
    sum(a.square().mean() for a in answers).backward()
    assert all(p.grad.abs().sum() > 0 for p in made.parameters())
