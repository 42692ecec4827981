"""What the network sees: pictures of any sizes, and side by side."""

import numpy as np
import torch

from asgnet.apply.inference.preprocess import Views, channels_first, see, side_by_side
from asgnet.model.default.pixel_head import FeatureMaps
from asgnet.types import IGNORE

CPU = torch.device("cpu")


def seen_of(size, seed):
    """One picture of ``size`` cells, two levels, the second half as fine."""
    generator = torch.Generator().manual_seed(seed)
    maps = tuple(
        torch.rand(1, c, size[0] // n, size[1] // n, generator=generator) for n, c in ((1, 3), (2, 5))
    )
    return FeatureMaps(maps, (torch.rand(1, 2, *size, generator=generator),))


def test_channels_come_first():
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    first = channels_first(picture)
    assert first.shape == (1, 3, 2, 4)
    assert first[0, 1].tolist() == picture[..., 1].tolist()


def test_each_view_is_looked_at_once_and_only_if_asked():
    looked = []

    def look(pictures):
        looked.extend(pictures)
        return [seen_of((4, 4), len(looked))]

    pictures = [np.full((60, 80, 3), grey, np.uint8) for grey in (64, 128)]
    views = Views(look, pictures, 128)
    assert not looked
    first = views(1)
    assert views(1) is first
    assert views(0) is not first
    assert views(1, closer=True) is views(1, closer=True)
    assert views(1, gamma=1.5) is not first
    assert [one.shape for one in looked] == [(96, 128, 3), (96, 128, 3), (128, 192, 3), (96, 128, 3)]
    assert [int(one.mean()) for one in looked] == [128, 64, 128, 91]  # darker: 255 · (128 / 255) ^ 1.5


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


def test_each_picture_is_seen_at_its_own_size(net):
    pictures = [np.full((*size, 3), 90, np.uint8) for size in ((96, 128), (128, 96), (128, 128))]
    seen = see(net, pictures, CPU)
    assert [one.fine[0].shape[-2:] for one in seen] == [(48, 64), (64, 48), (64, 64)]
    assert [one.maps[-1].shape[-2:] for one in seen] == [(3, 4), (4, 3), (4, 4)]


def test_what_lies_beyond_a_picture_teaches_nothing(net):
    """A support beside a larger one of which nothing counts teaches as if it were alone."""
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 256, (*size, 3), np.uint8) for size in ((96, 128), (128, 128))]
    mask = torch.zeros(96, 128, dtype=torch.uint8)
    mask[20:60, 30:90] = 1
    seen = see(net, pictures, CPU)
    with torch.inference_mode():
        alone = net.learn(*side_by_side(seen[:1], [mask]))
        beside = net.learn(*side_by_side(seen, [mask, torch.full((128, 128), IGNORE)]))
    for name in ("means", "readouts", "biases", "centre", "spread", "kinds"):
        torch.testing.assert_close(getattr(beside, name), getattr(alone, name), atol=1e-3, rtol=1e-3)
    assert beside.object_valid.sum() == alone.object_valid.sum()
    torch.testing.assert_close(beside.facts[:, -1], alone.facts[:, -1], atol=1e-6, rtol=0)
