"""The Segmenter on real photographs, with the weights as they are shipped."""

import numpy as np
import pytest

from asgnet.apply.examples import samples
from asgnet.apply.segmenter import Segmenter


@pytest.fixture(scope="module")
def segmenter(net):
    return Segmenter(net)


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


def test_the_motorcycle_in_the_mirror(segmenter, motorcycle):
    support = motorcycle.support
    segmenter.fit(support.image, support.mask)
    found = segmenter.predict(support.image[:, ::-1])
    assert iou(found.mask, support.mask[:, ::-1] == 1) > 0.8
    right = segmenter.predict(motorcycle.query)
    assert iou(right.mask, motorcycle.truth) > 0.7
    absent = [
        segmenter.predict(samples.photograph(name)) for name in ("coffee.png", "chelsea.png", "moon.png")
    ]
    assert all(a.presence < min(found.presence, right.presence) for a in absent)


def test_the_other_coins(segmenter, coins):
    support = coins.support
    segmenter.fit(support.image, support.mask)
    found = segmenter.predict(coins.query)
    assert iou(found.mask, coins.truth) > 0.75
    turned = segmenter.predict(np.rot90(coins.query))
    assert iou(turned.mask, np.rot90(coins.truth)) > 0.75


def test_both_at_once_are_told_apart(segmenter, coins, motorcycle):
    pictures = [motorcycle.support.image, coins.support.image]
    masks = {"motorcycle": [motorcycle.support.mask, None], "coin": [None, coins.support.mask]}
    segmenter.fit(pictures, masks)
    found = segmenter.predict(coins.query)
    assert iou(found.mask == 2, coins.truth) > 0.7
    found = segmenter.predict(motorcycle.query)
    assert iou(found.mask == 1, motorcycle.truth) > 0.6


def test_more_painted_coins_do_not_harm(segmenter, coins):
    image, mask = coins.support.image, coins.support.mask
    half = image.shape[0] // 2
    segmenter.fit(image[:half], mask[:half])
    one = iou(segmenter.predict(coins.query).mask, coins.truth)
    segmenter.fit([image[:half], image[half:]], [mask[:half], mask[half:]])
    assert iou(segmenter.predict(coins.query).mask, coins.truth) > one - 0.03


def test_the_order_of_the_shots_does_not_matter(segmenter, coins):
    image, mask = coins.support.image, coins.support.mask
    bands = [slice(0, 100), slice(100, 190), slice(190, None)]
    found = []
    for order in (bands, bands[::-1]):
        segmenter.fit([image[b] for b in order], [mask[b] for b in order])
        found.append(segmenter.predict(coins.query))
    np.testing.assert_allclose(found[0].probability, found[1].probability, atol=1e-3)
    assert found[0].presence == pytest.approx(found[1].presence, abs=1e-3)
