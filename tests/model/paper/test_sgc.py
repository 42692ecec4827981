"""SGC: exact tiny answers, laws, and a naive loop in float64."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asgnet.model.paper.seeds import seed_masks
from asgnet.model.paper.sgc import cluster, masked_average, slots


def naive(features, region, seeds, iterations, compactness):
    """One picture, one pixel and one centroid at a time, as the paper's equations read; float64."""
    features = features.double()
    pixels = [(features[:, y, x], torch.tensor([y, x]).double()) for y, x in region.nonzero().tolist()]
    centroids = [(features[:, y, x], torch.tensor([y, x]).double()) for y, x in seeds.tolist()]
    for _ in range(iterations):
        moved = []
        for f, at in centroids:
            d2 = [((g - f) ** 2).sum() + ((xy - at) ** 2).sum() / compactness**2 for g, xy in pixels]
            q = torch.exp(-torch.stack(d2).sqrt())
            total = q.sum()
            mean_f = sum(w * g for w, (g, _) in zip(q, pixels, strict=True)) / total
            mean_at = sum(w * xy for w, (_, xy) in zip(q, pixels, strict=True)) / total
            moved.append((mean_f, mean_at))
        centroids = moved
    return torch.stack([f for f, _ in centroids])


def blobs(b, h, w, seed):
    """``b h w`` bool: boxes of any size, an empty one possible."""
    generator = torch.Generator().manual_seed(seed)
    masks = torch.zeros(b, h, w, dtype=torch.bool)
    for mask in masks:
        y, x = (int(torch.randint(0, n, (), generator=generator)) for n in (h, w))
        mask[y // 2 : y + 1, x // 2 : x + 1] = True
    return masks


@pytest.mark.parametrize("scale", [0.1, 1.0])
@pytest.mark.parametrize("iterations", [0, 1, 5, 10])
def test_equals_the_naive_loop(iterations, scale):
    generator = torch.Generator().manual_seed(3)
    features = scale * torch.randn(3, 12, 9, 11, generator=generator) + 1
    region = blobs(3, 9, 11, 5)
    region[0, 4:, 3:] = True
    seeds, valid = seed_masks(region, area=7, most=4)
    found = cluster(features, region, seeds, valid, iterations, compactness=3.0)
    for i in range(3):
        count = int(valid[i].sum())
        if count > 1:
            expected = naive(features[i], region[i], seeds[i, :count], iterations, 3.0)
            torch.testing.assert_close(found[i, :count].double(), expected, atol=1e-5, rtol=1e-5)
        assert (found[i, count:] == 0).all()


def test_float64_is_kept():
    features = torch.randn(1, 4, 6, 6, dtype=torch.float64)
    region = torch.ones(1, 6, 6, dtype=torch.bool)
    seeds, valid = seed_masks(region, area=9)
    found = cluster(features, region, seeds, valid)
    torch.testing.assert_close(
        found[0, :4], naive(features[0], region[0], seeds[0, :4], 5, 10.0), atol=1e-9, rtol=0
    )


def test_two_colours_become_two_prototypes():
    features = torch.zeros(1, 2, 20, 20)
    features[:, 0, :, :10] = 50
    features[:, 1, :, 10:] = 50
    seeds = torch.tensor([[[10, 3], [10, 16]]])
    valid = torch.ones(1, 2, dtype=torch.bool)
    found = cluster(features, torch.ones(1, 20, 20, dtype=torch.bool), seeds, valid)
    torch.testing.assert_close(found[0], torch.tensor([[50.0, 0.0], [0.0, 50.0]]), atol=1e-3, rtol=0)


def test_one_colour_has_that_colour_everywhere():
    features = torch.full((2, 5, 16, 16), 3.0)
    region = torch.ones(2, 16, 16, dtype=torch.bool)
    seeds, valid = seed_masks(region)
    found = cluster(features, region, seeds, valid)
    assert valid.sum(1).tolist() == [2, 2]
    torch.testing.assert_close(found[valid], torch.full((4, 5), 3.0))


def test_far_apart_features_never_underflow():
    features = 1000 * torch.randn(1, 8, 20, 20)
    region = torch.ones(1, 20, 20, dtype=torch.bool)
    seeds, valid = seed_masks(region)
    assert torch.isfinite(cluster(features, region, seeds, valid, 10)).all()


def test_a_small_object_is_its_soft_average():
    features = torch.arange(8.0).reshape(1, 2, 2, 2)
    soft = torch.tensor([[[1.0, 0.5], [0.0, 0.0]]])
    expected = torch.tensor([[(0 + 0.5) / 1.5005, (4 + 2.5) / 1.5005]])
    torch.testing.assert_close(masked_average(features, soft), expected)
    seeds, valid = seed_masks(soft == 1)
    found = cluster(features, soft == 1, seeds, valid, soft_mask=soft)
    torch.testing.assert_close(found[:, 0], expected)
    assert (found[:, 1:] == 0).all()
    assert slots(soft == 1, valid).tolist() == [[True, False, False, False, False]]


def test_an_empty_mask_is_zero_not_nan():
    empty = torch.zeros(2, 4, 4, dtype=torch.bool)
    seeds, valid = seed_masks(empty)
    assert (cluster(torch.randn(2, 3, 4, 4), empty, seeds, valid) == 0).all()


def test_seeds_without_a_region_fall_back_to_one_average():
    """Nearest and bilinear masks differ: there may be seeds where no pixel is exactly one."""
    features, soft = torch.randn(1, 3, 4, 4), torch.full((1, 4, 4), 0.5)
    valid = torch.tensor([[True, True, False]])
    region = soft == 1
    found = cluster(features, region, torch.zeros(1, 3, 2, dtype=torch.int64), valid, soft_mask=soft)
    torch.testing.assert_close(found[:, 0], masked_average(features, soft))
    assert (found[:, 1:] == 0).all()
    assert slots(region, valid).tolist() == [[True, False, False]]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(4, 20), st.integers(4, 20), st.integers(0, 10**6))
def test_neighbours_in_the_batch_change_nothing(b, h, w, seed):
    features = torch.randn(b, 6, h, w, generator=torch.Generator().manual_seed(seed))
    region = blobs(b, h, w, seed)
    seeds, valid = seed_masks(region, area=10)
    together = cluster(features, region, seeds, valid)
    assert torch.isfinite(together).all()
    for i in range(b):
        s = slice(i, i + 1)
        torch.testing.assert_close(
            together[s], cluster(features[s], region[s], seeds[s], valid[s]), atol=1e-4, rtol=1e-4
        )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_prototypes_lie_within_the_object(seed):
    features = torch.randn(1, 3, 12, 12, generator=torch.Generator().manual_seed(seed))
    region = blobs(1, 12, 12, seed)
    features = torch.where(region[:, None], features, 1e6)
    seeds, valid = seed_masks(region, area=12)
    if valid.sum() > 1:
        found = cluster(features, region, seeds, valid)[valid]
        inside = features[0, :, region[0]]
        assert (found <= inside.amax(1) + 1e-3).all()
        assert (found >= inside.amin(1) - 1e-3).all()


def test_half_precision_is_computed_in_single():
    features = torch.randn(1, 4, 20, 20)
    region = torch.ones(1, 20, 20, dtype=torch.bool)
    seeds, valid = seed_masks(region)
    half = features.bfloat16()
    torch.testing.assert_close(
        cluster(half, region, seeds, valid), cluster(half.float(), region, seeds, valid)
    )


def test_no_gradient():
    features = torch.randn(1, 4, 20, 20, requires_grad=True)
    region = torch.ones(1, 20, 20, dtype=torch.bool)
    assert not cluster(features, region, *seed_masks(region)).requires_grad
