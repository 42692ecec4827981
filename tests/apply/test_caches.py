"""With a cache: the same answers bit for bit, each picture through the backbone once, each fit made once."""

import numpy as np
import pytest

from asgnet.apply.cached_fits import CachedFits
from asgnet.apply.concept.scale import LARGER
from asgnet.apply.inference.preprocess import encode
from asgnet.apply.inference.working_scale import working_side
from asgnet.apply.segmenter import SIDE, Segmenter
from asgnet.model.backbones.backbone import Backbone


@pytest.fixture(scope="module")
def segmenter():
    return Segmenter.from_pretrained(engine="torch", precision="fp32")


@pytest.fixture
def scenes():
    """Three noisy pictures with a bright box each, and its mask."""
    rng = np.random.default_rng(0)
    pictures, masks = rng.integers(0, 90, (3, 60, 80, 3), np.uint8), np.zeros((3, 60, 80), np.uint8)
    for i in range(3):
        masks[i, 10 + i : 40 + i, 20 : 60 - 3 * i] = 1
        pictures[i][masks[i] == 1] += 120
    return list(pictures), list(masks)


@pytest.fixture
def encoded(monkeypatch):
    """How many pictures, probes of engines not among them, went through a backbone: at either working scale."""
    counted, honest = [0, 0], Backbone.maps_at

    def counting(self, images, indices):
        counted[0] += len(images) * (images.shape[-1] == SIDE)
        counted[1] += len(images) * (images.shape[-1] == working_side(SIDE, LARGER))
        return honest(self, images, indices)

    monkeypatch.setattr(Backbone, "maps_at", counting)
    return counted


def ask_round(asked, pictures, masks):
    """Every picture as the query of the two others."""
    for query in range(3):
        others = [i for i in range(3) if i != query]
        asked.fit([pictures[i] for i in others], [masks[i] for i in others], effort="quick")
        yield asked.predict(pictures[query])


def test_the_answers_are_the_same_bit_for_bit_and_each_picture_is_seen_once(segmenter, scenes, encoded):
    plain = list(ask_round(segmenter, *scenes))
    concept = segmenter.concept
    assert encoded[0] == 9
    twin = segmenter.with_feature_cache()
    encoded[0] = 0
    twice = [*ask_round(twin, *scenes), *ask_round(twin, *scenes)]
    assert encoded[0] == 3  # for fitting and predicting alike
    for expected, found in zip(plain * 2, twice, strict=True):
        assert np.array_equal(found.mask, expected.mask)
        assert np.array_equal(found.probability, expected.probability)
        assert np.array_equal(found.guide, expected.guide)
        assert found.presence == expected.presence
    assert segmenter.concept is concept


def test_fitting_encoding_and_predicting_ask_for_the_same_features(segmenter, scenes, encoded):
    pictures, masks = scenes
    list(ask_round(segmenter, *scenes))  # its engine exists from here on
    twin = segmenter.with_feature_cache()
    encoded[:] = 0, 0
    twin.fit(pictures[:1], masks[:1])
    encode(twin.backend, pictures[0])
    assert encoded == [3, 0]  # as it is, darker and brighter
    twin.predict(pictures[0])
    twin.predict(pictures[0])
    assert encoded == [3, 0]


def test_the_latest_pictures_are_kept(segmenter, scenes, encoded):
    twin = segmenter.with_feature_cache(most=2)
    for i, seen_by_then in ((0, 1), (1, 2), (0, 2), (2, 3), (0, 3), (1, 4)):
        encode(twin.backend, scenes[0][i])
        assert encoded[0] == seen_by_then, i


def test_the_same_supports_are_learnt_once(segmenter, scenes, encoded):
    pictures, masks = scenes
    plain = segmenter.fit(pictures[:1], masks[:1]).predict(pictures[2])
    concept = segmenter.concept
    twin = CachedFits(segmenter)
    encoded[:] = 0, 0
    for _ in range(3):
        found = twin.fit(pictures[:1], masks[:1]).predict(pictures[2])
        assert np.array_equal(found.probability, plain.probability)
        assert found.presence == plain.presence
    assert encoded == [3 + 3, 0]  # fitted once, under three lights; asked three times
    assert segmenter.concept is concept


@pytest.mark.parametrize(
    "other",
    [
        lambda pictures, masks: (pictures[1:2], masks[:1], {}),
        lambda pictures, masks: (pictures[:1], masks[1:2], {}),
        lambda pictures, masks: (pictures[:1], {"box": masks[:1]}, {}),
        lambda pictures, masks: (pictures[:1], masks[:1], {"adapt": False}),
    ],
    ids=["picture", "mask", "name", "option"],
)
def test_other_supports_are_learnt_anew(segmenter, scenes, other):
    images, masks, options = other(*scenes)
    twin = CachedFits(segmenter).fit(scenes[0][:1], scenes[1][:1])
    found = twin.fit(images, masks, **options).concept
    expected = segmenter.fit(images, masks, **options).concept
    assert found.classes == expected.classes
    for name, array in expected.tensors.items():
        assert np.array_equal(found.tensors[name], array)


def test_the_latest_fits_are_kept(segmenter, scenes, encoded):
    pictures, masks = scenes
    twin = CachedFits(segmenter, most=2)
    for i in (0, 1, 0, 2, 0):
        twin.fit(pictures[i : i + 1], masks[i : i + 1])
    assert encoded[0] == 3 * 3  # the first was asked for again and again
    twin.fit(pictures[1:2], masks[1:2])
    assert encoded[0] == 4 * 3
