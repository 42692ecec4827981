"""Datasets and lists of episodes that are not there, not whole, or not what they say: exit code 2."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.hard.damage import damaged, fuzz, only_ours, placed
from tests.saying import says

from asgnet.data.benchmarks.coco import paint
from asgnet.data.benchmarks.dataset import open_dataset
from asgnet.data.benchmarks.episodes import draw, load
from asgnet.data.benchmarks.index import read_item_labels
from asgnet.data.benchmarks.layouts import Item
from asgnet.errors import DataError
from asgnet.study.sampling.augment import seed_of

H, W = 6, 8
SQUARE = [[1, 1, 5, 1, 5, 5, 1, 5]]


def written(name, data=b""):
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return str(path)


def drawn(name, values=60, size=(H, W)):
    written(name)
    Image.fromarray(np.full(size, values, np.uint8)).save(name)


def folder(files=()):
    """Three pictures with a mask each; then ``files``: name → content."""
    for name in "abc":
        drawn(f"d/images/{name}.png")
        drawn(f"d/masks/{name}.png", 1)
    for name, data in dict(files).items():
        written(f"d/{name}", data)
    return "folder:d"


def content(segmentation=SQUARE, **picture):
    """A COCO file of one picture with one object, as JSON holds it."""
    return {
        "images": [{"id": 1, "file_name": "a.png", "height": H, "width": W, **picture}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 7, "area": 16, "segmentation": segmentation},
        ],
        "categories": [{"id": 7, "name": "mug"}],
    }


def coco(changed):
    drawn("a.png")
    return "folder:" + written("c.json", changed if isinstance(changed, str) else json.dumps(changed))


def voc(val="a\n"):
    drawn("v/JPEGImages/a.png")
    drawn("v/SegmentationClass/a.png", 8)
    for name, names in {"train": "a\n", "val": val}.items():
        written(f"v/ImageSets/Segmentation/{name}.txt", names)
    return "voc:v"


def sbd():
    drawn("s/img/a.png")
    written("s/cls/a.mat", b"MATLAB 5.0 MAT-file, it says" + bytes(200))
    written("s/train.txt", "")
    written("s/val.txt", "a")
    return "voc:s"


CASES = {
    "missing": (lambda: "voc:gone", "gone", "given as voc:PATH"),
    "of no kind": (lambda: "vok:photos", "vok:photos", "given as voc:PATH"),
    "no devkit": (lambda: "voc:photos", "photos", "get it from http"),
    "no COCO": (lambda: "coco2017:photos", "instances_val2017.json", "get it from http"),
    "no FSS-1000": (lambda: "fss1000:photos", "photos", "get it from http"),
    "only pictures": (lambda: "photos", "photos", "give images/ and masks/"),
    "a picture": (lambda: "a.png", "a.png", "export it again"),
    "no mask of that name": (lambda: drawn("e/images/a.png") or drawn("e/masks/b.png") or "e", "e", "a.png"),
    "a mask is text": (lambda: folder({"masks/b.png": "no mask"}), "b", "cannot be read"),
    "a value without a class": (
        lambda: folder({"classes.txt": "null\n\ncup"}), "value 1", "name it in classes.txt"),
    "classes.txt is no text": (lambda: folder({"classes.txt": b"null\ncaf\xe9\n"}), "classes.txt", "UTF-8"),
    "a list is no text": (lambda: folder({"val.txt": b"caf\xe9\n"}), "val.txt", "UTF-8"),
    "a list names what is not there": (lambda: folder({"val.txt": "zebra\n"}), "zebra", "shorten the list"),
    "an empty list": (lambda: folder({"val.txt": ""}), "d", "no labelled picture"),
    "a list of the devkit is no text": (lambda: voc(val=b"\xff\n"), "val.txt", "UTF-8"),
    "the devkit lacks a picture": (lambda: voc(val="a\nb\n"), "first is 'b'", "get it from"),
    "a damaged .mat": (sbd, "a.mat", "SBD"),
    "COCO: cut short": (lambda: coco('{"images": ['), "c.json", "export it again"),
    "COCO: a list": (lambda: coco("[]"), "c.json", "it needs images, annotations and categories"),
    "COCO: nested for ever": (lambda: coco("[" * 100_000), "c.json", "export it again"),
    "COCO: tables are words": (lambda: coco(dict.fromkeys(content(), "x")), "c.json", "format"),
    "COCO: a category without a number": (
        lambda: coco({**content(), "categories": [{"name": "mug"}]}), "c.json", "format"),
    "COCO: an unknown category": (lambda: coco({**content(), "categories": []}), "c.json", "format"),
    "COCO: a name that is a number": (lambda: coco(content(file_name=7)), "c.json", "format"),
    "COCO: a name that climbs out": (lambda: coco(content(file_name="../a.png")), "../a.png", "outside"),
    "COCO: no such picture": (lambda: coco(content(file_name="zebra.png")), "zebra.png", "put them in"),
    "COCO: a size bomb": (lambda: coco(content(height=10**6, width=10**6)), "c.json", "format"),
    "COCO: no pixels": (lambda: coco(content(height=0)), "c.json", "format"),
    "COCO: an outline of words": (lambda: coco(content([["x"] * 6])), "c.json", "format"),
    "COCO: an outline beyond reason": (lambda: coco(content([[1e99, 1, 2, 2, 3, 9]])), "c.json", "format"),
    "COCO: RLE of another size": (
        lambda: coco(content({"size": [2, 2], "counts": [0, 4]})), "c.json", "format"),
    "COCO: RLE too long": (
        lambda: coco(content({"size": [H, W], "counts": [9, 999_999]})), "c.json", "format"),
    "COCO: RLE of rubbish": (lambda: coco(content({"size": [H, W], "counts": "o" * 99})), "c.json", "format"),
}  # fmt: skip


@pytest.fixture
def away(world, tmp_path_factory, monkeypatch):
    """The user's cache, beside the world."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.mark.parametrize("case", CASES)
def test_a_dataset_that_cannot_be_used_is_2_by_name(away, run, refused, case):
    make, culprit, remedy = CASES[case]
    refused(run("episodes", make(), "--out", "x.jsonl", "-n", "2", "--min-pixels", "1"), 2, culprit, remedy)


def listed(run, change=lambda lines: lines):
    """A list of episodes of the folder, its lines changed."""
    folder()
    assert run("episodes", "folder:d", "--out", "x.jsonl", "-n", "2", "--min-pixels", "1").code == 0
    Path("x.jsonl").write_text("\n".join(change(Path("x.jsonl").read_text().splitlines())))
    return "x.jsonl"


def reseeded(lines):
    return [lines[0].replace('"seed": 0', '"seed": 1'), *lines[1:]]


LISTS = {
    "missing": (lambda run: folder() and "gone.jsonl", "gone.jsonl", "cannot be read"),
    "a picture": (lambda run: folder() and "a.png", "a.png", "cannot be read"),
    "text": (lambda run: listed(run, lambda lines: ["dear diary"]), "x.jsonl", "asgnet episodes"),
    "nested for ever": (lambda run: listed(run, lambda lines: ["[" * 100_000]), "x.jsonl", "asgnet episodes"),
    "cut short": (lambda run: listed(run, lambda lines: lines[:-1]), "x.jsonl", "draw it again"),
    "altered": (lambda run: listed(run, reseeded), "x.jsonl", "draw it again"),
    "of another dataset": (lambda run: listed(run) and (drawn("d/masks/c.png", 2) or "x.jsonl"), "x.jsonl",
                           "draw a new list"),
}  # fmt: skip


@pytest.mark.parametrize("case", LISTS)
def test_a_list_of_episodes_that_cannot_be_used_is_2_by_name(away, run, refused, case):
    make, culprit, remedy = LISTS[case]
    refused(run("evaluate", "folder:d", "--list", make(run), "--out", "o"), 2, culprit, remedy)


ODD = ["line\nbreak", "bell\a", "cat 🐈", "of 'mine'", os.fsdecode(b"caf\xe9")]
ANY_FOLDER = {
    "nothing": ("folder", {}, None),
    "no devkit": ("voc", {"a.png": b""}, None),
    "no COCO": ("coco2017", {"a.png": b""}, None),
    "no such part of COCO": ("coco2017", {"a.png": b""}, "test"),
    "only pictures": ("folder", {"a.png": b""}, None),
    "no mask of that name": ("folder", {"images/a.png": b"", "masks/b.png": b""}, None),
    "a list names what is not there": (
        "folder", {"images/a.png": b"", "masks/a.png": b"", "val.txt": b"zebra"}, None),
    "a list is no text": ("folder", {"images/a.png": b"", "masks/a.png": b"", "val.txt": b"\xff"}, None),
    "no such split": ("folder", {"images/a.png": b"", "masks/a.png": b""}, "test"),
    "COCO: cut short": ("folder", {"c.json": b'{"images": ['}, None),
    "COCO: no tables": ("folder", {"c.json": b'{"images": 1}'}, None),
    "COCO: two": ("folder", {"c.json": b'{"images": []}', "d.json": b'{"images": []}'}, None),
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD, ids=["newline", "bell", "emoji", "quote", "bytes"])
@pytest.mark.parametrize("case", ANY_FOLDER)
def test_messages_quote_a_folder_of_any_name(tmp_path, odd, case):
    kind, files, split = ANY_FOLDER[case]
    root = tmp_path / odd
    for name, data in files.items():
        written(root / name, data)
    with pytest.raises(DataError) as error:
        open_dataset(f"{kind}:{root}", split, cache_dir=tmp_path / "cache")
    says(error, repr(str(root))[:-1])


@pytest.mark.parametrize("odd", ODD, ids=["newline", "bell", "emoji", "quote", "bytes"])
@pytest.mark.parametrize("data", [None, b"dear diary", b"\xff"])
def test_messages_quote_a_list_of_any_name(tmp_path, odd, data):
    path = tmp_path / odd if data is None else written(tmp_path / odd, data)
    with pytest.raises(DataError) as error:
        load(path)
    says(error, repr(str(path)))


def test_names_of_datasets_and_classes_are_printable(tmp_path):
    root = tmp_path / "my\ncells"
    for name in ("a\nb", os.fsdecode(b"caf\xe9"), "cup"):
        drawn(root / name / "1.png")
        Image.fromarray(np.eye(H, W, dtype=np.uint8)).save(root / name / "1_mask.png")
    opened = open_dataset(root, cache_dir=tmp_path / "cache", workers=1)
    assert opened.name == r"my\ncells"
    assert sorted(opened.classes.values()) == [r"a\nb", r"caf\udce9", "cup"]


def test_pictures_of_any_name_are_drawn(tmp_path):
    for odd in ODD:
        drawn(tmp_path / "d" / "images" / f"{odd}.png")
        (tmp_path / "d" / "masks").mkdir(exist_ok=True)
        Image.fromarray(np.eye(H, W, dtype=np.uint8)).save(tmp_path / "d" / "masks" / f"{odd}.png")
    opened = open_dataset(tmp_path / "d", cache_dir=tmp_path / "cache", workers=1)
    listed = draw(opened, [1], shots=1, count=5, min_pixels=1)
    listed.save(tmp_path / "x.jsonl")
    assert load(tmp_path / "x.jsonl", opened).episodes == listed.episodes
    assert seed_of(0, ODD[-1]) != seed_of(0, ODD[0])


def test_a_mask_of_another_size_than_its_picture_ends_the_measurement_by_name(away, run, refused):
    folder()
    for name in "abc":
        drawn(f"d/masks/{name}.png", 1, (H, W + 3))
    ended = run("evaluate", "folder:d", "-n", "2", "--min-pixels", "1", "--no-boundary", "--out", "o")
    refused(ended, 2, "8×6 and its labels 11×6", "make them one size")


@fuzz
@given(st.data())
def test_any_coco_json(tmp_path, data):
    anything = st.none() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers(-9, 99))
    file = tmp_path / "c.json"
    value = placed(data.draw, content(), anything)
    file.write_bytes(data.draw(damaged([json.dumps(value).encode()])) or b"{}")
    Image.fromarray(np.zeros((H, W), np.uint8)).save(tmp_path / "a.png")
    only_ours(lambda: open_dataset(f"folder:{file}", cache_dir=tmp_path / "cache", workers=1))


@fuzz
@given(damaged([b"null\nmug\ncup\n"]), damaged([b"a\nb\n"]))
def test_any_list_beside_a_folder(tmp_path, classes, split):
    for part in ("images", "masks"):
        (tmp_path / part).mkdir(exist_ok=True)
        for name in "ab":
            Image.fromarray(np.ones((H, W), np.uint8)).save(tmp_path / part / f"{name}.png")
    (tmp_path / "classes.txt").write_bytes(classes)
    (tmp_path / "val.txt").write_bytes(split)
    only_ours(lambda: open_dataset(f"folder:{tmp_path}", cache_dir=tmp_path / "cache", workers=1))


@fuzz
@given(st.data())
def test_any_mat_file(tmp_path, data):
    from scipy.io import savemat

    savemat(
        tmp_path / "a.mat", {"GTcls": {"Segmentation": np.eye(H, W, dtype=np.uint8)}}, do_compression=True
    )
    whole = (tmp_path / "a.mat").read_bytes()
    (tmp_path / "a.mat").write_bytes(data.draw(damaged([whole])))
    only_ours(read_item_labels, Item("a", tmp_path / "a.png", tmp_path / "a.mat"))


@fuzz
@given(st.data())
def test_any_list_of_episodes(tmp_path, data):
    head = {
        "format": "asgnet episodes 1", "dataset": "d", "dataset_hash": "0", "classes": {"1": "mug"},
        "protocol": "all", "shots": 1, "ways": 1, "seed": 0, "min_pixels": 1, "count": 1, "sha256": "0",
    }  # fmt: skip
    rows = [head, {"target": 1, "query": "a", "supports": ["b"]}]
    anything = st.none() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers())
    rows = [placed(data.draw, row, anything) for row in rows]
    lines = "\n".join(json.dumps(row) for row in rows).encode()
    (tmp_path / "x.jsonl").write_bytes(data.draw(damaged([lines])))
    assert only_ours(load, tmp_path / "x.jsonl") is None  # its signature is wrong in any case


def test_small_rings_of_the_official_files_enclose_nothing():
    """COCO has outlines of two points; pycocotools would take one for a box."""
    assert paint((H, W), ((1, 4.0, False, [[1, 1, 3, 3], [1, 1, 5, 1, 5, 5, 1, 5]]),)).sum() == 16
    assert paint((H, W), ((1, 4.0, False, [[1, 1, 3, 3]]),)).sum() == 0
