"""Augmentation: picture and labels stay aligned to the pixel, and nothing depends on who drew before."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asgnet.study.sampling import augment

COLOURS = np.array([[0, 0, 0], [200, 0, 0], [0, 200, 0], [0, 0, 200]], np.uint8)


def painted(seed, h=90, w=120, patch=15):
    """Labels in patches, and the picture that shows each in its colour."""
    labels = np.random.default_rng(seed).integers(0, 4, (h // patch, w // patch)).astype(np.uint8)
    labels = np.kron(labels, np.ones((patch, patch), np.uint8))
    return COLOURS[labels], labels


def agree(image, labels):
    """Every pixel of one of the pure colours has the label of that colour; shows how many are pure."""
    image, labels = image.permute(1, 2, 0).numpy().astype(int), labels.numpy()
    pure = 0
    for value, colour in enumerate(COLOURS):
        here = (np.abs(image - colour).max(-1) <= 2) & (labels != 255)
        assert (labels[here] == value).all()
        pure += int(here.sum())
    return pure / max((labels != 255).sum(), 1)


def no_colours(monkeypatch):
    from torchvision.transforms import v2

    monkeypatch.setattr(augment, "_recolour", v2.Identity)


@pytest.mark.parametrize("seed", range(24))
def test_variants_stay_aligned(seed, monkeypatch):
    no_colours(monkeypatch)
    image, labels = augment.vary(*painted(seed), 128, seed)
    assert image.shape == (3, 128, 128)
    assert image.dtype == torch.uint8
    assert labels.shape == (128, 128)
    assert agree(image, labels) > 0.5
    outside = labels == 255
    corner = image[:, outside]
    assert (corner[:, ::7] == augment.GREY).float().mean() > 0.5 or not outside.any()


def test_variants_vary_everything(monkeypatch):
    """Turned, mirrored either way, cropped: seen over a few dozen seeds; colours too."""
    picture, labels = painted(0)
    drawn = [augment.vary(picture, labels, 64, seed) for seed in range(40)]
    assert sum(bool((m == 255).any()) for _, m in drawn) in range(4, 22)  # rotation: 0.3
    grey = sum(bool((i[0] == i[1]).all() and (i[1] == i[2]).all()) for i, _ in drawn)
    assert grey in range(2, 18)  # 0.2
    assert len({m.numpy().tobytes() for _, m in drawn}) == 40


@pytest.mark.parametrize("seed", range(24))
def test_published_stays_aligned(seed):
    picture, labels = painted(seed)
    mask = np.where(labels == 1, 1, 0).astype(np.uint8)
    picture = COLOURS[mask]
    image, target = augment.published(picture, mask, 80, seed, blur_share=0.0, fill=(7, 7, 7))
    assert image.shape == (3, 80, 80)
    assert set(target.unique().tolist()) <= {0, 1, 255}
    assert agree(image, target) > 0.5


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**62),
    top=st.integers(0, 70),
    left=st.integers(0, 110),
    side=st.sampled_from([33, 57]),
)
def test_published_crop_holds_the_object(seed, top, left, side):
    """A crop larger than the object holds it; one as large as the picture holds all of it."""
    picture, mask = np.zeros((90, 130, 3), np.uint8), np.zeros((90, 130), np.uint8)
    mask[top : top + 8, left : left + 8] = 1
    _, target = augment.published(picture, mask, side, seed, scale=(1, 1), rotation_share=0.0)
    whole = int((mask == 1).sum())
    assert 0.85 * whole <= int((target == 1).sum()) <= whole
    small = augment.published(picture, mask, 130, seed, scale=(1, 1), rotation_share=0.0)[1]
    assert int((small == 1).sum()) == whole


def test_crop_holds_85_percent_always_and_all_such_crops_come():
    picture, mask = np.zeros((100, 100, 3), np.uint8), np.zeros((100, 100), np.uint8)
    mask[10:40, 10:40] = 1
    mask[90:, 90:] = 1
    held, places = [], set()
    for seed in range(60):
        _, target = augment.published(picture, mask, 60, seed, scale=(1, 1), rotation_share=0.0)
        held.append(int((target == 1).sum()) / 1000)
        places.add(tuple((target == 1).nonzero()[0].tolist()))
    assert min(held) >= 0.85
    assert len(places) > 40


def test_crop_holds_the_most_where_none_holds_enough():
    mask = torch.zeros(10, 20, dtype=torch.uint8)
    mask[:, 3:7] = 1
    mask[:, 18] = 1
    top, left = augment._crop_place(mask, 4, 0.85)
    assert left == 3
    assert 0 <= top <= 6


def test_published_pads_and_ignores_the_padding():
    picture, mask = np.full((20, 30, 3), 50, np.uint8), np.ones((20, 30), np.uint8)
    image, target = augment.published(
        picture, mask, 40, 3, scale=(1, 1), rotation_share=0, blur_share=0, mirror=0, fill=(1, 2, 3)
    )
    assert (target[:20, :30] == 1).all()
    assert (target[20:] == 255).all()
    assert (target[:, 30:] == 255).all()
    assert image[:, 30, 5].tolist() == [1, 2, 3]
    assert (image[:, :20, :30] == 50).all()


def test_framed_is_exact():
    picture, mask = painted(1, 60, 90)
    image, target = augment.framed(picture, mask, 90, (9, 9, 9))
    assert np.array_equal(image[:, :60].permute(1, 2, 0).numpy(), picture)
    assert np.array_equal(target[:60].numpy(), mask)
    assert (target[60:] == 255).all()
    assert (image[:, 60:] == 9).all()


def test_squash_is_exact_at_its_own_size_and_aligned_at_others():
    picture, labels = painted(2, 60, 60)
    image, mask = augment.squash(picture, labels, 60)
    assert np.array_equal(image.permute(1, 2, 0).numpy(), picture)
    assert np.array_equal(mask.numpy(), labels)
    for side in (37, 150):
        assert agree(*augment.squash(picture, labels, side)) > 0.3
    wide = augment.squash(picture, labels.astype(np.uint16) + 700, 60)[1]
    assert np.array_equal(wide.numpy(), labels.astype(int) + 700)


def test_draws_follow_from_the_seed_alone():
    picture, labels = painted(4)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    a = augment.vary(picture, labels, 64, 9), augment.published(picture, labels, 64, 9)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    b = augment.vary(picture, labels, 64, 9), augment.published(picture, labels, 64, 9)
    for one, other in zip((*a[0], *a[1]), (*b[0], *b[1]), strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(augment.vary(picture, labels, 64, 10)[1], a[0][1])


def test_seed_of_is_the_same_everywhere():
    assert augment.seed_of(1, "2007_000032") == 4384405422093076738
    assert augment.seed_of(1, "a") != augment.seed_of(2, "a")


def test_padding_lies_below_and_beside_or_all_around():
    picture, mask = np.full((40, 30, 3), 200, np.uint8), np.ones((40, 30), np.uint8)
    plain = {"scale": (1, 1), "rotation_share": 0, "blur_share": 0, "mirror": 0}
    corner, centred = (
        augment.published(picture, mask, 50, 0, centred=way, **plain)[1] for way in (False, True)
    )
    assert (corner[:40, :30] == 1).all()
    assert (centred[5:45, 10:40] == 1).all()
    assert (corner == 1).sum() == (centred == 1).sum() == 1200
