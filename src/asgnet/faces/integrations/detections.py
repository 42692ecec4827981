"""What was found as the detections of supervision and of FiftyOne."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from asgnet.errors import UsageError
from asgnet.types import Prediction


def to_supervision(prediction: Prediction) -> Any:
    """``supervision.Detections``: an entry an object of ``prediction.instances``, in their order.

    ``class_id`` counts ``prediction.classes`` from 0; ``data["class_name"]`` has their names.

    Raises:
        UsageError: supervision is not installed.
    """
    supervision, found = _module("supervision"), prediction.instances
    boxes = np.array([one.box for one in found], np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    masks = [one.mask for one in found]
    return supervision.Detections(
        xyxy=boxes,
        mask=np.stack(masks) if masks else np.zeros((0, *prediction.mask.shape), bool),
        confidence=np.array([one.score for one in found], np.float32),
        class_id=np.array([prediction.classes.index(one.name) for one in found], int),
        data={"class_name": np.array([one.name for one in found], str)},
    )


def to_fiftyone(prediction: Prediction) -> Any:
    """``fiftyone.Detections``: an entry an object of ``prediction.instances``, with its mask within its box.

    Raises:
        UsageError: FiftyOne is not installed.
    """
    labels = _module("fiftyone")
    height, width = prediction.mask.shape
    sides = np.array([width, height, width, height])
    return labels.Detections(
        detections=[
            labels.Detection(
                label=one.name,
                bounding_box=(one.box / sides).tolist(),
                mask=one.crop,
                confidence=one.score,
            )
            for one in prediction.instances
        ]
    )


def _module(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as error:
        raise UsageError(f"{name} is not installed: pip install {name}") from error
