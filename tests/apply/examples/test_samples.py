"""The photographs and painted examples really come with the installation."""

import numpy as np
import pytest
from skimage.measure import label

from asgnet.apply.examples import samples
from asgnet.errors import DataError


@pytest.mark.parametrize("make", samples.SCENES)
def test_every_scene_has_an_object_to_learn_and_one_to_find(make):
    scene = make()
    assert scene.support.mask.shape == scene.support.image.shape[:2]
    assert set(np.unique(scene.support.mask)) == {0, 1}
    assert 0.01 < scene.support.mask.mean() < 0.7
    assert scene.truth.shape == scene.query.shape[:2]
    assert 0.01 < scene.truth.mean() < 0.7


def test_the_motorcycle_is_one_piece_with_both_wheels():
    mask = samples.motorcycle().support.mask == 1
    columns = np.nonzero(mask)[1]
    assert columns.min() < 110  # the rear light
    assert columns.max() > 670  # the front tyre
    assert mask[390, 200]  # the rear tyre at the floor
    assert not mask[480].any()  # the floor in front
    assert not mask[150, 60]  # the bench


def test_the_motorcycle_s_truth_in_the_right_picture_is_further_left():
    scene = samples.motorcycle()
    left, right = np.nonzero(scene.support.mask)[1].mean(), np.nonzero(scene.truth)[1].mean()
    assert 40 < left - right < 60


def test_support_and_query_of_a_halved_picture_share_no_pixel():
    scene = samples.coins()
    whole = samples.photograph("coins.png")
    assert scene.support.image.shape[1] + scene.query.shape[1] == whole.shape[1]


def test_a_micrograph_s_cells_are_numbered_without_gaps_are_brighter_and_touch():
    picture, labels = samples.micrograph(3)
    assert picture.shape == (*labels.shape, 3)
    assert (np.unique(labels) == np.arange(labels.max() + 1)).all()
    assert picture[labels > 0].mean() > picture[labels == 0].mean() + 50
    assert label(labels > 0, connectivity=1).max() < labels.max()
    assert (samples.micrograph(3)[0] == picture).all()
    assert (samples.micrograph(4)[0] != picture).any()


def test_a_missing_photograph_is_one_sentence(monkeypatch):
    with pytest.raises(DataError, match="nothing_such"):
        samples.bundled("nothing_such.png")
