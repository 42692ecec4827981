"""Training episodes: the right pictures, the right masks, the same on every run."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asgnet.errors import DataError
from asgnet.model.paper.asgnet import ASGNet
from asgnet.study.sampling.feature_store import open_features
from asgnet.study.sampling.material import validation_episodes
from asgnet.study.sampling.readers import FeatureReader
from asgnet.study.sampling.sampler import Drawn, DrawnPicture, Sampler
from asgnet.study.sampling.source import held_out, make_source, usable


@pytest.fixture(scope="module")
def stores(boxes, cache_dir):
    backbone = ASGNet.from_preset("default").backbone
    return [open_features(backbone, boxes, 64, variant, cache_dir=cache_dir) for variant in (0, 1)]


@pytest.fixture(scope="module")
def allowed(boxes):
    return ~held_out(tuple(boxes.pictures), 3)


@pytest.fixture(scope="module")
def sampler_of(boxes, stores, allowed, tiny):
    def make(seed=0, classes=(1, 2, 3), **changes):
        recipe = tiny.model_copy(update=changes)
        return Sampler([make_source(boxes, stores, allowed, classes, recipe)], recipe, seed)

    return make


def batch_of(sampler, step, first, count):
    return FeatureReader(sampler.sources)(sampler.episodes(step, first, count))


def test_held_out_follows_from_the_name_alone():
    names = [f"p{i}" for i in range(4000)]
    aside = held_out(names, 20)
    assert 140 < aside.sum() < 260
    assert np.array_equal(held_out(names[::-1], 20)[::-1], aside)
    assert list(held_out(names[10:20], 20)) == list(aside[10:20])


@settings(max_examples=60, deadline=None)
@given(step=st.integers(0, 10**6), number=st.integers(0, 100), shots=st.integers(1, 5))
def test_classes_and_pictures_are_the_allowed_ones(sampler_of, boxes, allowed, step, number, shots):
    sampler = sampler_of(pseudo=0.0, absent=0.0, unions=0.0)
    drawn = sampler.draw(step, number, shots)
    rows = [view.row for view in drawn.pictures]
    assert len(set(rows)) == shots + 1
    assert allowed[rows].all()
    assert len(drawn.classes) == 1
    assert set(drawn.classes) <= {1, 2, 3}
    for view in drawn.pictures[1:]:
        assert sampler.sources[0].counts[view.variant][view.row, drawn.classes[0]] >= 20
    assert sampler.draw(step, number, shots) == drawn


def test_batches_do_not_depend_on_how_they_are_split(sampler_of):
    """Two processes with half the batch see the batch of one."""
    sampler = sampler_of()
    whole = batch_of(sampler, 7, 0, 4)
    halves = batch_of(sampler, 7, 0, 2), batch_of(sampler, 7, 2, 2)
    for name in ("masks", "target"):
        assert torch.equal(getattr(whole, name), torch.cat([getattr(half, name) for half in halves]))
    for part in ("query", "supports"):
        for level, *split in zip(*(getattr(b, part) for b in (whole, *halves)), strict=True):
            assert torch.equal(level, torch.cat(split))
    other = batch_of(sampler_of(seed=1), 7, 0, 4)
    assert other.masks.shape != whole.masks.shape or not torch.equal(other.masks, whole.masks)


def test_batch_holds_features_and_masks_of_its_views(sampler_of, stores, boxes):
    sampler = sampler_of()
    views = (DrawnPicture(4, 1, False), DrawnPicture(9, 0, True), DrawnPicture(2, 1, True))
    batch = FeatureReader(sampler.sources)([Drawn(0, views, (1, 3))])
    assert batch.masks.shape == (1, 2, 64, 64)
    assert [m.shape[:2] for m in batch.supports] == [(1, 2)] * 6
    for place, view in enumerate(views):
        store, way = stores[view.variant], slice(None, None, -1 if view.mirror else 1)
        labels = store.labels[view.row][:, way]
        expected = np.where(labels == 255, 255, np.isin(labels, (1, 3)))
        got = batch.target[0] if place == 0 else batch.masks[0, place - 1]
        assert np.array_equal(got.numpy(), expected)
        for level, own in enumerate(store.levels):
            m = batch.query[level][0] if place == 0 else batch.supports[level][0, place - 1]
            assert np.array_equal(m.numpy(), own[view.row][..., way])


def test_shots_come_with_their_odds(sampler_of):
    sampler = sampler_of(shots=(1, 2, 5), odds=(1.0, 2.0, 1.0))
    drawn = [sampler.shots(step) for step in range(2000)]
    for k, odds in ((1, 0.25), (2, 0.5), (5, 0.25)):
        assert abs(drawn.count(k) / 2000 - odds) < 0.04


def test_sources_come_with_their_weights(boxes, stores, allowed, tiny):
    sources = [make_source(boxes, stores, allowed, (1, 2), tiny, weight) for weight in (3.0, 1.0)]
    sampler = Sampler(sources, tiny)
    share = np.mean([sampler.draw(0, number, 1).source == 0 for number in range(400)])
    assert abs(share - 0.75) < 0.08


def test_absent_queries_show_no_object(sampler_of):
    sampler = sampler_of(absent=1.0, pseudo=0.0, unions=0.0)
    for number in range(0, 40, 4):
        batch = batch_of(sampler, 0, number, 4)
        assert not (batch.target == 1).any()
        assert (batch.masks == 1).flatten(2).any(2).all()


def test_unions_are_two_classes(sampler_of):
    drawn = [sampler_of(unions=1.0, pseudo=0.0).draw(0, number, 1).classes for number in range(30)]
    assert {len(classes) for classes in drawn} == {1, 2}  # 1: the same class twice
    assert {(1, 2), (2, 3), (1, 3)} <= set(drawn)


def test_pseudo_objects_are_colours(sampler_of, stores, allowed):
    sampler = sampler_of(pseudo=1.0, alone=0.5)
    drawn = [sampler.draw(1, number, 2) for number in range(40)]
    alone = [len({view.row for view in one.pictures}) == 1 for one in drawn]
    assert 5 < sum(alone) < 36
    for one in drawn:
        assert one.classes == ()
        assert all(mask.shape == (96, 96) for mask in one.masks)
        assert all(0.005 <= (mask == 1).mean() <= 0.85 for mask in one.masks[1:])
        assert allowed[[view.row for view in one.pictures]].all()
    # inside the mask colours are nearer to each other than to those outside
    one = next(one for one in drawn if (one.masks[1] == 1).mean() > 0.1)
    thumb = stores[one.pictures[1].variant].thumbs[one.pictures[1].row].astype(float)
    inside, outside = thumb[one.masks[1] == 1], thumb[one.masks[1] == 0]
    assert inside.std(0).mean() < thumb.reshape(-1, 3).std(0).mean()
    assert np.abs(inside.mean(0) - outside.mean(0)).max() > 5
    batch = FeatureReader(sampler.sources)([one])
    assert batch.target.shape == (1, 64, 64)
    mirrored = one.masks[0][:, ::-1] if one.pictures[0].mirror else one.masks[0]
    index = np.arange(64) * 96 // 64
    assert abs(mirrored[index[:, None], index] == batch.target[0].numpy()).mean() > 0.97


def test_nothing_to_draw_is_said(boxes, stores, allowed, tiny):
    none = make_source(boxes, stores, allowed, (1,), tiny.model_copy(update={"class_pixels": 10**6}))
    with pytest.raises(DataError, match=r"No class of boxes has pictures enough.*class_pixels"):
        usable([none])
    scarce = tiny.model_copy(update={"support_pixels": 10**6, "pseudo": 0.0})
    with pytest.raises(DataError, match="lower support_pixels"):
        Sampler([make_source(boxes, stores, allowed, (1,), scarce)], scarce).draw(0, 0, 1)


def test_validation_takes_classes_in_turn(boxes, stores, allowed, tiny):
    source = make_source(boxes, stores[:1], ~allowed, (1, 2, 3), tiny, fewest=2)
    able = [c for c, rows in source.shown[0].items() if len(rows) > 1]
    episodes = validation_episodes(source, 0, 1, 2 * len(able))
    assert [e.classes[0] for e in episodes] == able * 2
    assert episodes == validation_episodes(source, 0, 1, 2 * len(able))
    assert all(len({v.row for v in e.pictures}) == 2 for e in episodes)
    assert not {v.row for e in episodes for v in e.pictures} & set(np.flatnonzero(allowed))
