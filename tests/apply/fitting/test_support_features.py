"""Features of supports: each view encoded once, and several side by side."""

from types import SimpleNamespace

import numpy as np
import torch

from asgnet.apply.fitting.support_features import SupportFeatures, side_by_side
from asgnet.model.default.pixel_head import FeatureMaps
from asgnet.types import IGNORE


def seen_of(size, seed):
    """One picture of ``size`` cells, two levels, the second half as fine."""
    generator = torch.Generator().manual_seed(seed)
    maps = tuple(
        torch.rand(1, c, size[0] // n, size[1] // n, generator=generator) for n, c in ((1, 3), (2, 5))
    )
    return FeatureMaps(maps, (torch.rand(1, 2, *size, generator=generator),))


def test_each_view_is_encoded_once_and_only_if_asked():
    encoded = []

    def encode(picture):
        encoded.append(picture)
        return seen_of((4, 4), len(encoded))

    pictures = [np.full((60, 80, 3), grey, np.uint8) for grey in (64, 128)]
    features = SupportFeatures(SimpleNamespace(encode=encode, side=128), pictures)
    assert not encoded
    first = features(1)
    assert features(1) is first
    assert features(0) is not first
    assert features(1, fine=True) is features(1, fine=True)
    assert features(1, gamma=1.5) is not first
    assert [one.shape for one in encoded] == [(96, 128, 3), (96, 128, 3), (128, 192, 3), (96, 128, 3)]
    assert [int(one.mean()) for one in encoded] == [128, 64, 128, 91]  # darker: 255 · (128 / 255) ^ 1.5


def test_pictures_of_one_size_stay_as_they_are():
    seen, masks = [seen_of((4, 6), i) for i in range(3)], [torch.full((8, 12), i) for i in range(3)]
    together, joined = side_by_side(seen, masks)
    for level in range(2):
        assert torch.equal(together.maps[level], torch.cat([one.maps[level] for one in seen]))
    assert torch.equal(joined, torch.stack(masks)[None])


def test_a_smaller_picture_lies_in_the_corner_and_beyond_it_is_ignored():
    seen = [seen_of((4, 6), 0), seen_of((6, 4), 1)]
    (maps, _), masks = side_by_side(seen, [torch.ones(8, 12), torch.zeros(12, 8)])
    assert [m.shape for m in maps] == [(2, 3, 6, 6), (2, 5, 3, 3)]
    assert masks.shape == (1, 2, 12, 12)
    assert torch.equal(maps[0][0, :, :4, :6], seen[0].maps[0][0])
    assert torch.equal(maps[1][1, :, :3, :2], seen[1].maps[1][0])
    assert (maps[0][0, :, 4:] == maps[0][0, :, 3:4]).all()
    assert (maps[1][1, :, :, 2:] == maps[1][1, :, :, 1:2]).all()
    assert (masks[0, 0, :8] == 1).all()
    assert (masks[0, 0, 8:] == IGNORE).all()
    assert (masks[0, 1, :, :8] == 0).all()
    assert (masks[0, 1, :, 8:] == IGNORE).all()


def test_what_lies_beyond_a_picture_teaches_nothing(loaded):
    """A support beside a larger one of which nothing counts teaches as if it were alone."""
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 256, (*size, 3), np.uint8) for size in ((96, 128), (128, 128))]
    mask = torch.zeros(96, 128, dtype=torch.uint8)
    mask[20:60, 30:90] = 1
    features = [loaded.backend.encode(picture) for picture in pictures]
    with torch.inference_mode():
        alone = loaded.net.learn(*side_by_side(features[:1], [mask]))
        beside = loaded.net.learn(*side_by_side(features, [mask, torch.full((128, 128), IGNORE)]))
    for name in ("means", "readouts", "biases", "centre", "spread", "kinds"):
        torch.testing.assert_close(getattr(beside, name), getattr(alone, name), atol=1e-3, rtol=1e-3)
    assert beside.object_valid.sum() == alone.object_valid.sum()
    torch.testing.assert_close(beside.facts[:, -1], alone.facts[:, -1], atol=1e-6, rtol=0)
