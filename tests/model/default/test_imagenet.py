"""ImageNetHead: the frozen classifier's scores of parts of pictures, compared as cosines."""

import numpy as np
import pytest
import skimage.data
import torch
import torch.nn.functional as F

from asgnet.model.backbones.backbone import lite0
from asgnet.model.backbones.lite0 import installed
from asgnet.model.default.calibration import Calibration
from asgnet.model.default.imagenet import SCORES, ImageNetHead, class_similarity, lite0_head

LEAST = Calibration().class_similarity_least


@pytest.fixture(scope="module")
def head():
    return ImageNetHead(4)


def halves(b=1):
    """Maps ``b 4 6 8`` of two colours side by side, and the left half as a part."""
    maps = torch.ones(b, 4, 6, 8)
    maps[..., 4:] = torch.tensor([-1.0, 2.0, 0.5, 0.0])[:, None, None]
    left = torch.zeros(b, 1, 6, 8)
    left[..., :4] = 1
    return maps, left


def test_a_part_has_the_scores_of_its_own_pixels(head):
    maps, left = halves()
    scores = head(maps, left)
    assert scores.shape == (1, SCORES)
    torch.testing.assert_close(scores, head(maps[..., :4], left[..., :4]))
    torch.testing.assert_close(scores.norm(dim=1), torch.ones(1))
    torch.testing.assert_close(scores.mean(1), torch.zeros(1), atol=1e-6, rtol=0)
    assert (scores * head(maps, 1 - left)).sum() < 0.99


def test_how_much_of_a_pixel_belongs_counts_not_how_large_the_numbers_are(head):
    maps, left = halves()
    torch.testing.assert_close(head(maps, 0.3 * left), head(maps, left))
    fine = F.interpolate(left, scale_factor=3)  # parts come at any size
    torch.testing.assert_close(head(maps, fine), head(maps, left))


def test_several_parts_of_a_picture_are_asked_about_at_once(head):
    maps, parts = torch.randn(2, 4, 6, 8), torch.rand(6, 1, 6, 8)  # three parts each
    expected = torch.cat([head(maps[i // 3 : i // 3 + 1], parts[i : i + 1]) for i in range(6)])
    torch.testing.assert_close(head(maps, parts), expected)


@pytest.mark.parametrize("maps", [torch.zeros(1, 4, 6, 8), torch.full((1, 4, 6, 8), 1e6)])
@pytest.mark.parametrize("share", [0.0, 1e-30, 1.0])
def test_always_finite(head, maps, share):
    assert head(maps, torch.full((1, 1, 6, 8), share)).isfinite().all()


def test_class_similarity_is_beside_the_nearest_other_thing():
    cow, horse, cup, grass = torch.eye(4)
    between = F.normalize(cow + horse, dim=0)
    known = torch.stack([horse, cup])

    def alike(found, shown, around=grass, known=known):
        return float(class_similarity(found[None], torch.stack([shown, around])[None], known, LEAST))

    assert alike(cow, cow) == pytest.approx(1 - LEAST)  # like nothing known
    assert alike(horse, horse) == 0  # no more alike than any two horses
    assert alike(between, between) == pytest.approx(1 - 0.5**0.5)
    assert alike(horse, cow) == pytest.approx(-(1 + LEAST) / 2)  # a horse was found: not what was shown
    assert alike(cow, horse) == alike(horse, cow)
    assert alike(grass, cow) == pytest.approx(-(1 + LEAST) / 2)  # what surrounded the object was found
    assert alike(cow, cow, around=cow) == 0
    assert alike(cow, cow, known=torch.zeros(2, 4)) == pytest.approx(1 - LEAST)  # nothing is known


def test_unfilled_places_among_what_is_known_say_nothing():
    found, supports, known = (F.normalize(torch.randn(*size, 8), dim=-1) for size in ((5,), (5, 2), (3,)))
    padded = F.pad(known, (0, 0, 0, 4))
    torch.testing.assert_close(
        class_similarity(found, supports, padded, LEAST), class_similarity(found, supports, known, LEAST)
    )


def test_it_never_trains(head):
    assert not head.train(True).training
    assert not any(p.requires_grad for p in head.parameters())
    before = torch.random.get_rng_state()
    ImageNetHead(4)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_cat_is_of_a_cats_kind_and_a_cup_is_not():
    """Two pieces of a cat beside a cup of coffee, by the classifier that comes with the backbone."""
    net, real = lite0(indices=(6,)), lite0_head(installed())

    def seen(picture):
        pixels = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float()
        (deepest,) = net(net.normalise(F.interpolate(pixels, (256, 256), mode="bilinear", antialias=True)))
        return real(deepest, torch.ones(1, 1, 8, 8))[0]

    cat = skimage.data.chelsea()
    one, mirrored, cup = seen(cat[:, :330]), seen(cat[:, :100:-1]), seen(skimage.data.coffee())
    assert one @ mirrored > 0.6
    assert one @ cup < 0.3
