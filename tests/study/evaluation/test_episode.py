"""Pictures of an episode: bounded in memory, labels of the targets alone."""

import numpy as np
import pytest
from PIL import Image
from tests.study.evaluation.conftest import H, W

from asgnet.data.benchmarks.dataset import open_dataset
from asgnet.errors import DataError
from asgnet.study.evaluation.episode import PairCache, relabelled


def test_a_picture_and_labels_of_two_sizes_are_named(tmp_path):
    for folder, size in (("images", (8, 6)), ("masks", (6, 8))):
        (tmp_path / folder).mkdir()
        Image.new("L", size, 1).save(tmp_path / folder / "a.png")
    data = open_dataset(f"folder:{tmp_path}", cache_dir=tmp_path / "c", workers=1)
    with pytest.raises(DataError, match="picture 'a' is 8×6 and its labels 6×8"):
        PairCache(data).pair("a")


def test_the_cache_of_pictures_is_bounded(dataset):
    one = H * W * 4
    pairs = PairCache(dataset, most_bytes=3 * one)
    for name in [*dataset.pictures, *list(dataset.pictures)[:3]]:
        picture, labels = pairs.pair(name)
        assert pairs.held.currsize <= 3 * one
        assert picture.tolist() == dataset.picture(name).tolist()
        assert labels.tolist() == dataset.labels(name).tolist()
    assert pairs.pair("02")[0] is pairs.pair("02")[0]


def test_other_classes_are_background_among_several_ways():
    assert relabelled(np.array([[0, 5, 7, 9, 255]]), (9, 5)).tolist() == [[0, 2, 0, 1, 255]]
