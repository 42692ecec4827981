"""Masks proposed from a box or clicks, on the photographs that scikit-image brings."""

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, label

from asgnet.apply.interactive.propose import Proposer
from asgnet.apply.segmenter import Segmenter
from asgnet.errors import PictureError, UsageError
from asgnet.imaging.iou import iou


@pytest.fixture(scope="module")
def segmenter(net):
    return Segmenter(net)


@pytest.fixture(scope="module")
def proposer(segmenter, motorcycle):
    return Proposer(segmenter, motorcycle.support.image)


@pytest.fixture(scope="module")
def around(motorcycle):
    """The box around the motorcycle."""
    rows, columns = np.nonzero(motorcycle.support.mask == 1)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


@pytest.fixture(scope="module")
def coin(coins):
    """The picture of the coins, and the largest of them."""
    numbers, _ = label(coins.support.mask == 1)
    largest = numbers == np.bincount(numbers.ravel())[1:].argmax() + 1
    return coins.support.image, largest.astype(np.uint8)


def test_a_box_around_a_coin(segmenter, coin):
    picture, largest = coin
    rows, columns = np.nonzero(largest)
    box = columns.min() - 2, rows.min() - 2, columns.max() + 3, rows.max() + 3
    proposer = Proposer(segmenter, picture)
    mask = proposer.propose(box=box)
    assert mask.shape == largest.shape
    assert mask.dtype == np.uint8
    assert iou(mask == 1, largest) > 0.85
    np.testing.assert_array_equal(Proposer(segmenter, picture).propose([], box), mask)  # the same again


def test_clicks_correct_a_box(proposer, around):
    mask = proposer.propose(box=around)
    row, column = np.argwhere(mask)[len(np.argwhere(mask)) // 2]
    less = proposer.propose([(column + 0.5, row + 0.5, False)], around)
    assert not less[row, column]
    assert (less != mask).sum() > 1


def test_a_click_on_a_coin_and_on_the_cat(segmenter, coin):
    from asgnet.apply.examples.samples import photograph

    picture, largest = coin
    row, column = np.unravel_index(distance_transform_edt(largest).argmax(), largest.shape)
    found = Proposer(segmenter, picture).propose(points=[(column, row, True)])
    assert iou(found == 1, largest) > 0.8
    cat = Proposer(segmenter, photograph("chelsea.png")).propose(points=[(200, 150, True), (420, 60, False)])
    assert 0.2 < cat.mean() < 0.95


def test_the_same_clicks_give_the_same_mask_asked_one_by_one_or_at_once(segmenter, coin):
    picture, _ = coin
    height, width = picture.shape[:2]
    places = [(0.3, 0.5, True), (0.6, 0.5, False), (0.8, 0.2, False)]
    points = [(x * width, y * height, on) for x, y, on in places]
    step_by_step = Proposer(segmenter, picture)
    for count in (1, 2, 3):
        mask = step_by_step.propose(points[:count])
    np.testing.assert_array_equal(Proposer(segmenter, picture).propose(points), mask)


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (500, 2)])
def test_any_size(segmenter, size):
    picture = np.random.default_rng(0).integers(0, 255, (*size, 3)).astype(np.uint8)
    proposer = Proposer(segmenter, picture)
    assert proposer.propose([(0, 0, True)])[0, 0] == 1
    assert proposer.propose(box=(0, 0, size[1], size[0])).any()


def test_what_is_learnt_stays(segmenter, motorcycle):
    segmenter.fit(motorcycle.support.image, motorcycle.support.mask)
    concept = segmenter.concept
    Proposer(segmenter, motorcycle.query).propose(box=(100, 100, 400, 300))
    assert segmenter.concept is concept


def test_prompts_that_cannot_be_meant(segmenter, proposer):
    with pytest.raises(UsageError, match="at least one point"):
        proposer.propose()
    with pytest.raises(PictureError, match=r"nowhere\.png"):
        Proposer(segmenter, "nowhere.png").propose(box=(0, 0, 1, 1))
