"""Windows around objects, what they are drawn from, and their store."""

import numpy as np
import pytest
from PIL import Image

from asgnet.errors import DataError
from asgnet.model.prompts.channels import READ
from asgnet.study.sampling import window_store
from asgnet.study.sampling.prompt_sources import prompt_sources, trained
from asgnet.study.sampling.windows import Source, draw_window, made, read

ROOMS = ("CCP", "LabelMeFacade", "regions", "particles", "weeds", "worlds/one")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder laid out as the sources want it, a picture of two squares in each."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    labels = np.zeros((90, 120), np.uint8)
    labels[10:50, 10:60], labels[10:50, 60:70], labels[60:80, 80:110] = 1, 255, 1
    picture = rng.integers(0, 90, (90, 120, 3)).astype(np.uint8) + 150 * (labels[..., None] == 1)
    places = [("VOC2012/JPEGImages", "VOC2012/SegmentationClassAug")]
    masks = {"regions": "segments", "particles": "instances"}
    places += [(f"{room}/images", f"{room}/{masks.get(room, 'masks')}") for room in ROOMS]
    for pictures, kept in places:
        for folder in (pictures, kept):
            (root / folder).mkdir(parents=True)
        for name in ("a", "b", "c"):
            Image.fromarray(picture.astype(np.uint8)).save(root / pictures / f"{name}.jpg")
            Image.fromarray(labels).save(root / kept / f"{name}.png")
    (root / "VOC2012/ImageSets/Segmentation").mkdir(parents=True)
    (root / "VOC2012/ImageSets/Segmentation/train.txt").write_text("a\nb\n")
    return root


def test_pieces_are_numbered_and_ignored_pixels_are_none(data):
    folder = data / "CCP"
    _, pieces = read(folder / "images/a.jpg", folder / "masks/a.png", False)
    assert sorted(np.unique(pieces)) == [-1, 0, *sorted({pieces[20, 20], pieces[70, 90]})]
    assert pieces[20, 20] != pieces[70, 90]
    assert pieces[20, 65] == -1
    _, pieces = read(folder / "images/a.jpg", folder / "masks/a.png", True)
    assert pieces.min() > 0  # the background is a piece, too


def test_a_window_shows_its_object(data):
    source = Source(((data / "CCP/images/a.jpg", data / "CCP/masks/a.png"),), 1.0)
    rng = np.random.default_rng(0)
    for _ in range(20):
        window = draw_window([source], rng)
        assert window.picture.shape == (256, 256, 3)
        assert window.labels.shape == (128, 128)
        assert 24 <= (window.labels == 1).sum() < 128**2
        assert set(np.unique(window.labels)) <= {0, 1, 2, 255}
    picture, pieces = made([source], rng)
    assert picture.shape[:2] == pieces.shape
    assert picture.dtype == np.uint8


def test_what_is_measured_is_left_out(data):
    sources = prompt_sources(data)
    assert sum(source.part for source in sources) < 1
    names = {
        pair[0].parent.parent.name: [p.stem for p, _ in source.pairs]
        for source in sources
        for pair in source.pairs
    }
    assert names["particles"] == ["a", "c"]
    assert names["weeds"] == ["a", "b"]
    assert names["VOC2012"] == ["a", "b"]
    assert trained([(1, 1), (2, 2), (3, 3)], 2) == ((1, 1), (3, 3))
    with pytest.raises(DataError, match="has no folder VOC2012"):
        prompt_sources(data / "CCP")


def test_a_shard_is_made_once_and_follows_from_its_number(data, tmp_path, monkeypatch):
    monkeypatch.setattr(window_store, "SIZE", 3)
    sources = prompt_sources(data)
    window_store.make_shards(sources, tmp_path / "one", 2)
    again = tmp_path / "two"
    window_store.make_shards(sources, again, 2)
    first, second = (window_store.read_shard(folder / "00001.npz") for folder in (tmp_path / "one", again))
    assert set(first) == {"labels", "whole", *READ}
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name])
    assert first["fine_1"].shape == (3, 24, 64, 64)
    before = (again / "00000.npz").stat().st_mtime_ns
    window_store.make_shards(sources, again, 2)
    assert (again / "00000.npz").stat().st_mtime_ns == before
