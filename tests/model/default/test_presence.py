"""Presence: exact comparisons on two colours, its laws, and that the decoder never feels it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asgnet.model.default.calibration import Calibration
from asgnet.model.default.config import DefaultConfig
from asgnet.model.default.learn import learn
from asgnet.model.default.levels import Levels
from asgnet.model.default.pooled_tensors import PooledTensors
from asgnet.model.default.presence import Presence, mean_of_first

LEVELS = Levels(channels=(3, 3, 3, 3), grid=2, fine=1, fused=(2, 3), read=3, shallow=2)
DEEP = 5
RED, BLUE, GREEN = torch.eye(3)


def field(left, right, size=8):
    """``1 3 s s``: two colours, half and half."""
    halves = torch.stack([left] * (size // 2) + [right] * (size // 2), 1)  # 3 s
    return halves[None, :, None, :].expand(1, 3, size, size)


def shown(left=RED, right=BLUE, shots=1) -> PooledTensors:
    """The left half of the support is the object."""
    mask = torch.zeros(1, shots, 8, 8, dtype=torch.uint8)
    mask[..., :4] = 1
    maps = [field(left, right)[:, None].expand(1, shots, -1, -1, -1)] * 4
    return learn(maps, mask, LEVELS, DefaultConfig(area=100, most=5))


def head(seed=0) -> Presence:
    torch.manual_seed(seed)
    made = Presence(LEVELS, DEEP, Calibration())
    for p in made.parameters():
        torch.nn.init.normal_(p, std=0.3)
    return made


def answer(found=0, size=8):
    """Logits that are sure of one half."""
    logits = torch.full((1, 1, size, size), -30.0)
    half = slice(0, size // 2) if found == 0 else slice(size // 2, size)
    logits[..., half] = 30.0
    return logits


@pytest.mark.parametrize(
    ("picture", "found", "expected"),
    [
        # found with the object, with the background, with its nearest prototype; most similar; apart
        (field(RED, BLUE), 0, [1, 0, 1, 1, 0]),
        (field(RED, BLUE), 1, [0, 1, 0, 1, 0]),
        (field(GREEN, BLUE), 0, [0, 0, 0, 0, 0]),
        (field(RED, RED), 0, [1, 0, 1, 1, 0]),
    ],
)
@torch.no_grad()
def test_comparisons_of_two_colours_exactly(picture, found, expected):
    made = head()
    centre = torch.zeros(3)
    own = made._cosines(picture, shown(), slice(6, 9), centre, answer(found))
    torch.testing.assert_close(own, torch.tensor([expected], dtype=torch.float32), atol=1e-4, rtol=0)


def test_the_decoder_does_not_learn_from_it_but_every_weight_of_its_own_does():
    made = head()
    logits, deep = answer().requires_grad_(), torch.randn(1, DEEP, 4, 4, requires_grad=True)
    made(logits, deep, [field(RED, GREEN)] * 4, shown()).sum().backward()
    assert logits.grad is None
    assert deep.grad is None
    assert all(p.grad.abs().sum() > 0 for p in made.parameters())


@pytest.mark.parametrize("level", [-1e4, -200.0, 0.0, 200.0, 1e4])
@pytest.mark.parametrize("colour", [0.0, 1.0])
def test_finite_for_any_answer(level, colour):
    made = head()
    logits = torch.full((1, 1, 5, 7), level)
    presence = made(logits, torch.zeros(1, DEEP, 2, 2), [torch.full((1, 3, 4, 4), colour)] * 4, shown())
    presence.sum().backward()
    assert torch.isfinite(presence).all()
    assert all(torch.isfinite(p.grad).all() for p in made.parameters())


@pytest.mark.parametrize(("part", "expected"), [(1, 3.0), (2, 4.5), (3, 5.0), (100, 5.0)])
def test_the_strongest_are_a_part_of_all_or_one(part, expected):
    ranked = torch.tensor([[5.0, 4.0, 2.0, 1.0]])
    torch.testing.assert_close(mean_of_first(ranked, part), torch.tensor([expected]))


@settings(max_examples=10, deadline=None)
@given(st.floats(0.01, 100), st.integers(0, 10**6))
@torch.no_grad()
def test_directions_only_and_each_episode_for_itself(factor, seed):
    generator = torch.Generator().manual_seed(seed)
    maps = [torch.randn(2, 3, 6, 6, generator=generator) for _ in range(4)]
    logits, deep = (
        torch.randn(2, 1, 6, 6, generator=generator),
        torch.randn(2, DEEP, 3, 3, generator=generator),
    )
    knowledge = PooledTensors(*(torch.cat([t, t]) for t in shown()))
    made = head()
    both = made(logits, deep, maps, knowledge)
    torch.testing.assert_close(made(logits, deep, [factor * m for m in maps], knowledge), both)
    one = PooledTensors(*(t[1:] for t in knowledge))
    alone = made(logits[1:], deep[1:], [m[1:] for m in maps], one)
    torch.testing.assert_close(alone, both[1:], atol=1e-5, rtol=1e-4)
