"""Folds over several datasets, held-out pictures, novel pictures."""

import numpy as np
import pytest

from asgnet.data.benchmarks.dataset import Dataset, open_dataset
from asgnet.data.benchmarks.layouts import VOC_CLASSES
from asgnet.errors import DataError, UsageError
from asgnet.model.paper.asgnet import ASGNet
from asgnet.study.sampling.material import cut_folds, prepare

from ..conftest import make_boxes


def named(name, classes):
    return Dataset(name, dict(enumerate(classes.split(), 1)), {}, {})


def test_fold_of_the_first_that_fits_and_its_names_everywhere():
    street, voc = named("street", "building Car road"), named("voc", VOC_CLASSES)
    first, second = cut_folds([street, voc], "pascal-5i", 1)
    assert [voc.classes[c] for c in second.test] == ["bus", "car", "cat", "chair", "cow"]
    assert len(second.base) == 15
    assert first.test == (2,)
    assert first.base == (1, 3)
    assert "pascal-5i fold 1" in first.name


def test_no_fold_trains_on_all():
    (fold,) = cut_folds([named("voc", VOC_CLASSES)], "pascal-5i", None)
    assert fold.test == ()
    assert fold.base == tuple(range(1, 21))


def test_wrong_folds():
    with pytest.raises(DataError, match=r"fits none of the datasets: pascal-5i cuts 20 classes"):
        cut_folds([named("a", "x y")], "pascal-5i", 0)
    with pytest.raises(UsageError, match="folds 0 to 3, not 4"):
        cut_folds([named("voc", VOC_CLASSES)], "pascal-5i", 4)


@pytest.fixture(scope="module")
def backbone():
    return ASGNet.from_preset("default").backbone


@pytest.mark.parametrize("novel", ["keep", "drop"])
def test_novel_pictures(boxes, cache_dir, tiny, backbone, novel):
    folds = cut_folds([boxes], "2-fold", 0)  # red and green are tested
    material = prepare([boxes], folds, tiny, backbone, novel=novel, cache_dir=cache_dir)
    source = material.train[0]
    assert all(set(shown) == {3, 4} for shown in source.shown)
    names = list(boxes.pictures)
    shows_novel = [any(boxes.pixels(names[row], c) for c in (1, 2)) for row in source.pictures]
    assert any(shows_novel) == (novel == "keep")
    assert material.datasets_used[0]["novel_images"] == novel
    assert material.datasets_used[0]["pictures"] == len(source.pictures)


def test_several_datasets(boxes, cache_dir, tiny, backbone, tmp_path):
    root = make_boxes(tmp_path / "other", 20, classes=2, names="null\nGreen\npink\n", seed=5)
    other = open_dataset(f"folder:{root}", cache_dir=tmp_path, workers=1)
    recipe = tiny.model_copy(update={"weights": (2.0, 1.0), "validation": 12})
    folds = cut_folds([boxes, other], "2-fold", 0)
    material = prepare([boxes, other], folds, recipe, backbone, cache_dir=cache_dir)
    assert [source.weight for source in material.train] == [2.0, 1.0]
    assert [set(source.shown[0]) for source in material.train] == [{3, 4}, {2}]
    for episodes in material.episodes.values():
        places = np.array([episode.source for episode in episodes])
        assert set(places) == {0, 1}
        assert (places == 0).sum() == (places == 1).sum()


def test_too_few_pictures_to_validate(boxes, cache_dir, tiny, backbone):
    recipe = tiny.model_copy(update={"held_out": 1000})
    with pytest.raises(DataError, match=r"Every 1000th picture validates, .*set held_out lower"):
        prepare([boxes], cut_folds([boxes], "2-fold", None), recipe, backbone, cache_dir=cache_dir)
