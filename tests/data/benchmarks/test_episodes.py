"""Folds, drawn episodes, frozen lists."""

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asgnet.data.benchmarks.dataset import Dataset
from asgnet.data.benchmarks.episodes import WayEpisode, draw, draw_absent, load
from asgnet.data.benchmarks.folds import classes_with, novel_images, open_fold
from asgnet.data.benchmarks.layouts import Item
from asgnet.errors import DataError, UsageError


def dataset(classes=4, per_class=8, pixels=4000, name="toy", extra=()):
    """Pictures that each show one class; ``extra`` adds (name, counts)."""
    counts = {f"{c}-{n}": {0: 90_000, c: pixels} for c in range(1, classes + 1) for n in range(per_class)}
    counts |= dict(extra)
    counts = dict(sorted(counts.items()))
    pictures = {picture: Item(picture, Path(picture), Path(picture)) for picture in counts}
    return Dataset(name, {c: f"class {c}" for c in range(1, classes + 1)}, pictures, counts)


def test_pascal_folds_are_blocks_of_five():
    voc = dataset(20)
    assert [open_fold(voc, "pascal-5i", i).test for i in (0, 3)] == [(1, 2, 3, 4, 5), (16, 17, 18, 19, 20)]
    assert open_fold(voc, "pascal-5i", 1).base == (*range(1, 6), *range(11, 21))


def test_coco_has_two_conventions_and_one_must_be_named():
    coco = dataset(80, 1)
    fourth = open_fold(coco, "coco-20i", 1, convention="every-fourth")
    assert fourth.test == tuple(range(2, 81, 4))
    assert "every-fourth" in fourth.name
    assert open_fold(coco, "coco-20i", 1, convention="contiguous").test == tuple(range(21, 41))
    with pytest.raises(UsageError, match="two class conventions"):
        open_fold(coco, "coco-20i", 1)


@given(st.integers(2, 30), st.integers(2, 9), st.sampled_from(["contiguous", "every-fourth"]))
def test_n_folds_cut_the_classes_evenly(classes, folds, convention):
    if folds > classes:
        return
    data = dataset(classes, 1)
    parts = [open_fold(data, f"{folds}-fold", i, convention=convention) for i in range(folds)]
    assert sorted(c for part in parts for c in part.test) == list(range(1, classes + 1))
    assert max(len(p.test) for p in parts) - min(len(p.test) for p in parts) <= 1
    assert all(sorted(p.test + p.base) == list(range(1, classes + 1)) for p in parts)


@pytest.mark.parametrize(
    ("protocol", "number", "convention", "error", "said"),
    [
        ("pascal-5i", 0, None, DataError, "cuts 20 classes, and toy has 4; take 4-fold"),
        ("all", 0, "contiguous", UsageError, "cut by no convention"),
        ("4-fold", 4, None, UsageError, "folds 0 to 3"),
        ("5-fold", 0, None, UsageError, "too few"),
        ("ade", 0, None, UsageError, "no protocol 'ade'"),
        ("all", 1, None, UsageError, "only fold 0"),
        ("4-fold", 0, "random", UsageError, "no fold convention 'random'"),
    ],
)
def test_a_wrong_fold_is_named(protocol, number, convention, error, said):
    with pytest.raises(error, match=said):
        open_fold(dataset(), protocol, number, convention=convention)


@pytest.mark.parametrize(("classes", "advice"), [(3, "3-fold"), (1, "all")])
def test_the_protocol_that_is_advised_exists(classes, advice):
    data = dataset(classes)
    with pytest.raises(DataError, match=f"take {advice} instead"):
        open_fold(data, "pascal-5i")
    assert open_fold(data, advice).test


def test_classes_with_too_few_pictures_are_left_out_or_refused():
    data = dataset(3, extra=[("x", {1: 5000})])
    assert classes_with(data, (1, 2, 3), 9, min_pixels=2048) == (1,)
    with pytest.raises(DataError, match=r"fold 0 none has 14 pictures of 2048.*class 1 9"):
        classes_with(data, (1, 2, 3), 14, min_pixels=2048, title="fold 0")


def test_novel_pictures_are_kept_or_dropped():
    data = dataset(2, 1, extra=[("both", {1: 1, 2: 9000}), ("none", {0: 9})])
    assert novel_images(data, (1,), "keep") == ("1-0", "2-0", "both", "none")
    assert novel_images(data, (1,), "drop") == ("2-0", "none")
    with pytest.raises(UsageError, match="keep or drop"):
        novel_images(data, (1,), "hide")


def test_a_drawn_list_never_changes():
    """Written down once: another machine, Python or numpy must draw the same."""
    episodes = draw(dataset(), (1, 2, 3, 4), 2, 3, seed=0).episodes
    assert [(e.target, e.query, e.supports) for e in episodes] == [
        (3, "3-1", ("3-4", "3-2")),
        (1, "1-1", ("1-4", "1-6")),
        (1, "1-3", ("1-1", "1-7")),
    ]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 7), st.integers(0, 1000), st.integers(1, 40))
def test_laws_of_a_draw(shots, seed, count):
    data = dataset(3, extra=[("small", {1: 2047}), ("large", {1: 2048})])
    listed = draw(data, (1, 2, 3), shots, count, seed)
    assert listed == draw(data, (3, 2, 1), shots, count, seed)
    for episode in listed.episodes:
        names = {episode.query, *episode.supports}
        assert len(names) == shots + 1 == len(episode.supports) + 1
        assert "small" not in names
        assert all(data.pixels(name, episode.target) >= 2048 for name in names)
    fewer = draw(data, (1, 2, 3), 1, count, seed).episodes
    assert [(e.target, e.query, e.supports[:1]) for e in listed.episodes] == [
        (e.target, e.query, e.supports) for e in fewer
    ]


def test_classes_weigh_the_same_however_rare():
    data = dataset(2, 3, extra=[(f"1-more-{n}", {1: 5000}) for n in range(60)])
    drawn = Counter(e.target for e in draw(data, (1, 2), 1, 2000).episodes)
    assert abs(drawn[1] - 1000) < 120  # 5 sigma
    queries = Counter(e.query for e in draw(data, (2,), 1, 3000).episodes)
    assert all(abs(queries[f"2-{n}"] - 1000) < 140 for n in range(3))


def test_another_seed_and_another_dataset_draw_another_list():
    lists = [draw(dataset(per_class=p), (1, 2), 1, 5, seed) for p, seed in ((8, 0), (8, 1), (9, 0))]
    assert len({e.episodes for e in lists}) == 3
    assert len({e.hash for e in lists}) == 3


def test_several_ways():
    listed = draw(dataset(), (1, 2, 3, 4), 2, 50, ways=3)
    for episode in listed.episodes:
        assert isinstance(episode, WayEpisode)
        assert len(set(episode.targets)) == 3
        assert episode.query.startswith(f"{episode.targets[0]}-")
        for target, names in zip(episode.targets, episode.supports, strict=True):
            assert len({*names, episode.query}) == 3
            assert all(name.startswith(f"{target}-") for name in names)


def test_absent_pictures_do_not_show_the_class():
    data = dataset(2, extra=[("trace", {1: 1, 2: 1})])
    listed = draw(data, (1, 2), 1, 40)
    absent = draw_absent(data, listed)
    assert absent == draw_absent(data, listed)
    assert all(data.pixels(name, e.target) == 0 for name, e in zip(absent, listed.episodes, strict=True))
    assert len(set(absent)) > 4
    only = dataset(1)
    assert draw_absent(only, draw(only, (1,), 1, 2)) == (None, None)


@pytest.mark.parametrize("ways", [1, 2])
def test_a_saved_list_is_replayed(tmp_path, ways):
    data = dataset()
    listed = draw(data, (1, 2, 3, 4), 2, 20, ways=ways, protocol="4-fold fold 0")
    listed.save(tmp_path / "list.jsonl")
    again = load(tmp_path / "list.jsonl", data)
    assert again == listed
    assert again.hash == listed.hash
    head, *rows = map(json.loads, (tmp_path / "list.jsonl").read_text().splitlines())
    assert head["sha256"] == listed.hash
    assert head["protocol"] == "4-fold fold 0"
    assert len(rows) == 20


def test_the_hash_does_not_know_the_folders_name(tmp_path):
    lists = [draw(dataset(name=name), (1, 2), 1, 5) for name in ("here", "there")]
    assert lists[0].hash == lists[1].hash
    lists[0].save(tmp_path / "list.jsonl")
    assert load(tmp_path / "list.jsonl", dataset(name="there")).dataset == "here"


def spoil_query(text):
    lines = text.splitlines()
    row = json.loads(lines[1])
    row["query"] = "1-7" if row["query"] != "1-7" else "1-6"
    return "\n".join([lines[0], json.dumps(row), *lines[2:]])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoil_query, "was altered"),
        (lambda text: "\n".join(text.splitlines()[:-1]), "was altered"),
        (lambda text: text.replace('"seed": 0', '"seed": 1'), "was altered"),
        (lambda text: text[:60], "no episode list"),
        (lambda text: "", "no episode list"),
        (lambda text: '{"format": "other"}\n', "no episode list"),
        (lambda text: "[1]\n[2]", "no episode list"),
    ],
)
def test_an_altered_list_is_refused(tmp_path, spoil, said):
    file = tmp_path / "list.jsonl"
    draw(dataset(), (1, 2), 1, 5).save(file)
    file.write_text(spoil(file.read_text()))
    with pytest.raises(DataError, match=said) as refused:
        load(file)
    assert str(refused.value).count(".\n") == 0


def test_a_list_of_another_dataset_is_refused(tmp_path):
    draw(dataset(), (1, 2), 1, 5).save(tmp_path / "list.jsonl")
    with pytest.raises(DataError, match="other pictures or labels than toy has here"):
        load(tmp_path / "list.jsonl", dataset(per_class=9))
    with pytest.raises(DataError, match="cannot be read"):
        load(tmp_path / "nowhere.jsonl")


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"shots": 0}, UsageError, "at least 1"),
        ({"count": 0}, UsageError, "at least 1"),
        ({"ways": 5}, DataError, "5 ways need 5 classes"),
        ({"shots": 8}, DataError, "none has 9 pictures"),
        ({"min_pixels": 4001}, DataError, "none has 2 pictures of 4001"),
    ],
)
def test_what_cannot_be_drawn_is_said(options, error, said):
    with pytest.raises(error, match=said):
        draw(dataset(), (1, 2, 3, 4), **{"shots": 1, "count": 5} | options)


def test_walking_asks_about_picture_after_picture():
    data = dataset(3, 4, extra=[("0-both", {0: 9, 1: 5000, 2: 30}), ("0-small", {0: 9, 1: 30})])
    walked = draw(data, [1, 2], 2, 20, order="pictures")
    there = [name for name in data.pictures if name == "0-both" or name[0] in "12"]
    assert [one.query for one in walked.episodes] == [there[i % len(there)] for i in range(20)]
    assert all(data.pixels(one.query, one.target) >= 2048 for one in walked.episodes)
    assert all(one.query not in one.supports for one in walked.episodes)
    any_area = draw(data, [1, 2], 1, 180, order="pictures", query_pixels=1)
    assert {one.target for one in any_area.episodes if one.query == "0-both"} == {1, 2}
    assert all(data.pixels(name, one.target) >= 2048 for one in any_area.episodes for name in one.supports)


def test_queries_may_show_less_than_supports(tmp_path):
    data = dataset(2, 4, extra=[("1-small", {0: 9, 1: 30})])
    listed = draw(data, [1, 2], 1, 60, query_pixels=1)
    assert any(one.query == "1-small" for one in listed.episodes)
    assert not any("1-small" in one.supports for one in listed.episodes)
    listed.save(tmp_path / "list.jsonl")
    again = load(tmp_path / "list.jsonl", data)
    assert again == listed
    assert (again.order, again.query_pixels) == ("classes", 1)
    assert listed.hash != draw(data, [1, 2], 1, 60).hash


def test_several_ways_are_drawn_the_usual_way_only():
    with pytest.raises(UsageError, match="several ways"):
        draw(dataset(), [1, 2], 1, 3, ways=2, order="pictures")
