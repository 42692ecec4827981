"""What is remembered of the things in training pictures: typical scores, of training pictures alone."""

import copy
import dataclasses

import pytest
import torch
import torch.nn.functional as F

from asgnet.model.default.imagenet import SCORES
from asgnet.model.paper.asgnet import ASGNet
from asgnet.study.sampling.material import cut_folds, prepare
from asgnet.study.sampling.source import held_out
from asgnet.study.training.reference_bank import known_kinds


@pytest.fixture(scope="module")
def net():
    return ASGNet.from_preset("default").eval()


@pytest.fixture
def source(boxes, cache_dir, tiny, net):
    """The boxes without red and green."""
    material = prepare([boxes], cut_folds([boxes], "2-fold", 0), tiny, net.backbone, cache_dir=cache_dir)
    return material.train[0]


def parts_of(net, source):
    """Each allowed class of each training picture, one at a time."""
    store, found = source.stores[0], []
    for c, rows in source.shown[0].items():
        for row in rows:
            deepest = torch.from_numpy(store.levels[-1][row]).float()[None]
            found.append(
                net.imagenet(deepest, torch.from_numpy(store.labels[row] == c)[None, None].float())[0]
            )
    return torch.stack(found)


def test_few_parts_are_remembered_as_they_are(net, source, tiny, boxes):
    """Blue and yellow of the training pictures: no tested class, no void rim, nothing held out."""
    held = held_out(tuple(boxes.pictures), tiny.held_out)
    names = [name for name, out in zip(boxes.pictures, held, strict=True) if not out]
    count = sum(boxes.pixels(name, c) > 0 for name in names for c in (3, 4))
    assert 2 < count < len(net.reference_bank)
    known = known_kinds(net, [source], tiny.side)
    assert known.shape == net.reference_bank.shape
    filled, parts = known[known.any(1)], parts_of(net, source)
    assert len(filled) == count
    torch.testing.assert_close((parts @ filled.T).amax(1), torch.ones(len(parts)))


def test_of_many_pictures_some_are_looked_at(net, source, tiny, monkeypatch):
    monkeypatch.setattr("asgnet.study.training.reference_bank.PICTURES", 2)
    known = known_kinds(net, [source], tiny.side)
    filled = known[known.any(1)]
    assert 2 <= len(filled) <= 4  # a picture shows one or two
    assert torch.equal(known, known_kinds(net, [source], tiny.side))


def test_a_part_that_squashing_loses_is_none(net, source, tiny):
    gone = dataclasses.replace(source, stores=())
    thin = {3: gone.shown[0][3], 4: gone.shown[0][3]}  # no yellow in most of them
    known = known_kinds(net, [dataclasses.replace(gone, shown=(thin,))], tiny.side)
    blue = known_kinds(net, [dataclasses.replace(gone, shown=({3: thin[3]},))], tiny.side)
    yellow = sum(gone.dataset.pixels(list(gone.dataset.pictures)[row], 4) > 0 for row in thin[3])
    assert known.any(1).sum() == blue.any(1).sum() + yellow


def test_of_many_parts_the_centres_are(net, source, tiny):
    net = copy.deepcopy(net)
    net.reference_bank = net.reference_bank[:2]
    known = known_kinds(net, [source], tiny.side)
    assert known.shape == (2, SCORES)
    torch.testing.assert_close(known.norm(dim=1), torch.ones(2))
    assert torch.equal(known, known_kinds(net, [source], tiny.side))
    own = parts_of(net, source)
    apart = (own @ F.normalize(own.mean(0), dim=0)).mean()
    assert (own @ known.T).amax(1).mean() > apart  # two centres are nearer than one


def test_without_a_cache_the_backbone_looks_itself(net, source, tiny):
    seen = known_kinds(net, [dataclasses.replace(source, stores=())], tiny.side)
    cached = known_kinds(net, [source], tiny.side)
    closest = (seen[seen.any(1)] @ cached.T).amax(1)
    torch.testing.assert_close(closest, torch.ones_like(closest), atol=1e-3, rtol=0)  # float16 in the cache
