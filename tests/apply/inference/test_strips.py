"""Strips of a picture: whatever their rows and however it is read, the same prediction."""

import numpy as np
import pytest

from asgnet.apply.concept.scale import USUAL, Scale
from asgnet.apply.inference.joined import context_weights
from asgnet.apply.inference.prediction import predict
from asgnet.apply.inference.preprocess import view, whole_view
from asgnet.apply.inference.strips import Strips, count_windows
from asgnet.apply.segmenter import Segmenter
from asgnet.data.read import ArrayParts
from asgnet.imaging.iou import iou
from asgnet.imaging.resize import resized
from asgnet.model.default.calibration import Calibration

NUMBERS = Calibration()


def sheet(side, seed, high=0):
    """Red dots of 12 pixels on grey noise, and their mask."""
    rng = np.random.default_rng(seed)
    shape = (high or side, side)
    picture = np.repeat(rng.integers(90, 150, (*shape, 1)), 3, 2).astype(np.uint8)
    mask = np.zeros(shape, np.uint8)
    rows, columns = np.indices(shape)
    for _ in range(shape[0] * side // 15000):
        y, x = rng.integers(10, shape[0] - 10), rng.integers(10, side - 10)
        mask[(rows - y) ** 2 + (columns - x) ** 2 <= 36] = 1
    picture[mask == 1] = (210, 40, 30)
    return picture, mask


@pytest.fixture(scope="module")
def fitted(net):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("asgnet.apply.segmenter.SIDE", 256)
        segmenter = Segmenter(net)
    return segmenter.fit(*sheet(640, 1))


def test_small_dots_in_a_large_picture_are_seen_in_windows_and_found(fitted):
    (scale,) = fitted.fits
    assert scale == Scale(0.0, 1.0)
    for side in (300, 900):
        picture, mask = sheet(side, side)
        found = fitted.predict(picture)
        assert iou(found.mask, mask) > 0.75
        assert found.presence > 0.5
        assert found.guide.max() < fitted.concept.tensors["window.object"].shape[1]


@pytest.mark.parametrize("edges", [True, False])
def test_strips_of_any_height_are_the_same_prediction(fitted, edges):
    picture, _ = sheet(700, 3, high=520)
    fits, classes = fitted.fits, ("object",)
    whole = predict(fitted.backend, fits, classes, picture, edges)
    strips = Strips(fitted.backend, fits, classes, ArrayParts(picture), edges, rows=97)
    parts = list(strips)
    assert [one.top for one in parts] == list(range(0, 520, 97))
    probability, guide = (
        np.concatenate(both, 1) for both in zip(*((p.probability, p.guide) for p in parts), strict=True)
    )
    np.testing.assert_allclose(probability[0], whole.probability, atol=2e-4)
    np.testing.assert_array_equal(guide[0], whole.guide)
    assert strips.presence == {"object": pytest.approx(whole.presence, abs=1e-5)}
    later = list(Strips(fitted.backend, fits, classes, ArrayParts(picture), edges, rows=97, first=291))
    assert [one.top for one in later] == [291, 388, 485]
    np.testing.assert_allclose(later[0].probability, parts[3].probability, atol=2e-4)
    np.testing.assert_array_equal(later[0].guide, parts[3].guide)
    assert strips.windows == count_windows(fitted.backend, fits, (520, 700)) == 12


def test_fast_is_one_view_and_full_passes_nothing_over(fitted):
    picture, _ = sheet(700, 3)
    fits = fitted.fits
    assert count_windows(fitted.backend, fits, (700, 700), "fast") == 1
    assert len(list(Strips(fitted.backend, fits, ("object",), ArrayParts(picture), True, "fast"))) == 1
    full = predict(fitted.backend, fits, ("object",), picture, True, "full")
    auto = predict(fitted.backend, fits, ("object",), picture, True)
    assert (full.mask != auto.mask).mean() < 1e-3


def test_classes_at_two_scales_come_in_their_order(fitted):
    picture, mask = sheet(640, 1)
    large = np.zeros_like(mask)
    large[:, :300] = 1
    both = Segmenter(fitted.backend).fit(picture, {"half": large, "dot": mask})
    assert [fit.classes for fit in both.fits.values()] == [("dot",), ("half",)]
    found = both.predict(picture)
    assert found.classes == ("half", "dot")
    assert iou(found.by_class["dot"].mask, mask) > 0.75


def test_windows_are_parts_of_the_whole_picture_resized(fitted):
    picture, _ = sheet(700, 5, high=500)
    for whole in ((500, 700), (250, 352), (100, 140), (600, 840)):
        every = resized(picture, whole)
        box = (whole[0] // 4, whole[1] // 3, whole[0], whole[1] // 3 + 40)
        part = view(ArrayParts(picture), whole, box).astype(int)
        expected = every[box[0] : box[2], box[1] : box[3]]
        assert abs(part - expected).max() <= (1 if whole[0] > 200 else 40)
    np.testing.assert_array_equal(whole_view(ArrayParts(picture), 512, USUAL), resized(picture, (352, 512)))


def test_objects_that_the_whole_view_cannot_show_get_no_context():
    blind, clear = NUMBERS.context_breadths
    weights = context_weights(np.array([0, blind, (blind + clear) / 2, clear, 99]), NUMBERS)
    np.testing.assert_allclose(weights, NUMBERS.context_weight * np.array([0, 0, 0.5, 1, 1]))
