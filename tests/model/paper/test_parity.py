"""The paper presets against the published network's recorded numbers, and its rules as plain loops."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import distance_transform_edt

from asgnet.model.paper.asgnet import ASGNet, Encoded, grid_masks
from asgnet.model.paper.fem import scale_size
from asgnet.model.paper.seeds import seed_masks
from asgnet.model.presets import preset_config
from asgnet.model.published import load_published

SHARED = Path(os.environ.get("ASGNET_SHARED", Path(__file__).parents[4] / "shared")) / "parity"


@torch.inference_mode()
def test_the_recorded_features_seeds_and_logits(fem_file, inputs, reference):
    """In float64, where no rounding decides which of two prototypes fits a pixel better."""
    net = load_published(fem_file, "paper-r50").double()
    query, images, masks = inputs.episode(1)
    query, images = query.double(), images.double()
    encoded = net.encode(query)
    torch.testing.assert_close(encoded.features[0, :8].float(), reference["features"], atol=1e-4, rtol=0)
    seeded, _, _ = grid_masks(masks[0], encoded.features.shape[-2:], "exact")
    seeds, valid = seed_masks(seeded, rounding="round", border=False, zero_is_padding=True)
    assert valid.all()
    assert torch.equal(seeds, reference["seeds"])
    allocation = net.allocate(encoded, net.learn(net.encode(images[0]), masks))
    best = allocation.similarity.topk(2, 1).values
    assert (best[:, 0] - best[:, 1]).min() > 1e-6  # no pixel of the recording was decided by rounding
    logits = net.decode(encoded, allocation, (473, 473)).logits
    torch.testing.assert_close(logits[0, :, ::8, ::8].float(), reference["logits"], atol=1e-4, rtol=0)


def test_the_bundled_reference_is_the_shared_one(inputs, reference):
    if not SHARED.is_dir():
        pytest.skip("no shared parity folder (ASGNET_SHARED)")
    with np.load(SHARED / "r50_fem_k1_reference.npz") as arrays:
        assert {name: arrays[name].shape for name in arrays} == {
            n: tuple(t.shape) for n, t in reference.items()
        }
        assert all(np.array_equal(arrays[name], reference[name].numpy()) for name in arrays)


def plain_seeds(mask, count):
    """The published seeding: one distance transform per seed, in the mask's own box, nothing beyond it."""
    rows, columns = mask.nonzero()
    box = mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].copy()
    seeds = []
    for _ in range(count):
        y, x = np.unravel_index(distance_transform_edt(box).argmax(), box.shape)
        box[y, x] = False
        seeds.append((y + rows.min(), x + columns.min()))
    rows, columns = (sum(bool(seed[axis]) for seed in seeds) for axis in (0, 1))
    return seeds[: max(rows, columns)]  # what lies at 0 is taken for padding


def plain_prototypes(features, mask, iterations):
    """One support as published, with the paper's equations as they stand; ``[c, …]``."""
    c, h, w = features.shape
    soft = F.interpolate(mask[None, None].float(), (h, w), mode="bilinear", align_corners=True)[0, 0]
    side = mask.shape[0]
    near = (
        mask.numpy()[np.ix_((np.arange(h) * side / h).astype(int), (np.arange(w) * side / w).astype(int))]
        == 1
    )
    count = min(round(near.sum() / 100), 5)
    seeds = plain_seeds(near, count) if count else []
    if len(seeds) < 2:
        return [(features * soft).sum((1, 2)) / (soft.sum() + 0.0005)]
    where = torch.stack(torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")).double()
    both = torch.cat([features.double(), where])
    pixels = both[:, soft == 1]
    centres = [both[:, y, x] for y, x in seeds]
    for _ in range(iterations):
        moved = []
        for centre in centres:
            apart = (pixels - centre[:, None]) ** 2
            q = torch.exp(-torch.sqrt(apart[:-2].sum(0) + apart[-2:].sum(0) / 100))
            moved.append((pixels * q).sum(1) / q.sum())
        centres = moved
    return [centre[:c].to(features.dtype) for centre in centres]


def plain_guide(features, prototypes):
    """Guide feature and summed map of one query."""
    fits = torch.stack([F.cosine_similarity(features, p[:, None, None], dim=0, eps=1e-7) for p in prototypes])
    return torch.stack(prototypes)[fits.argmax(0)].permute(2, 0, 1), fits.sum(0)[None]


def plain_aspp(state, features, guide, fits, low, size):
    """The ASPP decoder from the published names alone."""

    def conv(x, name, **options):
        return F.conv2d(x, state[f"{name}.weight"], state.get(f"{name}.bias"), **options)

    def norm(x, name):
        parts = (state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, *parts)

    def up(x, to):
        return F.interpolate(x, to, mode="bilinear", align_corners=True)

    x = conv(torch.cat([features, guide, fits])[None], "corr_conv.0", padding=1).relu()
    for i in (1, 2, 3):
        x = x.relu()
        x = x + conv(conv(x, f"skip{i}.1", padding=1).relu(), f"skip{i}.3", padding=1)
    whole = conv(F.avg_pool2d(x, x.shape[-2:]), "ASPP.layer6_0.0").relu().expand_as(x)
    branches = [whole, conv(x, "ASPP.layer6_1.0").relu()]
    branches += [
        conv(x, f"ASPP.layer6_{i}.0", padding=d, dilation=d).relu() for i, d in ((2, 6), (3, 12), (4, 18))
    ]
    deep = conv(torch.cat(branches, 1), "ASPP.layer7.0").relu()
    fine = norm(conv(low[None], "decoder.conv1"), "decoder.bn1").relu()
    joined = conv(torch.cat([up(deep, fine.shape[-2:]), fine], 1), "decoder.last_conv.0", padding=1)
    joined = norm(joined, "decoder.last_conv.1").relu()
    return up(conv(conv(joined, "cls.0", padding=1).relu(), "cls.3"), size)[0]


def test_five_shots_of_every_size_through_aspp(aspp_file, aspp_state, inputs):
    """Two episodes of different supports at once, against loops over pictures, shots, prototypes."""
    net = load_published(aspp_file, "paper-r50-aspp")
    size = 137  # a grid of 18
    episodes = [inputs.episode(3, size, seed) for seed in (1, 2)]
    query, images, masks = (torch.cat(parts) for parts in zip(*episodes, strict=True))
    masks[0, 0, 6:] = 0  # too small for two superpixels
    masks[0, 1] = 0
    masks[0, 1, :120, :] = 1  # fills its box: the published seeds degenerate
    masks[1, 2] = 0  # nothing
    with torch.inference_mode():
        logits = net(query, images, masks)
        for b in range(2):
            encoded = net.encode(query[b : b + 1])
            prototypes = []
            for image, mask in zip(images[b], masks[b], strict=True):
                prototypes += plain_prototypes(net.encode(image[None]).features[0], mask, 5)
            guide, fits = plain_guide(encoded.features[0], prototypes)
            expected = plain_aspp(aspp_state, encoded.features[0], guide, fits, encoded.low[0], (size, size))
            torch.testing.assert_close(logits[b], expected, atol=1e-3, rtol=0)


def at_the_border(name):
    """``473 473``: objects whose seeds lie at row or column 0, and how many prototypes are published for them."""
    row, column = np.mgrid[:473, :473]
    found = {
        "full": (row >= 0, 3),
        "corner": ((row < 200) & (column < 220), 4),
        "top": (row < 80, 4),
        "left": (column < 80, 4),
        "disc": ((row - 40) ** 2 + (column - 40) ** 2 < 150**2, 3),
    }
    inside, count = found[name]
    return torch.from_numpy(inside.astype(np.uint8)), count


@pytest.fixture(scope="module")
def small():
    """The paper's rules on a grid of 60, for features that no backbone made."""
    config = replace(preset_config("paper-r50"), backbone="mobilenetv3_small_050", levels=(1,), channels=16)
    return ASGNet.from_config(replace(config, hidden=8)).eval()


@pytest.mark.parametrize("name", ["full", "corner", "top", "left", "disc"])
def test_seeds_at_coordinate_zero_drop_prototypes_as_published(small, name):
    mask, count = at_the_border(name)
    features = torch.randn(1, 16, 60, 60, generator=torch.Generator().manual_seed(0)).double()
    found, valid = small.learn(Encoded(features), mask[None, None])
    expected = plain_prototypes(features[0], mask, 5)
    assert len(expected) == int(valid.sum()) == count
    torch.testing.assert_close(found[0][valid[0]], torch.stack(expected), atol=1e-7, rtol=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small, "config", replace(small.config, zero_is_padding=False))
        assert int(small.learn(Encoded(features), mask[None, None]).valid.sum()) == 5


@pytest.mark.parametrize(
    ("side", "scales"),
    [(473, (60, 30, 15, 8)), (641, (81, 40, 20, 10)), (273, (35, 17, 8, 4)), (401, (51, 25, 12, 6))],
)
def test_scales_are_cut_as_published(small, side, scales):
    grid = ((side - 1) // 8 + 1,) * 2
    assert small.decoder.published
    assert tuple(scale_size(grid, f, True)[0] for f in small.decoder.fractions) == scales
    rounded = tuple(scale_size(grid, f)[0] for f in small.decoder.fractions)
    assert (rounded == scales) == (side in (473, 641))
