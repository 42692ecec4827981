"""The Segmenter's promises, on small made-up pictures and a coarse grid; photographs are beside this file."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asgnet.apply.segmenter import Segmenter
from asgnet.errors import AsgnetWarning, PictureError, SupportError, UsageError, WeightsError
from asgnet.model import ASGNet
from asgnet.model.checkpoint import save_weights
from asgnet.model.paper.config import Config

pytestmark = pytest.mark.usefixtures("coarse")
SIZES = [(90, 120), (131, 67), (1, 200), (3000, 40), (2, 3), (1, 1)]


@pytest.fixture(scope="module")
def red(paint):
    """Three painted pictures of a red disc."""
    return [list(part) for part in zip(*(paint(80 + i, 110, seed=i) for i in range(3)), strict=True)]


@pytest.fixture
def fitted(loaded, red):
    return loaded.fit(red[0][:1], red[1][:1])


def checked(prediction, size, several=False):
    assert prediction.mask.shape == prediction.probability.shape == prediction.guide.shape == size
    assert prediction.mask.dtype == (np.int32 if several else bool)
    assert prediction.probability.dtype == np.float32
    assert prediction.guide.dtype == np.int32
    assert isinstance(prediction.presence, float)
    assert 0 <= prediction.presence <= 1
    assert 0 <= prediction.probability.min() <= prediction.probability.max() <= 1
    np.testing.assert_array_equal(prediction.mask > 0, prediction.probability > 0.5)
    return prediction


def same(one, other):
    for name in ("mask", "probability", "guide"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.presence == other.presence
    assert one.classes == other.classes
    assert list(one.by_class) == list(other.by_class)
    for name in one.by_class:
        same(one.by_class[name], other.by_class[name])


def close(one, other, tolerance=1e-3):
    np.testing.assert_allclose(one.probability, other.probability, atol=tolerance)
    assert one.presence == pytest.approx(other.presence, abs=tolerance)


@pytest.mark.parametrize("size", SIZES)
def test_a_prediction_has_its_picture_s_size(fitted, size):
    picture = np.random.default_rng(1).integers(0, 256, (*size, 3)).astype(np.uint8)
    found = checked(fitted.predict(picture), size)
    assert found.classes == ("object",)
    assert found.by_class == {}
    valid = np.flatnonzero(fitted.concept.tensors["object_valid"][0])
    assert set(np.unique(found.guide)) <= set(valid)


@pytest.mark.parametrize("size", SIZES)
def test_an_example_may_have_any_size(loaded, paint, size):
    picture, mask = paint(*size)
    mask[size[0] // 2, size[1] // 2] = True
    mask[0, 0] = size == (1, 1)
    whole = mask.all()
    with pytest.warns(AsgnetWarning) if whole else nullcontext():
        loaded.fit(picture, mask)
    checked(loaded.predict(picture), size)
    (parts,) = loaded.superpixels()
    np.testing.assert_array_equal(parts >= 0, mask)


def test_the_disc_is_found(fitted, paint):
    picture, mask = paint(100, 100, seed=9)
    found = fitted.predict(picture).mask
    assert (found & mask).sum() / (found | mask).sum() > 0.6


def test_a_picture_however_it_is_given(fitted, red, tmp_path):
    picture = red[0][1]
    file = tmp_path / "red.png"
    Image.fromarray(picture).save(file)
    expected = fitted.predict(picture)
    with open(file, "rb") as stream:
        for given in (str(file), Path(file), Image.open(file), stream):
            same(fitted.predict(given), expected)
    for several in ([file, picture], (p for p in (file, picture))):
        predictions = fitted.predict(several)
        assert iter(predictions) is predictions
        for prediction in predictions:
            same(prediction, expected)
    assert list(fitted.predict([])) == []


def test_an_iterator_is_answered_one_by_one(fitted, red):
    drawn = []

    def pictures():
        for i in range(9):
            drawn.append(i)
            yield red[0][i % 3]

    predictions = fitted.predict(pictures())
    assert drawn == []
    assert [next(predictions).mask.shape[0] for _ in range(2)] == [80, 81]
    assert drawn == [0, 1]


def test_a_bad_picture_among_good_ones_ends_nothing(fitted, red):
    predictions = fitted.predict([red[0][0], "nowhere.png", red[0][0]])
    first = next(predictions)
    with pytest.raises(PictureError, match=r"nowhere\.png"):
        next(predictions)
    same(next(predictions), first)
    assert list(predictions) == []


def test_an_iterator_goes_on_with_what_was_learnt_when_it_began(loaded, red, paint):
    query = red[0][2]
    expected = loaded.fit(red[0][0], red[1][0]).predict(query)
    predictions = loaded.predict([query])
    loaded.fit(*paint(colour=(20, 20, 230), seed=5))
    same(next(predictions), expected)


@pytest.fixture(scope="module")
def classes(paint):
    """Three pictures: red disc, blue disc, red disc; and the masks of either."""
    pictures, masks = zip(paint(seed=1), paint(colour=(20, 40, 230), seed=2), paint(seed=3), strict=True)
    return list(pictures), {"mug": [masks[0], None, masks[2]], "cat": [None, masks[1], None]}


def test_several_classes_at_once(loaded, classes, paint):
    pictures, masks = classes
    loaded.fit(pictures, masks)
    assert loaded.concept.classes == ("mug", "cat")
    assert loaded.concept.counts == (2, 1)
    assert len(loaded.supports) == len(loaded.concept.supports) == 3
    query = np.hstack([paint(seed=7)[0], paint(colour=(20, 40, 230), seed=8)[0]])
    found = checked(loaded.predict(query), query.shape[:2], several=True)
    assert found.classes == ("mug", "cat") == tuple(found.by_class)
    assert set(np.unique(found.mask)) == {0, 1, 2}
    mug, cat = (checked(found.by_class[name], query.shape[:2]) for name in found.classes)
    np.testing.assert_array_equal(found.probability, np.maximum(mug.probability, cat.probability))
    assert found.presence == max(mug.presence, cat.presence)
    assert (mug.probability >= cat.probability)[found.mask == 1].all()
    assert (cat.probability >= mug.probability)[found.mask == 2].all()
    np.testing.assert_array_equal(found.guide[found.mask == 2], cat.guide[found.mask == 2])


def test_a_class_is_learnt_as_if_alone(loaded, classes, red):
    pictures, masks = classes
    together = loaded.fit(pictures, masks).predict(red[0][0])
    mug = loaded.fit([pictures[0], pictures[2]], [masks["mug"][0], masks["mug"][2]]).predict(red[0][0])
    cat = loaded.fit(pictures[1], {"cat": masks["cat"][1]}).predict(red[0][0])
    assert cat.classes == ("cat",)
    close(together.by_class["mug"], mug)
    close(together.by_class["cat"], cat)


def test_the_order_of_the_classes_numbers_them(loaded, classes, red):
    pictures, masks = classes
    found = loaded.fit(pictures, masks).predict(red[0][0])
    turned = loaded.fit(pictures, dict(reversed(masks.items()))).predict(red[0][0])
    assert turned.classes == ("cat", "mug")
    agreeing = np.array([0, 2, 1])[turned.mask] == found.mask
    assert agreeing.mean() > 0.999


def test_absent_is_none_or_zeros(loaded, classes, red):
    pictures, masks = classes
    expected = loaded.fit(pictures, masks).predict(red[0][0])
    zeros = {
        name: [np.zeros(p.shape[:2]) if m is None else m for m, p in zip(given, pictures, strict=True)]
        for name, given in masks.items()
    }
    same(loaded.fit(pictures, zeros).predict(red[0][0]), expected)


@pytest.fixture
def encoded(loaded, monkeypatch):
    """The pictures that go through the backbone."""
    pictures, run = [], loaded.backend.graphs.run

    def counting(name, feed, wanted=None):
        if name == "encode":
            pictures.append(feed["pictures"])
        return run(name, feed, wanted)

    monkeypatch.setattr(loaded.backend.graphs, "run", counting)
    return pictures


def test_a_view_goes_through_the_backbone_once(loaded, classes, encoded):
    pictures, masks = classes
    many = masks | {"dog": masks["mug"], "fox": masks["cat"]}
    loaded.fit(pictures, many, effort="quick")
    assert (
        len({one.tobytes() for one in encoded}) == len(encoded) >= 3 + 2
    )  # a class's only example: two lights
    encoded.clear()
    loaded.fit(pictures, many, adapt=False)
    assert len(encoded) == 3
    encoded.clear()
    loaded.predict(pictures[0])
    assert len(encoded) == len(loaded.fits)


def test_what_is_found_better_so_is_seen_half_as_large_again(loaded, encoded):
    """Lines of one pixel, which the usual look loses between its own."""
    pictures = np.random.default_rng(0).integers(120, 160, (3, 130, 176, 3)).astype(np.uint8)
    masks = np.zeros((3, 130, 176), bool)
    masks[[0, 1, 2], [60, 110, 90]] = True
    pictures[masks] //= 4
    examples = list(pictures[:2]), list(masks[:2])
    for options, longer in (({}, 192), ({"adapt": False}, 128)):
        encoded.clear()
        loaded.fit(*examples, effort="quick", **options)
        assert {max(one.shape) for one in encoded} == {128, longer}  # as usual first
        assert loaded.superpixels()[0].shape == (130, 176)
        encoded.clear()
        checked(loaded.predict(pictures[2]), (130, 176))
        assert {max(one.shape) for one in encoded} == {longer}
    loaded.fit(*examples)
    assert (loaded.predict(pictures[2]).mask == masks[2]).all()


def test_superpixels_are_the_first_class_s_at_each_support_s_size(loaded, red, classes):
    loaded.fit(*red)
    parts = loaded.superpixels()
    prototypes = loaded.concept.tensors["object_valid"].sum()
    assert len(parts) == len(loaded.supports) == 3
    for i, (part, mask) in enumerate(zip(parts, red[1], strict=True)):
        assert part.dtype == np.int32
        np.testing.assert_array_equal(part >= 0, mask)
        assert set(np.unique(part[mask])) <= set(range(prototypes))
        assert all(not set(np.unique(part[mask])) & set(np.unique(other)) - {-1} for other in parts[:i])
    pictures, masks = classes
    loaded.fit(pictures, {"cat": masks["cat"], "mug": masks["mug"]})
    parts = loaded.superpixels()
    assert [(part >= 0).any() for part in parts] == [False, True, False]
    assert [part.shape for part in parts] == [p.shape[:2] for p in pictures]
    np.testing.assert_array_equal(parts[1] >= 0, masks["cat"][1])


def test_a_support_s_pixels_choose_its_own_superpixels(loaded, red):
    """The numbers of superpixels and guide map mean the same prototypes."""
    loaded.fit(*red)
    for picture, part in zip(red[0], loaded.superpixels(), strict=True):
        guide = loaded.predict(picture).guide[part >= 0]
        assert (guide == part[part >= 0]).mean() > 0.5


def test_fitting_is_repeatable(loaded, red, net):
    first = loaded.fit(*red).predict(red[0][0])
    same(loaded.fit(*red).predict(red[0][0]), first)
    same(loaded.predict(red[0][0]), first)
    np.random.seed(99)
    same(loaded.fit(*red, seed=0).predict(red[0][0]), first)


@pytest.mark.parametrize(("effort", "tolerance"), [("quick", 1e-4), ("auto", 1e-2)])
def test_fitting_in_torch_differs_by_roundings(loaded, red, net, effort, tolerance):
    """Of features; training a spatial head on them enlarges those."""
    one, other = (own.fit(*red, effort=effort).predict(red[0][0]) for own in (loaded, Segmenter(net)))
    close(one, other, tolerance)


@pytest.mark.parametrize("seed", ["a", 1.5, None, -1, 2**70])
def test_a_seed_is_a_whole_number(loaded, red, seed):
    with pytest.raises(UsageError, match="seed is a whole number from 0 on"):
        loaded.fit(*red, seed=seed)


def test_a_seed_draws_other_pixels_for_much_the_same_answer(loaded, red, monkeypatch):
    network = loaded.backend.network
    config = replace(network.config, calibration=replace(network.config.calibration, pixel_samples=200))
    monkeypatch.setattr(loaded.backend, "network", network._replace(config=config))
    weights, found = [], []
    for seed in (0, 1, 0):
        found.append(loaded.fit(*red, seed=seed).predict(red[0][0]))
        weights.append(loaded.concept.tensors["adapted_weights"])
    assert (weights[0] != weights[1]).any()
    np.testing.assert_array_equal(weights[0], weights[2])
    assert (found[0].mask == found[1].mask).mean() > 0.95


def test_the_order_of_the_shots_does_not_matter(loaded, red):
    found = loaded.fit(*red).predict(red[0][0])
    turned = loaded.fit(red[0][::-1], red[1][::-1]).predict(red[0][0])
    close(found, turned)


def test_a_shot_given_twice_changes_little(loaded, red):
    once = loaded.fit(red[0][:2], red[1][:2]).predict(red[0][2])
    twice = loaded.fit([*red[0][:2], red[0][1]], [*red[1][:2], red[1][1]]).predict(red[0][2])
    assert np.abs(once.probability - twice.probability).mean() < 0.1
    assert (once.mask == twice.mask).mean() > 0.95


@pytest.mark.parametrize("shots", [1, 3])
def test_with_and_without_adaptation(loaded, red, shots):
    images, masks = red[0][:shots], red[1][:shots]
    answers = {a: loaded.fit(images, masks, adapt=a).predict(red[0][0]) for a in (True, False, "auto")}
    same(answers[True], answers["auto"])
    assert (answers[True].probability != answers[False].probability).any()


def test_what_cannot_be_meant(net, red, loaded):
    for adapt in ("yes", None, 2, "True"):
        with pytest.raises(UsageError, match="adapt must be"):
            loaded.fit(*red, adapt=adapt)
    fresh = Segmenter(net)
    assert fresh.concept is None
    assert fresh.supports == fresh.superpixels() == []
    for image in (red[0][0], red[0], "nowhere.png"):
        with pytest.raises(UsageError, match="call fit"):
            fresh.predict(image)
    for device in ("gpu", "cuda:99"):
        with pytest.raises(UsageError, match="device"):
            Segmenter(net, device)


@pytest.mark.parametrize(
    ("image", "error"),
    [
        (None, UsageError),
        (5, UsageError),
        ("nowhere.png", PictureError),
        (np.zeros((2, 5, 5, 3), np.uint8), PictureError),
        (np.zeros((0, 5, 3), np.uint8), PictureError),
        (np.full((5, 5, 3), np.nan), PictureError),
    ],
)
def test_what_is_no_picture(fitted, image, error):
    with pytest.raises(error, match=r"picture|pixels|nowhere"):
        fitted.predict(image)


def test_a_failed_fit_leaves_what_was_learnt(fitted, red):
    before, concept = fitted.predict(red[0][1]), fitted.concept
    for masks in (np.zeros((80, 110)), np.ones((3, 3)), [red[1][0]] * 2, "nowhere.png"):
        with pytest.raises((SupportError, UsageError)):
            fitted.fit(red[0][0], masks)
    assert fitted.concept is concept
    assert len(fitted.supports) == len(fitted.superpixels()) == 1
    same(fitted.predict(red[0][1]), before)


def test_other_networks_and_missing_weights_are_refused(tmp_path):
    config = Config(backbone="mobilenetv3_small_050", levels=(1, 2), channels=16, hidden=8)
    save_weights(ASGNet.from_config(config), tmp_path)
    with pytest.raises(WeightsError, match="default recipe"):
        Segmenter.from_pretrained(tmp_path)
    with pytest.raises(WeightsError, match="nowhere"):
        Segmenter.from_pretrained(tmp_path / "nowhere")
