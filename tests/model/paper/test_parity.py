"""The paper presets against the published network's recorded numbers, and its rules as plain loops."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import distance_transform_edt

from asgnet.model.checkpoint import load_published
from asgnet.model.paper.asgnet import grid_masks
from asgnet.model.paper.seeds import seed_masks

SHARED = Path(os.environ.get("ASGNET_SHARED", Path(__file__).parents[4] / "shared")) / "parity"


@pytest.fixture(scope="module")
def fem_net(fem_file):
    return load_published(fem_file, "paper-r50")


@torch.inference_mode()
def test_the_recorded_features_seeds_and_logits(fem_net, inputs, reference):
    query, _, masks = inputs.episode(1)
    features = fem_net.encode(query).features
    torch.testing.assert_close(features[0, :8], reference["features"], atol=1e-3, rtol=0)
    seeded, _, _ = grid_masks(masks[0], features.shape[-2:], "exact")
    seeds, valid = seed_masks(seeded, rounding="round", border=False)
    assert valid.all()
    assert torch.equal(seeds, reference["seeds"])
    # The recording fed the query as its own support (see parity/README.md).
    logits = fem_net(query, query[:, None], masks)
    assert logits.shape == (1, 2, 473, 473)
    torch.testing.assert_close(logits[0, :, ::8, ::8], reference["logits"], atol=1e-3, rtol=0)


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
    return seeds


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
    if count < 2:
        return [(features * soft).sum((1, 2)) / (soft.sum() + 0.0005)]
    where = torch.stack(torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")).double()
    both = torch.cat([features.double(), where])
    pixels = both[:, soft == 1]
    centres = [both[:, y, x] for y, x in plain_seeds(near, count)]
    for _ in range(iterations):
        moved = []
        for centre in centres:
            apart = (pixels - centre[:, None]) ** 2
            q = torch.exp(-torch.sqrt(apart[:-2].sum(0) + apart[-2:].sum(0) / 100))
            moved.append((pixels * q).sum(1) / q.sum())
        centres = moved
    return [centre[:c].float() for centre in centres]


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
