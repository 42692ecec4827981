"""Label Studio's side of things as plain values: its labelling interface, its strokes, its files."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urljoin, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from asgnet.data.annotations import brush_region, brush_rle, coco_region
from asgnet.errors import DataError, PictureError, UsageError
from asgnet.types import Mask, Prediction

_LONGEST = 1 << 20
_SECONDS = 20


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


class _Staying(HTTPRedirectHandler):
    """Follows no redirect to another host: the token must not travel."""

    def redirect_request(self, request: Any, *rest: Any) -> Any:
        follow = super().redirect_request(request, *rest)
        same = follow is not None and urlsplit(follow.full_url).netloc == urlsplit(request.full_url).netloc
        return follow if same else None


class Studio:
    """The Label Studio that pictures and annotations may be fetched from, and no other host.

    Args:
        address: as ``--label-studio`` gave it.
        key: its access token.
        most: bytes that an answer may have.
    """

    def __init__(self, address: str, key: str, most: int):
        self.address, self._key, self._most = address.rstrip("/") + "/", key, most
        self._access: str | None = None

    def picture(self, source: Any) -> bytes:
        """A task's picture: an upload of Label Studio's own, or a data: URL.

        Raises:
            PictureError: it cannot be fetched, or lies elsewhere.
        """
        text = source if isinstance(source, str) else ""
        if text.startswith("data:"):
            try:
                return base64.b64decode(text.partition(",")[2], validate=True)
            except (binascii.Error, ValueError) as error:
                raise PictureError("A task's data: URL is not base64; upload the picture instead.") from error
        try:
            return self._get(text)
        except (OSError, ValueError, KeyError) as error:
            raise PictureError(f"A task's picture cannot be fetched from Label Studio ({error}).") from error

    def annotated(self, project: int) -> list[dict[str, Any]]:
        """All tasks of a project that somebody annotated, with their annotations.

        Raises:
            DataError: Label Studio does not answer as it should.
        """
        try:
            tasks = json.loads(self._get(f"api/projects/{project}/export?exportType=JSON"))
        except (OSError, ValueError, KeyError) as error:
            raise DataError(
                f"Label Studio did not hand out the annotations of project {project} ({error}); "
                "is --label-studio-key right?"
            ) from error
        return [task for task in tasks if isinstance(task, dict)] if isinstance(tasks, list) else []

    def _get(self, path: str) -> bytes:
        url = urljoin(self.address, path)
        if urlsplit(url).netloc != urlsplit(self.address).netloc or not url.startswith("http"):
            raise ValueError(f"it is not at {self.address}, as --label-studio says")
        return self._answer(Request(url, headers=self._authorization()))

    def _authorization(self) -> dict[str, str]:
        """The key as a header: an old token as it is, a personal access token made into a short-lived one."""
        if self._key.count(".") != 2:
            return {"Authorization": f"Token {self._key}"} if self._key else {}
        if self._access is None:
            url, body = (
                urljoin(self.address, "api/token/refresh"),
                json.dumps({"refresh": self._key}).encode(),
            )
            answer = self._answer(Request(url, body, {"Content-Type": "application/json"}))
            self._access = json.loads(answer)["access"]
        return {"Authorization": f"Bearer {self._access}"}

    def _answer(self, request: Request) -> bytes:
        try:
            with build_opener(_Staying).open(request, timeout=_SECONDS) as answer:
                data = answer.read(self._most + 1)
        except HTTPError as error:
            raise ValueError(f"status {error.code}") from error
        except URLError as error:
            raise ValueError(str(error.reason)) from error
        if len(data) > self._most:
            raise ValueError(f"it is larger than {self._most >> 20} MiB")
        return data
