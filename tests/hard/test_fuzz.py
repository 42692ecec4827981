"""Bytes that nobody meant: every parser answers with one of our errors or with something it understood.

ASGNET_FUZZ=200 multiplies the examples (``make fuzz``).
"""

from __future__ import annotations

import io
import json
import string
import tomllib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.hard.damage import damaged, fuzz, only_ours, placed

from asgnet.apply.batch.manifest import Manifest
from asgnet.apply.concept.file import Concept
from asgnet.data.annotations import brush_rle, read_annotations
from asgnet.data.listing import read_list
from asgnet.data.names import read_names
from asgnet.data.read import frame_count, read_mask
from asgnet.model.checkpoint import load_weights
from asgnet.model.published import load_published
from asgnet.serving.uploads import labels_of, picture_of
from asgnet.study.recipe import Recipe, load_recipe, parse_changes

pytestmark = pytest.mark.filterwarnings("ignore")


def encoded(kind: str) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (9, 11, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


KINDS = [
    "JPEG",
    "PNG",
    "WEBP",
    "GIF",
    "BMP",
    "TIFF",
    "PPM",
    "AVIF",
    "JPEG2000",
    "ICO",
    "PCX",
    "SGI",
    "TGA",
    "DDS",
]
WHOLE = [encoded(kind) for kind in KINDS]


@fuzz
@given(damaged(WHOLE) | st.binary(max_size=60))
def test_pictures_and_masks(data):
    picture = only_ours(picture_of, data, "a.jpg")
    assert picture is None or (picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3)
    mask = only_ours(read_mask, io.BytesIO(data))
    assert mask is None or set(np.unique(mask)) <= {0, 1, 255}
    only_ours(labels_of, data, (9, 11), 2, "m.png")


@fuzz
@given(damaged(WHOLE))
def test_frames(tmp_path, data):
    for name in ("a.gif", "a.mp4"):
        (tmp_path / name).write_bytes(data)
        only_ours(frame_count, tmp_path / name)


WORDS = """shapes label points shape_type mask images annotations categories id name image_id category_id
    segmentation counts size file_name height width data result value rle brushlabels original_width
    polygonlabels original_height type imageHeight imageWidth x y rectanglelabels ellipselabels radiusX
    iscrowd"""
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just("polygon"),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.sampled_from(WORDS.split()), inner),
    max_leaves=30,
)
SQUARE = [[1, 1], [6, 1], [6, 6]]
BRUSH = brush_rle(np.eye(9, 11, dtype=bool))
LABELLED = [
    {"shapes": [{"label": "a", "points": SQUARE, "shape_type": "polygon"}],
     "imageHeight": 9, "imageWidth": 11},
    {"shapes": [{"label": "a", "points": SQUARE[:2], "shape_type": "mask", "mask": "AAAA"}]},
    {"images": [{"id": 1, "file_name": "a", "height": 9, "width": 11}],
     "categories": [{"id": 1, "name": "a"}],
     "annotations": [{"image_id": 1, "category_id": 1, "segmentation": [[1, 1, 6, 1, 6, 6]]},
                     {"image_id": 1, "category_id": 1, "segmentation": {"size": [9, 11], "counts": [9, 90]}},
                     {"image_id": 1, "category_id": 1, "segmentation": {"size": [9, 11], "counts": "9j2"}}]},
    [{"data": {"image": "a"}, "annotations": [{"result": [
        {"type": "brushlabels", "original_width": 11, "original_height": 9,
         "value": {"format": "rle", "rle": BRUSH, "brushlabels": ["a"]}},
        {"type": "ellipselabels", "original_width": 11, "original_height": 9,
         "value": {"x": 1, "y": 2, "radiusX": 3, "radiusY": 4, "ellipselabels": ["a"]}}]}]}],
]  # fmt: skip


@st.composite
def documents(draw) -> bytes:
    value = placed(draw, draw(st.sampled_from(LABELLED)), VALUES)
    return json.dumps(value).encode()


@fuzz
@given(
    documents()
    | VALUES.map(lambda v: json.dumps(v).encode())
    | damaged([json.dumps(v).encode() for v in LABELLED])
)
def test_annotation_files(tmp_path, data):
    file = tmp_path / "a.json"
    file.write_bytes(data)
    found = only_ours(read_annotations, file)
    for picture in found.pictures if found else ():
        masks = only_ours(picture.masks, (9, 11), "'a.json'") or {}
        assert all(mask.shape == (9, 11) and set(np.unique(mask)) <= {0, 1, 255} for mask in masks.values())


@fuzz
@given(
    damaged([b"0 0.1 0.1 0.9 0.1 0.9 0.9\n1 .2 .2 .3 .4 .5 .6\n"]) | st.text(string.printable).map(str.encode)
)
def test_yolo_labels_and_lists_of_names(tmp_path, data):
    (tmp_path / "a.txt").write_bytes(data)
    found = only_ours(read_annotations, tmp_path / "a.txt")
    if found:
        only_ours(found.pictures[0].masks, (9, 11), "'a.txt'")
    for name in ("data.yaml", "labelmap.txt"):
        (tmp_path / name).write_bytes(data)
        only_ours(read_names, tmp_path / name)
        (tmp_path / name).unlink()
    read_list(data)


def saved(tmp) -> bytes:
    Concept(("a",), {"x": np.ones((1, 3), np.float32)}, "0" * 64, ("1",), (1,)).save(tmp / "c")
    return (tmp / "c").read_bytes()


@fuzz
@given(st.data())
def test_concepts(tmp_path, data):
    (tmp_path / "d").write_bytes(data.draw(damaged([saved(tmp_path)])))
    only_ours(Concept.load, tmp_path / "d")


CONFIG = json.dumps(
    {"backbone": "lite0", "decoder": "weigh", "levels": [1, 2, 3, 4, 5, 6], "channels": 8}
).encode()


@settings(fuzz, max_examples=max(5, fuzz.max_examples // 10))  # each builds a network
@given(damaged([CONFIG]) | st.dictionaries(st.text(max_size=5), VALUES).map(lambda v: json.dumps(v).encode()))
def test_weights_folders(tmp_path, data):
    (tmp_path / "config.json").write_bytes(data)
    (tmp_path / "model.safetensors").write_bytes(data)
    assert only_ours(load_weights, tmp_path) is None
    (tmp_path / "a.pth").write_bytes(data)
    assert only_ours(load_published, tmp_path / "a.pth") is None


@fuzz
@given(damaged([Recipe().toml().encode()]) | st.text(max_size=80).map(lambda t: t.encode("utf-8", "replace")))
def test_recipes(tmp_path, data):
    (tmp_path / "r.toml").write_bytes(data)
    found = only_ours(load_recipe, tmp_path / "r.toml")
    assert found is None or tomllib.loads(found.toml())


@fuzz
@given(st.lists(st.text(max_size=20), max_size=3))
def test_settings_of_the_command_line(words):
    changes = only_ours(parse_changes, words)
    if changes:
        only_ours(load_recipe, "default", changes)


LINE = json.dumps(
    {"event": "done", "picture": "/a.png", "key": "k", "outputs": ["a.png"], "files": {}}
).encode()


@fuzz
@given(damaged([LINE + b"\n" + LINE + b"\n"]) | documents())
def test_a_manifest_of_another_program(tmp_path, data):
    for lock in tmp_path.iterdir():
        lock.unlink()
    (tmp_path / "manifest.jsonl").write_bytes(data)
    with Manifest(tmp_path) as manifest:
        manifest.event("/a.png", "key")
    assert (tmp_path / "manifest.jsonl").read_bytes().startswith(data)
