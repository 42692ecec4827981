"""Detections of other packages, made by the real ones where they are installed (make integrations)."""

import sys

import numpy as np
import pytest

from asgnet.errors import UsageError
from asgnet.faces.integrations.detections import to_fiftyone, to_supervision
from asgnet.types import Prediction


@pytest.fixture
def prediction():
    mask = np.zeros((20, 40), np.int32)
    mask[2:6, 3:11], mask[10:12, 30:33] = 1, 2
    mask[15, 0] = 1
    probability = np.where(mask > 0, 0.75, 0.25).astype(np.float32)
    ones = {name: Prediction(mask == i, probability, 0.9, mask) for i, name in ((1, "cup"), (2, "cat"))}
    return Prediction(mask, probability, 0.9, mask, ("cup", "cat"), ones)


def nothing(prediction) -> Prediction:
    return Prediction(prediction.mask == 9, prediction.probability, 0.1, prediction.guide, ("cup",))


def test_supervision(prediction):
    supervision = pytest.importorskip("supervision")
    found = to_supervision(prediction)
    assert isinstance(found, supervision.Detections)
    assert found.xyxy.tolist() == [[3, 2, 11, 6], [0, 15, 1, 16], [30, 10, 33, 12]]
    assert found.area.tolist() == [32, 1, 6]
    assert found.class_id.tolist() == [0, 0, 1]
    assert found["class_name"].tolist() == ["cup", "cup", "cat"]
    assert found.confidence == pytest.approx([0.75] * 3)
    for mask, one in zip(found.mask, prediction.instances, strict=True):
        np.testing.assert_array_equal(mask, one.mask)
    assert len(found[found.class_id == 1]) == 1
    assert len(to_supervision(nothing(prediction))) == 0


def test_fiftyone(prediction):
    fiftyone = pytest.importorskip("fiftyone")
    found = to_fiftyone(prediction)
    assert isinstance(found, fiftyone.Detections)
    cup, speck, cat = found.detections
    assert (cup.label, speck.label, cat.label) == ("cup", "cup", "cat")
    assert cup.bounding_box == [3 / 40, 2 / 20, 8 / 40, 4 / 20]
    assert cat.mask.shape == (2, 3)
    assert cat.confidence == pytest.approx(0.75)
    drawn = cup.to_segmentation(frame_size=(40, 20)).mask
    np.testing.assert_array_equal(drawn > 0, prediction.instances[0].mask)
    assert to_fiftyone(nothing(prediction)).detections == []


@pytest.mark.parametrize(("name", "convert"), [("supervision", to_supervision), ("fiftyone", to_fiftyone)])
def test_what_is_not_installed_is_one_sentence(monkeypatch, prediction, name, convert):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match=f"pip install {name}"):
        convert(prediction)
