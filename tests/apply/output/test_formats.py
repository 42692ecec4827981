"""Each format, read back as its own readers do."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from pycocotools import mask as rle
from skimage.draw import polygon2mask

from asgnet.apply.output.formats import ENTRIES, WRITERS, shared_files
from asgnet.apply.output.names import FORMATS, OVERLAY
from asgnet.apply.output.objects import ResultView
from asgnet.data.annotations import brush_region, coco_region, read_annotations
from asgnet.data.names import read_names
from asgnet.data.read import read_mask
from asgnet.errors import OutputError
from asgnet.types import Prediction

NAMES = ("mug", "cat/dog: 猫")
NAME = st.text(st.characters(exclude_categories=["Cs"])).map(lambda s: " ".join(s.split())).filter(bool)
masks = hnp.arrays(
    np.int32,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12),
    elements=st.integers(0, 2),
)


def view(
    mask: np.ndarray, instances: bool = False, simplify: float = 0.0, classes=NAMES, link=""
) -> ResultView:
    probability = np.where(mask > 0, 0.75, 0.25).astype(np.float32)
    by_class = {
        name: Prediction(mask == i, probability, 0.8, mask, (name,)) for i, name in enumerate(classes, 1)
    }
    if len(classes) == 1:
        found = Prediction(mask == 1, probability, 0.8, mask, classes)
    else:
        found = Prediction(mask, probability, 0.8, mask, classes, by_class)
    picture = np.random.default_rng(0).integers(0, 256, (*mask.shape, 3), np.uint8)
    return ResultView(found, picture, "photos/a.jpg", link, instances, simplify)


def image(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_every_format_has_its_writer():
    kinds = {kind for names in FORMATS.values() for kind in names} | set(OVERLAY)
    assert set(WRITERS) == kinds
    assert set(ENTRIES) == {form for form, names in FORMATS.items() if not names}


@settings(deadline=None)
@given(masks)
def test_masks_and_numbers_come_back_to_the_pixel(mask):
    one = view(mask, instances=True)
    np.testing.assert_array_equal(np.asarray(image(WRITERS["png"](one))), mask)
    np.testing.assert_array_equal(np.asarray(image(WRITERS["voc"](one))), mask)
    numbers = np.zeros(mask.shape, int)
    for number, thing in enumerate(one.objects, 1):
        numbers[thing.mask] = number
    for kind in ("instances", "voc_objects"):
        read = image(WRITERS[kind](one))
        assert read.mode == {"instances": "I;16", "voc_objects": "P"}[kind]
        np.testing.assert_array_equal(np.asarray(read), numbers)
    probability = np.asarray(image(WRITERS["probability"](one))) / 65535
    np.testing.assert_allclose(probability, one.prediction.probability, atol=1e-5)


@settings(deadline=None)
@given(masks)
def test_a_cutout_has_the_picture_s_pixels_and_the_mask_as_its_alpha(mask):
    one = view(mask)
    pixels = np.asarray(image(WRITERS["cutout"](one)))
    np.testing.assert_array_equal(pixels[..., :3], one.picture)
    np.testing.assert_array_equal(pixels[..., 3], np.where(mask, 255, 0))


def test_a_cutout_is_read_as_an_example_s_mask(tmp_path):
    mask = np.zeros((8, 9), np.int32)
    mask[2:5, 3:7] = 1
    (tmp_path / "a.png").write_bytes(WRITERS["cutout"](view(mask)))
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), mask)


def test_voc_has_the_devkit_s_colours():
    read = image(WRITERS["voc"](view(np.array([[0, 1, 2]]))))
    assert read.convert("RGB").getpixel((1, 0)) == (128, 0, 0)
    assert read.convert("RGB").getpixel((2, 0)) == (0, 128, 0)


@pytest.mark.parametrize("instances", [False, True])
@pytest.mark.parametrize("form", ["coco", "coco-polygons"])
@settings(max_examples=40, deadline=None)
@given(mask=masks)
def test_coco_comes_back_through_pycocotools(form, instances, mask):
    one = view(mask, instances)
    entry = json.loads(json.dumps(ENTRIES[form](one)))
    h, w = mask.shape
    assert entry["image"] == {"file_name": "photos/a.jpg", "height": h, "width": w}
    back = np.zeros(mask.shape, int)
    for annotation in entry["annotations"]:
        region = coco_region(annotation["segmentation"], mask.shape)
        back += region * annotation["category_id"]
        assert annotation["area"] == region.sum()
        np.testing.assert_array_equal(annotation["bbox"], rle.toBbox(rle.encode(np.asfortranarray(region))))
        assert annotation["score"] == 0.75
    np.testing.assert_array_equal(back, mask)
    if instances:
        assert len(entry["annotations"]) == len(one.objects)


def drawn(content: dict, size: tuple[int, ...]) -> dict[int, np.ndarray]:
    """What labelme draws: the polygons of each group."""
    groups: dict[int, np.ndarray] = {}
    for shape in content["shapes"]:
        ring = np.array(shape["points"])
        region = polygon2mask(size, ring[:, ::-1] - 0.5)
        groups[shape["group_id"]] = groups.get(shape["group_id"], False) | region
    return groups


@settings(max_examples=60, deadline=None)
@given(masks)
def test_labelme_comes_back_group_by_group(mask):
    one = view(mask, instances=True, link="../photos/a.jpg")
    content = json.loads(WRITERS["labelme"](one))
    assert content["imagePath"] == "../photos/a.jpg"
    assert (content["imageHeight"], content["imageWidth"]) == mask.shape
    assert content["imageData"] is None
    groups = drawn(content, mask.shape)
    assert len(groups) == len(one.objects)
    for number, thing in enumerate(one.objects, 1):
        np.testing.assert_array_equal(groups[number], thing.mask)
        labels = {s["label"] for s in content["shapes"] if s["group_id"] == number}
        assert labels == {thing.name}


@settings(max_examples=60, deadline=None)
@given(masks, st.booleans())
def test_label_studio_comes_back(mask, instances):
    one = view(mask, instances)
    task = json.loads(json.dumps(ENTRIES["labelstudio"](one)))
    (prediction,) = task["predictions"]
    back = np.zeros(mask.shape, int)
    for result in prediction["result"]:
        assert (result["original_height"], result["original_width"]) == mask.shape
        (name,) = result["value"]["brushlabels"]
        back += brush_region(result["value"]["rle"], mask.shape) * (NAMES.index(name) + 1)
        assert result["score"] == 0.75
    np.testing.assert_array_equal(back, mask)
    assert len({result["id"] for result in prediction["result"]}) == len(prediction["result"])
    assert 0 <= prediction["score"] <= 1


@settings(max_examples=60, deadline=None)
@given(masks)
def test_yolo_comes_back(mask):
    h, w = mask.shape
    back = np.zeros(mask.shape, int)
    for line in WRITERS["yolo"](view(mask)).decode().splitlines():
        index, *values = line.split()
        ring = np.array(values, float).reshape(-1, 2) * (w, h)
        back[polygon2mask(mask.shape, ring[:, ::-1] - 0.5)] = int(index) + 1
    np.testing.assert_array_equal(back, mask)


def read_back(path, mask: np.ndarray) -> np.ndarray:
    """``h w``: how many regions of a file cover each pixel, those of the second class ten times."""
    (picture,) = read_annotations(path).pictures
    drawn = np.zeros(mask.shape, int)
    for region in picture.regions:
        drawn += region.paint(mask.shape) * (10 if region.label in (NAMES[1], "group 2") else 1)
    return drawn


@pytest.mark.parametrize("kind", ["geojson", "imagej"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mask=masks, instances=st.booleans())
def test_regions_for_qupath_and_fiji_come_back(tmp_path, kind, mask, instances):
    if not mask.any():
        return
    one = view(mask, instances)
    path = tmp_path / FORMATS[kind][kind].replace("{stem}", "a")
    path.write_bytes(WRITERS[kind](one))
    np.testing.assert_array_equal(read_back(path, mask), np.array([0, 1, 10])[mask])
    (picture,) = read_annotations(path).pictures
    assert len(picture.regions) == len(one.objects)


def test_touching_objects_are_lines_of_their_own_in_yolo_s_labels():
    mask = np.zeros((4, 10), np.int32)
    mask[1:3, 1:9] = 1
    one = view(mask, True, classes=("mug",))
    halves = replace(one.prediction, separate=lambda region, _: region * (1 + (np.arange(10) > 5)))
    assert WRITERS["yolo"](one).count(b"\n") == 1
    assert WRITERS["yolo"](replace(one, prediction=halves)).count(b"\n") == 2
    assert WRITERS["yolo"](replace(one, prediction=halves, apart=False)).count(b"\n") == 1


def test_simpler_outlines_have_fewer_points_and_stay_near():
    y, x = np.mgrid[:200, :240]
    mask = (np.hypot(y - 100, x - 120) < 80).astype(np.int32)
    exact, simple = (json.loads(WRITERS["labelme"](view(mask, simplify=s)))["shapes"] for s in (0, 1.5))
    assert len(simple[0]["points"]) < len(exact[0]["points"]) / 5
    region = drawn({"shapes": simple}, mask.shape)[1]
    assert (region & (mask == 1)).sum() / (region | (mask == 1)).sum() > 0.97
    tiny = json.loads(WRITERS["labelme"](view(np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]]), simplify=9)))
    assert len(tiny["shapes"][0]["points"]) >= 3


def test_more_objects_than_a_png_counts_to():
    mask = np.zeros((40, 40), np.int32)
    mask[::2, ::2] = 1
    with pytest.raises(OutputError, match="--min-area"):
        WRITERS["voc_objects"](view(mask, instances=True))


def test_names_of_classes_in_every_shared_file():
    files = shared_files(NAMES, {"png", "yolo", "voc", "labelstudio"})
    assert files["classes.txt"].decode().splitlines() == ["background", *NAMES]
    assert json.loads(files["data.yaml"].decode().splitlines()[2].split(": ", 1)[1]) == NAMES[1]
    labels = [line.split(":") for line in files["labelmap.txt"].decode().splitlines()[1:]]
    assert [fields[0] for fields in labels] == ["background", "mug", "cat/dog_ 猫"]
    assert [fields[1] for fields in labels] == ["0,0,0", "128,0,0", "0,128,0"]
    xml = ElementTree.fromstring(files["label_studio.xml"])
    assert xml.tag == "View"
    assert [label.get("value") for label in xml.iter("Label")] == list(NAMES)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(NAME, min_size=2, max_size=5, unique=True))
@example(["#1 bolt", "a:b", "a_b", "_1 bolt", "background", "a_b_2"])
@example(["a:b:c:d", "# label:color_rgb:parts:actions"])
def test_names_of_classes_come_back_from_their_lists(tmp_path, names):
    for name, content in shared_files(tuple(names), {"png", "yolo", "voc"}).items():
        (tmp_path / name).write_bytes(content)
    assert list(read_names(tmp_path / "classes.txt").classes) == names
    assert list(read_names(tmp_path / "data.yaml", background=False).classes) == names
    mapped = read_names(tmp_path / "labelmap.txt")
    assert len(mapped.colours) == len(mapped.classes) == len(names)
    for name, held in zip(names, mapped.classes, strict=True):
        plain = name.replace(":", "_")
        assert held.startswith(plain.replace("#", "_", 1) if plain.startswith("#") else plain)


def test_one_class_needs_no_list_beside_its_masks():
    assert shared_files(("mug",), {"png", "coco", "labelme"}) == {}
