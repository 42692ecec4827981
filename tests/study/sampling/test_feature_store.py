"""The feature cache: what is in it, whom it is shared with, and what a crash leaves of it."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from asgnet.data.benchmarks.dataset import open_dataset
from asgnet.errors import DataError, OutputError, PictureError
from asgnet.study.sampling import feature_store as cache
from asgnet.study.sampling.augment import seed_of, squash, vary
from asgnet.study.sampling.feature_store import open_features, store_key

from ..conftest import make_boxes

SIDE = 48


class Pool(nn.Module):
    """A backbone of two levels that counts its calls."""

    def __init__(self, scale=1.0, dies_at=None):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(scale))
        self.seen, self.dies_at = 0, dies_at

    def normalise(self, images):
        return images.float() / 255

    def forward(self, images):
        if self.dies_at is not None and self.seen >= self.dies_at:
            raise MemoryError
        self.seen += len(images)
        return [nn.functional.avg_pool2d(images * self.weight, s) for s in (8, 16)]


@pytest.fixture
def dataset(tmp_path):
    root = make_boxes(tmp_path / "boxes", pictures=30)
    return open_dataset(f"folder:{root}", cache_dir=tmp_path, workers=1)


@pytest.mark.parametrize("variant", [0, 3])
def test_holds_what_the_backbone_says(dataset, tmp_path, variant):
    backbone = Pool()
    store = open_features(backbone, dataset, SIDE, variant, cache_dir=tmp_path)
    assert store.names == tuple(dataset.pictures)
    assert [level.shape for level in store.levels] == [(30, 3, 6, 6), (30, 3, 3, 3)]
    for row in (0, 13, 29):
        name = store.names[row]
        pair = dataset.picture(name), dataset.labels(name)
        image, labels = vary(*pair, SIDE, seed_of(variant, name)) if variant else squash(*pair, SIDE)
        with torch.no_grad():
            expected = backbone(backbone.normalise(image[None]))
        for level, m in zip(store.levels, expected, strict=True):
            assert level.dtype == np.float16
            assert np.abs(level[row] - m[0].numpy()).max() < 2e-3
        assert np.array_equal(store.labels[row], labels.numpy())
        thumb = store.thumbs[row].astype(int)
        assert thumb.shape == (96, 96, 3)
        assert abs(thumb.mean() - image.float().mean().item()) < 3
        for value in range(5):
            assert store.counts[row, value] == (labels == value).sum()


def test_second_start_computes_nothing(dataset, tmp_path):
    first = open_features(Pool(), dataset, SIDE, cache_dir=tmp_path)
    again = Pool()
    second = open_features(again, dataset, SIDE, cache_dir=tmp_path)
    assert again.seen == 0
    assert np.array_equal(first.levels[0], second.levels[0])


def test_goes_on_where_it_was_killed(dataset, tmp_path):
    whole = open_features(Pool(), dataset, SIDE, 1, cache_dir=tmp_path / "whole")
    with pytest.raises(MemoryError):
        open_features(Pool(dies_at=20), dataset, SIDE, 1, cache_dir=tmp_path / "part")
    left = Pool()
    store = open_features(left, dataset, SIDE, 1, cache_dir=tmp_path / "part")
    assert left.seen <= 30 - 16 + 1  # one picture to learn the shapes
    for one, other in zip(store.levels, whole.levels, strict=True):
        assert np.array_equal(one, other)
    assert np.array_equal(store.labels, whole.labels)
    assert np.array_equal(store.counts, whole.counts)


def test_half_allocated_is_begun_again(dataset, tmp_path):
    folder = tmp_path / "features" / store_key(Pool(), dataset, SIDE, 0)
    folder.mkdir(parents=True)
    (folder / "level0.npy").write_bytes(b"\x93NUMPY half")
    store = open_features(Pool(), dataset, SIDE, cache_dir=tmp_path)
    assert store.levels[0].any()


def test_key_names_all_that_matters(dataset, tmp_path):
    key = store_key(Pool(), dataset, SIDE, 0)
    assert store_key(Pool(), dataset, SIDE, 0) == key
    other = open_dataset(f"folder:{make_boxes(tmp_path / 'b', 30, seed=1)}", cache_dir=tmp_path, workers=1)
    differing = [
        store_key(Pool(0.5), dataset, SIDE, 0),
        store_key(Pool(), dataset, SIDE, 1),
        store_key(Pool(), dataset, 64, 0),
        store_key(Pool(), other, SIDE, 0),
    ]
    assert len({key, *differing}) == 5
    picture = next(iter(dataset.pictures.values())).picture
    picture.write_bytes(picture.read_bytes() + b"x")
    assert store_key(Pool(), dataset, SIDE, 0) != key


def test_a_broken_picture_is_one_sentence(dataset, tmp_path):
    culprit = list(dataset.pictures.values())[20].picture
    culprit.write_bytes(culprit.read_bytes()[:300])
    with pytest.raises(PictureError) as raised:
        open_features(Pool(), dataset, SIDE, cache_dir=tmp_path)
    assert culprit.name in str(raised.value)
    assert "\n" not in str(raised.value)


def test_picture_and_labels_of_two_sizes(dataset, tmp_path):
    items = list(dataset.pictures.values())
    Image.new("RGB", (33, 20)).save(items[2].picture)
    with pytest.raises(DataError, match=r"picture '002' is 33×20 and its labels 90×72"):
        open_features(Pool(), dataset, SIDE, cache_dir=tmp_path)


def test_says_what_the_disk_lacks(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 8, 1000))
    with pytest.raises(OutputError, match=r"need 0\.0 GB .*name another --cache-dir"):
        open_features(Pool(), dataset, SIDE, cache_dir=tmp_path)
    assert not list((tmp_path / "features").glob("*/*.npy"))


def test_damage_is_named(dataset, tmp_path):
    open_features(Pool(), dataset, SIDE, cache_dir=tmp_path)
    folder = tmp_path / "features" / store_key(Pool(), dataset, SIDE, 0)
    (folder / "labels.npy").unlink()
    with pytest.raises(DataError, match=r"is damaged .* delete that folder"):
        open_features(Pool(), dataset, SIDE, cache_dir=tmp_path)
