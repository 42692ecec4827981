"""ImageNetHead: the frozen classifier's scores of parts of pictures, compared as cosines."""

import numpy as np
import pytest
import skimage.data
import torch
import torch.nn.functional as F

from asgnet.model.backbones.backbone import lite0
from asgnet.model.backbones.lite0 import installed
from asgnet.model.default.imagenet import SCORES, UNLIKE, ImageNetHead, likeness, lite0_kinds


@pytest.fixture(scope="module")
def kinds():
    return ImageNetHead(4)


def halves(b=1):
    """Maps ``b 4 6 8`` of two colours side by side, and the left half as a part."""
    maps = torch.ones(b, 4, 6, 8)
    maps[..., 4:] = torch.tensor([-1.0, 2.0, 0.5, 0.0])[:, None, None]
    left = torch.zeros(b, 1, 6, 8)
    left[..., :4] = 1
    return maps, left


def test_a_part_has_the_scores_of_its_own_pixels(kinds):
    maps, left = halves()
    scores = kinds(maps, left)
    assert scores.shape == (1, SCORES)
    torch.testing.assert_close(scores, kinds(maps[..., :4], left[..., :4]))
    torch.testing.assert_close(scores.norm(dim=1), torch.ones(1))
    torch.testing.assert_close(scores.mean(1), torch.zeros(1), atol=1e-6, rtol=0)
    assert (scores * kinds(maps, 1 - left)).sum() < 0.99


def test_how_much_of_a_pixel_belongs_counts_not_how_large_the_numbers_are(kinds):
    maps, left = halves()
    torch.testing.assert_close(kinds(maps, 0.3 * left), kinds(maps, left))
    fine = F.interpolate(left, scale_factor=3)  # parts come at any size
    torch.testing.assert_close(kinds(maps, fine), kinds(maps, left))


def test_several_parts_of_a_picture_are_asked_about_at_once(kinds):
    maps, parts = torch.randn(2, 4, 6, 8), torch.rand(6, 1, 6, 8)  # three parts each
    expected = torch.cat([kinds(maps[i // 3 : i // 3 + 1], parts[i : i + 1]) for i in range(6)])
    torch.testing.assert_close(kinds(maps, parts), expected)


@pytest.mark.parametrize("maps", [torch.zeros(1, 4, 6, 8), torch.full((1, 4, 6, 8), 1e6)])
@pytest.mark.parametrize("share", [0.0, 1e-30, 1.0])
def test_always_finite(kinds, maps, share):
    assert kinds(maps, torch.full((1, 1, 6, 8), share)).isfinite().all()


def test_likeness_is_beside_the_nearest_other_thing():
    cow, horse, cup, grass = torch.eye(4)
    between = F.normalize(cow + horse, dim=0)
    known = torch.stack([horse, cup])

    def alike(found, shown, around=grass, known=known):
        return float(likeness(found[None], torch.stack([shown, around])[None], known))

    assert alike(cow, cow) == pytest.approx(1 - UNLIKE)  # like nothing known
    assert alike(horse, horse) == 0  # no more alike than any two horses
    assert alike(between, between) == pytest.approx(1 - 0.5**0.5)
    assert alike(horse, cow) == pytest.approx(-(1 + UNLIKE) / 2)  # a horse was found: not what was shown
    assert alike(cow, horse) == alike(horse, cow)
    assert alike(grass, cow) == pytest.approx(-(1 + UNLIKE) / 2)  # what surrounded the object was found
    assert alike(cow, cow, around=cow) == 0
    assert alike(cow, cow, known=torch.zeros(2, 4)) == pytest.approx(1 - UNLIKE)  # nothing is known


def test_unfilled_places_among_what_is_known_say_nothing():
    found, taught, known = (F.normalize(torch.randn(*size, 8), dim=-1) for size in ((5,), (5, 2), (3,)))
    padded = F.pad(known, (0, 0, 0, 4))
    torch.testing.assert_close(likeness(found, taught, padded), likeness(found, taught, known))


def test_it_never_trains(kinds):
    assert not kinds.train(True).training
    assert not any(p.requires_grad for p in kinds.parameters())
    before = torch.random.get_rng_state()
    ImageNetHead(4)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_cat_is_of_a_cats_kind_and_a_cup_is_not():
    """Two pieces of a cat beside a cup of coffee, by the classifier that comes with the backbone."""
    net, real = lite0(indices=(6,)), lite0_kinds(installed())

    def seen(picture):
        pixels = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float()
        (deepest,) = net(net.normalise(F.interpolate(pixels, (256, 256), mode="bilinear", antialias=True)))
        return real(deepest, torch.ones(1, 1, 8, 8))[0]

    cat = skimage.data.chelsea()
    one, mirrored, cup = seen(cat[:, :330]), seen(cat[:, :100:-1]), seen(skimage.data.coffee())
    assert one @ mirrored > 0.6
    assert one @ cup < 0.3
