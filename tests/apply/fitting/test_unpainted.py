"""Examples of which a part is painted, with the real network."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import label

from asgnet.apply.concept.file import Concept
from asgnet.apply.examples.samples import painted_coins
from asgnet.apply.segmenter import Segmenter
from asgnet.errors import AsgnetWarning
from asgnet.imaging.iou import iou


@pytest.fixture(scope="module")
def segmenter():
    return Segmenter.from_pretrained(engine="onnx").with_feature_cache()


@pytest.fixture(scope="module")
def coins():
    """The upper half of the picture with all coins and with three of them, and the lower half."""
    picture, mask = painted_coins()
    pieces, _ = label(mask[:150])
    large = [i for i in np.argsort(-np.bincount(pieces.ravel())) if i][:9]
    return picture[:150], mask[:150], np.isin(pieces, large[1:4]), picture[150:], mask[150:]


def quality(segmenter, coins, masks, **said):
    segmenter.fit(coins[0], masks, adapt=False, **said)
    return iou(segmenter.predict(coins[3]).mask, coins[4])


def test_three_coins_teach_as_much_as_all(segmenter, coins):
    _, every, some, *_ = coins
    whole = quality(segmenter, coins, every)
    assert quality(segmenter, coins, some) < 0.8 * whole
    assert quality(segmenter, coins, some, unpainted="unknown") > 0.9 * whole


def test_auto_says_so_and_leaves_what_is_complete(segmenter):
    random = np.random.default_rng(0)
    picture, every = random.integers(90, 140, (160, 320, 3)).astype(np.uint8), np.zeros((160, 320), bool)
    rows, columns = np.indices(every.shape)
    for i in range(8):
        every |= (rows - 40 - 80 * (i % 2)) ** 2 + (columns - 40 - 80 * (i // 2)) ** 2 < 20**2
    picture[every] = [210, 30, 30]
    with pytest.warns(AsgnetWarning, match="seems to be unpainted in example 1"):
        segmenter.fit(picture, every & (columns < 160), adapt=False, unpainted="auto")
    assert segmenter.partly_painted == [True]
    segmenter.fit(picture, every, adapt=False, unpainted="auto")
    assert segmenter.partly_painted == [False]
    auto = segmenter.concept
    plain = segmenter.fit(picture, every, adapt=False).concept
    assert all(np.array_equal(auto.tensors[name], plain.tensors[name]) for name in plain.tensors)


def test_strokes_are_enough(segmenter, coins):
    _, every, some, *_ = coins
    rows, columns = np.indices(some.shape)
    pieces, count = label(some)
    strokes, ground = np.zeros(some.shape, bool), np.zeros(some.shape, bool)
    for i in range(1, count + 1):
        middle = np.argwhere(pieces == i).mean(0)
        strokes |= (abs(rows - middle[0]) < 2) & (abs(columns - middle[1]) < 10)
    ground[:3, :60] = ground[72:75, 330:380] = True
    said = {"unpainted": "unknown", "background": ground & ~every}
    assert quality(segmenter, coins, strokes & every, **said) > 0.85 * quality(segmenter, coins, every)


def test_added_is_fitted(segmenter, coins, tmp_path):
    picture, _, some, other, mask = coins
    segmenter.fit(picture, some, adapt=False, unpainted="unknown")
    segmenter.concept.save(tmp_path / "coins.concept")
    segmenter.concept = Concept.load(tmp_path / "coins.concept")
    added = segmenter.add(other, mask).concept
    words = ["unknown", "background"]
    fitted = segmenter.fit([picture, other], [some, mask], adapt=False, unpainted=words).concept
    assert added.unpainted == fitted.unpainted == tuple(words)
    assert all(np.array_equal(added.tensors[name], fitted.tensors[name]) for name in fitted.tensors)
