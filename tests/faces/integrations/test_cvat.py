"""CVAT's own driver with our function: what it would send to a CVAT server."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

cvat = pytest.importorskip("cvat_sdk.auto_annotation", reason="no cvat-sdk: pip install 'asgnet[cvat]'")

from asgnet import Segmenter  # noqa: E402
from asgnet.data.annotations import coco_region  # noqa: E402
from asgnet.errors import UsageError, WeightsError  # noqa: E402
from asgnet.faces.integrations.cvat import Detector, create  # noqa: E402

SIZE = (60, 80)


def scene(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture with a red disc and a blue square on grey noise, and where the two are."""
    random = np.random.default_rng(seed)
    rows, columns = np.indices(SIZE)
    disc = (rows - random.uniform(18, 42)) ** 2 + (columns - random.uniform(16, 24)) ** 2 <= 13**2
    square = np.maximum(abs(rows - random.uniform(18, 42)), abs(columns - random.uniform(56, 64))) <= 12
    picture = random.integers(90, 140, (*SIZE, 3)).astype(np.uint8)
    picture[disc], picture[square] = (220, 30, 30), (30, 40, 210)
    return picture, disc, square


@pytest.fixture(scope="module")
def segmenter():
    """The bundled one, loaded once; torch needs no export."""
    return Segmenter.from_pretrained(engine="torch")


@pytest.fixture
def two(segmenter):
    """A function that knows two classes."""
    picture, disc, square = scene(0)
    return Detector(segmenter.fit(picture, {"disc": disc, "square": square}, adapt=False))


def unpacked(points: list[float]) -> np.ndarray:
    """CVAT's mask, ``h w`` bool: run lengths of the box, background first, and the box's corners inside."""
    *runs, left, top, right, bottom = map(int, points)
    values = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    region = np.zeros(SIZE, bool)
    region[top : bottom + 1, left : right + 1] = values.reshape(bottom + 1 - top, right + 1 - left)
    return region


@pytest.fixture
def annotate(monkeypatch):
    """``(function, pictures, **options) -> shapes``: CVAT's driver, its server replaced by a list."""
    from cvat_sdk.auto_annotation import driver

    def annotated(function, pictures, **options):
        labels = [SimpleNamespace(id=70 + n, name=name, type="any", sublabels=[], attributes=[])
                  for n, name in enumerate(("square", "disc"))]  # fmt: skip
        samples = [
            SimpleNamespace(
                frame_name=f"{i}.png", frame_index=i,
                media=SimpleNamespace(load_image=lambda one=one: Image.fromarray(one)),
            )
            for i, one in enumerate(pictures)
        ]  # fmt: skip
        dataset = SimpleNamespace(labels=labels, samples=samples)
        monkeypatch.setattr(driver, "TaskDataset", lambda *_, **__: dataset)
        sent = []

        def take(*_, patched_labeled_data_request):
            sent.extend(patched_labeled_data_request.shapes)

        api = SimpleNamespace(partial_update_annotations=take)
        quiet = SimpleNamespace(info=lambda *_: None)
        client = SimpleNamespace(logger=quiet, tasks=SimpleNamespace(api=api))
        cvat.annotate_task(client, 7, function, **options)
        return sent

    return annotated


def test_the_driver_takes_the_masks_of_every_class_that_is_there(two, annotate):
    scenes = [scene(1), scene(2)]
    nothing = np.random.default_rng(9).integers(90, 140, (*SIZE, 3)).astype(np.uint8)
    shapes = annotate(two, [scenes[0][0], nothing, scenes[1][0]])
    assert sorted((s.frame, s.label_id) for s in shapes) == [(0, 70), (0, 71), (2, 70), (2, 71)]
    for shape in shapes:
        assert shape.type.value == "mask"
        _, disc, square = scenes[shape.frame // 2]
        truth, found = (square, disc)[shape.label_id - 70], unpacked(shape.points)
        assert (truth & found).sum() / (truth | found).sum() > 0.8


def test_polygons_and_another_least_presence(two, annotate):
    picture, disc, _ = scene(1)
    shapes = annotate(two, [picture], conv_mask_to_poly=True)
    assert {s.type.value for s in shapes} == {"polygon"}
    rings = [s.points for s in shapes if s.label_id == 71]
    found = coco_region(rings, SIZE)
    assert (disc & found).sum() / (disc | found).sum() > 0.8
    assert annotate(two, [picture], conf_threshold=1.0) == []


def test_one_class_without_a_name(segmenter):
    picture, disc, _ = scene(3)
    function = Detector(segmenter.fit(picture, disc, adapt=False))
    assert [(label.name, label.id, label.type) for label in function.spec.labels] == [("object", 1, "mask")]
    context = SimpleNamespace(frame_name="a.png", conf_threshold=None, conv_mask_to_poly=False)
    (shape,) = function.detect(context, Image.fromarray(picture))
    found = unpacked(shape.points)
    assert (disc & found).sum() / (disc | found).sum() > 0.8


def test_create_takes_the_file_of_a_concept(two, segmenter, monkeypatch, tmp_path):
    segmenter.concept.save(tmp_path / "two.concept")
    monkeypatch.setattr(Segmenter, "from_pretrained", lambda *_: copy.copy(segmenter))
    function = create(str(tmp_path / "two.concept"))
    assert [label.name for label in function.spec.labels] == ["disc", "square"]
    with pytest.raises(WeightsError, match="There is no concept"):
        create(str(tmp_path / "nothing.concept"))


def test_nothing_fitted_is_said():
    with pytest.raises(UsageError, match="Nothing is fitted"):
        Detector(SimpleNamespace(concept=None))
