"""Spatial heads of a class: in whatever order its supports come, and better than chance on another picture."""

import numpy as np
import pytest

from asgnet import Concept, Segmenter
from asgnet.apply.fitting import spatial_fusion
from asgnet.apply.fitting.spatial import PaintedPicture, SpatialHeads
from asgnet.errors import UsageError
from asgnet.imaging.iou import iou
from asgnet.imaging.resize import nearest, resized
from asgnet.model.default.spatial_head import levels_of, spatial_logits
from asgnet.model.default.spatial_training import whitening
from asgnet.types import IGNORE

SIZE = (96, 128)


@pytest.fixture(scope="module")
def looks(paint):
    pairs = [paint(seed=i) for i in range(3)]
    return [[PaintedPicture(picture, mask.astype(np.uint8), SIZE)] for picture, mask in pairs]


def test_the_order_of_supports_does_not_matter(loaded, looks):
    one, other = (SpatialHeads(loaded.backend, those, "auto", 0) for those in (looks, looks[::-1]))
    for a, b in zip(one.fitted([0, 1]), other.fitted([2, 1]), strict=True):
        np.testing.assert_array_equal(a, b)


def test_roundings_of_features_neither_turn_nor_flip_the_basis(loaded, looks):
    random, bases = np.random.default_rng(0), []
    features = [loaded.backend.encode(resized(one.picture, SIZE)) for (one,) in looks]
    views = [levels_of(one.fine, one.maps) for one in features]
    for size in (0, 1e-6, 1e-6):
        near = [[own * random.normal(1, size, own.shape).astype(np.float32) for own in one] for one in views]
        bases.append(whitening(near, loaded.backend.numbers, 0)[0])
    for basis in bases[1:]:
        np.testing.assert_allclose(basis, bases[0], atol=1e-3 * abs(bases[0]).max())


def test_supports_with_hardly_a_pixel_to_learn_from_teach_nothing(loaded, looks):
    nothing = [looks[0][0]._replace(mask=np.full_like(looks[0][0].mask, IGNORE))]
    head = SpatialHeads(loaded.backend, [nothing, looks[1]], "auto", 0).fitted([0])
    features = loaded.backend.encode(resized(looks[2][0].picture, SIZE))
    assert not spatial_logits(levels_of(features.fine, features.maps), head).logits.any()


def test_effort_is_kept_and_quick_fits_no_spatial_head(loaded, paint, tmp_path, monkeypatch):
    monkeypatch.setattr(spatial_fusion, "_overlaps", lambda *_: np.array([0.5, 0.5, 0.6]))
    pictures, masks = zip(*(paint(seed=i) for i in range(3)), strict=True)
    segmenter = Segmenter(loaded.backend)
    for effort, fitted in (("quick", False), ("auto", True)):
        segmenter.fit(pictures[:2], masks[:2], effort=effort)
        segmenter.concept.save(tmp_path / "one.concept")
        kept = Concept.load(tmp_path / "one.concept")
        assert kept.effort == effort
        assert ("spatial_basis" in kept.tensors) == fitted
        expected = segmenter.predict(pictures[2])
        other = Segmenter(loaded.backend)
        other.concept = kept
        np.testing.assert_array_equal(other.predict(pictures[2]).probability, expected.probability)
    segmenter.fit(pictures[0], masks[0])
    assert "spatial_basis" not in segmenter.concept.tensors  # nothing can be left out
    monkeypatch.setattr(spatial_fusion, "_overlaps", lambda *_: np.array([0.6, 0.5, 0.6]))
    segmenter.fit(pictures[:2], masks[:2])
    assert "spatial_basis" not in segmenter.concept.tensors  # nothing is found better with it
    with pytest.raises(UsageError, match="effort"):
        segmenter.fit(pictures, masks, effort="more")


def test_a_head_finds_the_object_in_another_picture(loaded, paint):
    pairs = [paint(seed=i) for i in range(4)]
    looks = [[PaintedPicture(picture, mask.astype(np.uint8), SIZE)] for picture, mask in pairs]
    head = SpatialHeads(loaded.backend, looks[:3], "auto", 0).fitted([0, 1, 2])
    picture, mask = pairs[3]
    features = loaded.backend.encode(resized(picture, SIZE))
    found = spatial_logits(levels_of(features.fine, features.maps), head).logits
    assert iou(found > 0, nearest(mask, found.shape)) > 0.5
