"""``/v1/segment`` and ``/v1/view``: one picture, answered at once."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, File, Form, Response, UploadFile

from asgnet.apply.inference.postprocess import Absent
from asgnet.data.annotations import coco_annotation, coco_file, yolo_lines
from asgnet.data.png import png_bytes
from asgnet.faces.http import dependencies, schemas
from asgnet.faces.http.dependencies import Ready, Threshold, WhenAbsent
from asgnet.faces.http.pictures import viewable
from asgnet.faces.http.schemas import problems
from asgnet.serving.service import Service
from asgnet.serving.store.kept import KeptConcept
from asgnet.serving.store.results import eight_bits, record_of
from asgnet.types import Prediction

router = APIRouter(prefix="/v1", tags=["one picture"])

Picture = Annotated[UploadFile, File(description="A picture of any kind that asgnet reads.")]
Form_ = Literal["json", "png", "probability", "coco", "yolo"]


@router.post("/segment", response_model=schemas.Segmented, responses=problems(404, 413, 429))
async def segment(
    service: Ready,
    picture: Picture,
    concept: Annotated[str, Form(description="The id of a concept.", examples=["5f0c9a4be1d27c38"])],
    format: Annotated[Form_, Form(description="json; png and probability are PNGs; yolo is text.")] = "json",
    threshold: Threshold = None,
    absent: WhenAbsent = "mark",
) -> Response:
    """Find a concept in a picture."""
    kept = await dependencies.concept_of(service, concept)
    data, name = await dependencies.contents(picture, service), dependencies.named(picture)

    def work() -> tuple[bytes, str]:
        return _answer(service, kept, data, name, format, threshold, absent)

    body, media = await dependencies.do(work, service)
    return Response(body, media_type=media)


@router.post("/view", response_class=Response, responses=problems(413, 429))
async def view(
    service: Ready, picture: Picture, side: Annotated[int | None, Form(ge=16, le=4096)] = None
) -> Response:
    """A picture as browsers can show it: upright, 8 bits; with ``side`` fitted into a square, as JPEG."""
    data = await dependencies.contents(picture, service)
    return await viewable(service, data, dependencies.named(picture), side)


def _answer(
    service: Service,
    kept: KeptConcept,
    data: bytes,
    name: str,
    format: Form_,
    threshold: float | None,
    absent: Absent,
) -> tuple[bytes, str]:
    """The body and its media type."""
    with service.decoder.picture(data, name) as pixels:
        began = time.perf_counter()
        kept, prediction = service.segment(kept, pixels, threshold, absent)
        seconds = round(time.perf_counter() - began, 4)
    if format == "png":
        return png_bytes(prediction.mask.astype(np.uint8)), "image/png"
    if format == "probability":
        return png_bytes(eight_bits(prediction.probability)), "image/png"
    regions = _regions(prediction)
    if format == "yolo":
        return "".join(yolo_lines(region, i) for i, region in enumerate(regions)).encode(), "text/plain"
    said = record_of(prediction)
    found = (
        coco_annotation(region, i, one["confidence"])
        for i, (region, one) in enumerate(zip(regions, said["classes"], strict=True), 1)
    )
    annotations: list[dict[str, Any]] = [one for one in found if one is not None]
    if format == "coco":
        image = {"file_name": name, "height": said["height"], "width": said["width"]}
        return json.dumps(coco_file([image], [annotations], kept.classes)).encode(), "application/json"
    answer = {
        "picture": name,
        **said,
        "concept_version": kept.version,
        "seconds": seconds,
        "masks": annotations,
        "mask_png": base64.b64encode(png_bytes(prediction.mask.astype(np.uint8))).decode(),
    }
    return json.dumps(answer).encode(), "application/json"


def _regions(prediction: Prediction) -> Sequence[Any]:
    if len(prediction.classes) == 1:
        return [prediction.mask != 0]
    return [prediction.mask == number for number in range(1, len(prediction.classes) + 1)]
