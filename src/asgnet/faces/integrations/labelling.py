"""Label Studio's side of things as plain values: its labelling interface, its strokes, its files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from asgnet.data.annotations import brush_region, brush_rle, coco_region
from asgnet.errors import DataError, UsageError
from asgnet.types import Mask, Prediction

_LONGEST = 1 << 20


@dataclass(frozen=True)
class Interface:
    """What a project's labelling interface says.

    Attributes:
        brush: name of its BrushLabels tag.
        image: name of its Image tag.
        key: which value of a task is the picture.
        classes: the labels, in order.
    """

    brush: str
    image: str
    key: str
    classes: tuple[str, ...]


def interface_of(config: str) -> Interface:
    """Read a labelling interface.

    Raises:
        UsageError: it is no XML, or has no Image with BrushLabels.
    """
    remedy = "give the project an <Image> and <BrushLabels> in its labelling interface."
    try:
        if len(config) > _LONGEST or "<!" in config.replace("<!--", ""):
            raise UsageError(f"The labelling interface declares entities, or is too long; {remedy}")
        root = ElementTree.fromstring(config)
    except (ElementTree.ParseError, UnicodeEncodeError) as error:
        raise UsageError(f"The labelling interface is not XML ({error}); {remedy}") from error
    images = {tag.get("name"): tag.get("value", "") for tag in root.iter("Image")}
    for tag in root.iter("BrushLabels"):
        image = tag.get("toName", "")
        classes = tuple(
            dict.fromkeys(label.get("value", "") for label in tag.iter("Label") if label.get("value"))
        )
        if image in images and classes and tag.get("name"):
            return Interface(tag.get("name", ""), image, images[image].lstrip("$"), classes)
    raise UsageError(f"The labelling interface has no BrushLabels for an Image; {remedy}")


def painted(
    results: Sequence[dict[str, Any]], interface: Interface, size: tuple[int, int]
) -> dict[str, NDArray[np.bool_]]:
    """What an annotation painted, ``h w`` bool a class: brush strokes and polygons of this interface.

    Raises:
        DataError: a stroke is damaged, or of another picture's size.
    """
    found: dict[str, NDArray[np.bool_]] = {}
    for result in results:
        value = result.get("value") or {}
        labels = value.get("brushlabels") or value.get("polygonlabels") or []
        if not labels or labels[0] not in interface.classes:
            continue
        try:
            if "rle" in value:
                region = brush_region(value["rle"], size)
            else:
                corners = np.asarray(value["points"], float) / 100 * (size[1], size[0])
                region = coco_region([corners.ravel().tolist()], size)
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(f"A region of {labels[0]!r} cannot be read ({error}); paint it again.") from error
        found[labels[0]] = found.get(labels[0], False) | region
    return found


def labels_of(regions: dict[str, NDArray[np.bool_]], classes: Sequence[str], size: tuple[int, int]) -> Mask:
    """Regions as class indices; where two overlap the later class stays."""
    labels = np.zeros(size, np.uint8)
    for number, name in enumerate(classes, 1):
        labels[regions.get(name, np.zeros(size, bool))] = number
    return labels


def prediction_of(
    prediction: Prediction, interface: Interface, version: str, score: float, scores: Sequence[float | None]
) -> dict[str, Any]:
    """A prediction as Label Studio wants it: a brush region a class that was found, with its score."""
    height, width = prediction.mask.shape
    found = prediction.mask if len(prediction.classes) > 1 else prediction.mask != 0
    regions = []
    for number, (name, certain) in enumerate(zip(prediction.classes, scores, strict=True), 1):
        region = found == number
        if region.any():
            value = {"format": "rle", "rle": brush_rle(region), "brushlabels": [name]}
            regions.append(
                {
                    "id": f"asgnet-{number}", "from_name": interface.brush, "to_name": interface.image,
                    "type": "brushlabels", "value": value, "score": certain, "original_width": width,
                    "original_height": height, "image_rotation": 0,
                }
            )  # fmt: skip
    return {"model_version": version, "score": score, "result": regions}
