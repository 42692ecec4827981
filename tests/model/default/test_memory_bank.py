"""The memory bank: all of few, evenly spaced of many, of every shot, whatever the order of the shots."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asgnet.model.default.memory_bank import evenly, fill

SIZE = 256


def numbered(b, shots, per_shot):
    """Pixels that are their own numbers ``b kp 1``."""
    return torch.arange(float(b * shots * per_shot)).view(b, -1, 1)


def test_all_of_few():
    pixels = numbered(1, 1, 10)
    on_object = (pixels[..., 0] < 3).float()
    kept, seen = fill(pixels, on_object, 1 - on_object, 1, SIZE)
    assert kept.shape == (1, 2, SIZE, 1)
    assert seen.all()
    assert kept[0, 0].unique().tolist() == [0, 1, 2]
    assert kept[0, 1].unique().tolist() == list(range(3, 10))


def test_as_many_as_there_is_room_for():
    pixels = numbered(1, 2, SIZE)
    on_object = torch.arange(2 * SIZE) % 2 == 0
    kept, _ = fill(pixels, on_object[None].float(), (~on_object)[None].float(), 2, SIZE)
    assert torch.equal(kept[0, 0, :, 0].sort().values, pixels[0, on_object, 0])


def test_evenly_spaced_of_many():
    pixels = numbered(1, 1, 2000)
    kept = fill(pixels, torch.ones(1, 2000), torch.zeros(1, 2000), 1, SIZE)[0][0, 0, :-1, 0]
    assert kept[0] == 0
    assert kept[-1] > 1990
    assert set(kept.diff().tolist()) == {7, 8}  # 2000 / 255


def test_every_shot_has_its_share_and_the_smallest_one_pixel():
    inside = torch.zeros(1, 3, 3000, dtype=torch.bool)
    inside[0, 0, :2000], inside[0, 1, 5], inside[0, 2, 1000:2000] = True, True, True
    counts = evenly(inside, 103).sum(2)[0].tolist()
    assert counts == [67, 1, 34]  # 100 · 2000 / 3001 and so on, rounded up
    assert evenly(inside, 103)[0, 1, 5]


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_only_the_most_of_a_side_are_kept(share):
    """Of an object thinner than the grid its thickest pixels; of none, nothing is said to be seen."""
    pixels = numbered(1, 1, 4)
    on_object = share * torch.tensor([[1.0, 0.5, 0.49, 0.0]])
    kept, seen = fill(pixels, on_object, 1 - on_object, 1, SIZE)
    assert seen.tolist() == [[share > 0, True]]
    if share:
        assert kept[0, 0].unique().tolist() == [0, 1]


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5), st.integers(1, 400), st.floats(0, 1), st.integers(0, 10**6))
def test_never_too_many_and_never_one_outside(shots, per_shot, share, seed):
    generator = torch.Generator().manual_seed(seed)
    inside = torch.rand(2, shots, per_shot, generator=generator) < share
    chosen = evenly(inside, 64)
    assert not (chosen & ~inside).any()
    assert (chosen.sum((1, 2)) <= 64).all()
    assert torch.equal(chosen.any(2), inside.any(2))
    few = inside.sum((1, 2)) <= 64
    assert torch.equal(chosen[few], inside[few])


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(4)), st.integers(0, 10**6))
def test_the_order_of_shots_changes_nothing(order, seed):
    pixels = numbered(2, 4, 300)
    on_object = torch.rand(2, 4, 300, generator=torch.Generator().manual_seed(seed)).square()
    expected, seen = fill(pixels, on_object.flatten(1), 1 - on_object.flatten(1), 4, SIZE)
    shuffled = on_object[:, order].flatten(1)
    moved = pixels.unflatten(1, (4, 300))[:, order].flatten(1, 2)
    kept, also_seen = fill(moved, shuffled, 1 - shuffled, 4, SIZE)
    assert torch.equal(seen, also_seen)
    for i in range(2):
        for side in range(2):
            assert torch.equal(kept[i, side].unique(), expected[i, side].unique())
