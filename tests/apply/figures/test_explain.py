from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from asgnet.apply.concept.file import Concept
from asgnet.apply.figures.explain import explain, numbered, verdict
from asgnet.imaging.colours import OBJECT, colours
from asgnet.types import Prediction, Support


def fitted(shots: int = 1, prototypes: int = 3) -> SimpleNamespace:
    """A stand-in for a fitted Segmenter: a square object cut into vertical bands."""
    mask = np.zeros((60, 80), np.uint8)
    mask[10:50, 20:60] = 1
    bands = np.indices(mask.shape)[1] * prototypes // 80
    image = np.full((60, 80, 3), 120, np.uint8)
    return SimpleNamespace(
        supports=[Support(image, mask, str(i)) for i in range(shots)],
        superpixels=lambda: [np.where(mask == 1, bands, -1).astype(np.int32)] * shots,
        concept=None,
    )


def found(h: int = 50, w: int = 70, area: bool = True) -> Prediction:
    mask = np.zeros((h, w), bool)
    mask[10:30, 10:30] = area
    guide = (np.indices((h, w))[1] * 3 // w).astype(np.int32)
    return Prediction(mask, mask.astype(np.float32), 0.9 if area else 0.1, guide)


def query(h: int = 50, w: int = 70) -> np.ndarray:
    return np.full((h, w, 3), 90, np.uint8)


def has(page: np.ndarray, colour) -> bool:
    return bool((np.abs(page.astype(int) - np.asarray(colour)).max(-1) == 0).any())


@pytest.mark.parametrize("shots", [1, 2, 5])
def test_the_page_is_a_picture_with_every_prototype_s_colour(shots):
    page = explain(fitted(shots), query(), found())
    assert page.dtype == np.uint8
    assert page.ndim == 3
    assert all(has(page, c) for c in colours(3))


def test_the_size_does_not_depend_on_the_number_of_shots():
    assert explain(fitted(1), query(), found()).shape[1] == explain(fitted(7), query(), found()).shape[1]


def test_without_supports_the_first_two_panels_are_left_out():
    bare = SimpleNamespace(supports=[], superpixels=list, concept=None)
    assert explain(bare, query(), found()).shape[1] < explain(fitted(), query(), found()).shape[1]


def test_an_absent_object_is_said_and_drawn_without_outline():
    assert has(explain(fitted(), query(), found()), OBJECT)
    bare = SimpleNamespace(supports=[], superpixels=list, concept=None)
    assert not has(explain(bare, query(), found(area=False)), OBJECT)


def test_the_verdict_doubts_what_was_found_where_the_object_seems_absent():
    there, doubtful = found(), replace(found(), presence=0.2)
    assert "probably not the object" not in verdict(there)
    assert "probably not the object" in verdict(doubtful)
    assert verdict(found(area=False)).startswith("Nothing was found.")


@pytest.mark.parametrize(("h", "w"), [(1, 1), (3, 400), (400, 3), (33, 31)])
def test_any_size_of_picture_can_be_explained(h, w):
    guide = np.zeros((h, w), np.int32)
    prediction = Prediction(np.ones((h, w), bool), np.ones((h, w), np.float32), 1.0, guide)
    assert explain(fitted(prototypes=1), query(h, w), prediction).size


def test_nothing_given_is_changed():
    image, prediction = query(), found()
    before = prediction.mask.copy(), prediction.guide.copy(), image.copy()
    explain(fitted(), image, prediction)
    assert (prediction.mask == before[0]).all()
    assert (prediction.guide == before[1]).all()
    assert (image == before[2]).all()


def test_prototypes_that_no_support_shows_take_the_colour_of_the_most_similar_one():
    prototypes = np.array([[[1, 0], [0, 1], [0, 0], [0.9, 0.1], [0.1, 0.9]]], np.float32)
    concept = Concept(("object",), {"object": prototypes}, "")
    parts, guide = numbered([np.array([[-1, 0, 1]])], np.array([[3, 4, 1, 0]]), concept)
    assert guide.tolist() == [[0, 1, 1, 0]]
    assert parts[0].tolist() == [[-1, 0, 1]]


def test_numbers_have_no_gaps_and_superpixels_and_guide_agree():
    parts, guide = numbered([np.array([[5, -1, 2]]), np.array([[9]])], np.array([[9, 5, 2]]), None)
    assert [p.tolist() for p in parts] == [[[1, -1, 0]], [[2]]]
    assert guide.tolist() == [[2, 1, 0]]


def test_several_classes_are_drawn_each_in_its_colour():
    one = found()
    two = found()
    two.mask[:] = np.roll(one.mask, 25, axis=1)
    mask = one.mask + 2 * two.mask.astype(np.int32)
    both = Prediction(mask, one.probability, 0.9, one.guide, ("mug", "cat"), {"mug": one, "cat": two})
    page = explain(fitted(), query(), both)
    assert all(has(page, colour) for colour in colours(2))
