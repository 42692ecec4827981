"""The shapes of requests and answers, with the examples that the OpenAPI document shows."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from asgnet.apply.output.records import Box, ClassResult, Found

ID = r"^[0-9a-f]{16}$"
NAME = 200
_ID = "5f0c9a4be1d27c38"
_BOX = [61, 40, 210, 188]
_ANNOTATION = {
    "category_id": 1, "segmentation": {"size": [480, 640], "counts": "Xm`0…"}, "area": 36864, "bbox": _BOX,
    "iscrowd": 0, "score": 0.93,
}  # fmt: skip


class Limits(BaseModel):
    """What one request may bring."""

    file_bytes: int = Field(examples=[67_108_864])
    request_bytes: int = Field(examples=[536_870_912])
    pixels: int = Field(examples=[50_000_000])
    pictures: int = Field(examples=[1000])
    supports: int = Field(examples=[50])
    classes: int = Field(examples=[50])


class About(BaseModel):
    """The server."""

    version: str = Field(examples=["0.1.0"])
    ready: bool
    limits: Limits
    formats: list[str] = Field(examples=[["png", "coco", "yolo"]])


class Concept(BaseModel):
    """What was learned from examples."""

    id: str = Field(examples=[_ID])
    name: str = Field(examples=["mug"])
    classes: list[str] = Field(examples=[["object"]])
    counts: list[int] = Field(description="Of each class, how many examples show it.", examples=[[2]])
    shots: int = Field(examples=[2])
    version: int = Field(description="Counts its fits from 1; the id stays.", examples=[1])
    adapt: Literal["auto", "true", "false"]
    unpainted: Literal["background", "unknown", "auto"] = Field(
        description="What the examples' unpainted pixels are.", examples=["background"]
    )
    created: float = Field(description="Seconds since 1970.", examples=[1795600000.0])
    updated: float = Field(examples=[1795600000.0])
    notes: list[str] = Field(description="What was guessed when the examples were read.", examples=[[]])


class Concepts(BaseModel):
    """All concepts, the oldest first."""

    concepts: list[Concept]


class Example(BaseModel):
    """A painted picture of a concept."""

    index: int = Field(examples=[0])
    name: str = Field(examples=["mug1.jpg"])
    width: int = Field(examples=[640])
    height: int = Field(examples=[480])


class Examples(BaseModel):
    """A concept's examples, in order."""

    supports: list[Example]


class Finding(BaseModel):
    """What the doctor says of one example."""

    model_config = ConfigDict(extra="allow")
    index: int = Field(examples=[0])
    name: str = Field(examples=["mug1.jpg"])
    verdict: str = Field(examples=["good"])
    iou: float | None = Field(examples=[0.83])
    area: float | None = Field(examples=[0.214])
    usable: bool
    wrong: bool
    remarks: list[str] = Field(examples=[[]])


class Doctor(BaseModel):
    """What the doctor says of a concept's examples."""

    status: Literal["running", "ready", "failed"]
    version: int = Field(examples=[1])
    usable: bool | None = Field(None, examples=[True])
    advice: str | None = Field(None, examples=["All examples agree."])
    findings: list[Finding] = []


class Segmented(Found):
    """One picture, answered at once; masks as COCO's RLE and as a PNG."""

    picture: str = Field(examples=["kitchen.jpg"])
    concept_version: int = Field(examples=[1])
    seconds: float = Field(examples=[0.11])
    masks: list[dict[str, Any]] = Field(
        description="Of each class found, a COCO annotation.", examples=[[_ANNOTATION]]
    )
    mask_png: str = Field(
        description="Base64 of a PNG of class indices, 0 background.", examples=["iVBORw0KGgo…"]
    )


class Result(BaseModel):
    """One picture of a job."""

    index: int = Field(examples=[0])
    name: str = Field(examples=["kitchen.jpg"])
    status: Literal["queued", "running", "done", "failed", "cancelled"]
    error: str | None = Field(None, examples=["'a.jpg' is not a picture in a known format; open it …"])
    corrected: bool = False
    width: int | None = Field(
        None, description="This and what follows: as of one picture, once it is done.", examples=[640]
    )
    height: int | None = Field(None, examples=[480])
    presence: float | None = Field(None, examples=[0.97])
    present: bool | None = Field(None, examples=[True])
    area_fraction: float | None = Field(None, examples=[0.12])
    box: Box = None
    confidence: float | None = Field(None, examples=[0.93])
    uncertainty: float | None = Field(None, examples=[0.08])
    classes: list[ClassResult] = []
    seconds: float | None = Field(None, examples=[0.11])
    concept_version: int | None = Field(None, examples=[1])


class Results(BaseModel):
    """A job's pictures, in order."""

    results: list[Result]


Cells = dict[str, str | int | float | None]


class Measured(BaseModel):
    """The objects in a picture, as ``asgnet segment --measure`` has them in its tables."""

    objects: list[Cells] = Field(
        description="A row an object: class, area, perimeter, box, centroid ...",
        examples=[[{"object": 1, "class": "cell", "area": 355.0, "x": 40.2, "y": 61.0, "unit": "px"}]],
    )
    classes: list[Cells] = Field(
        description="A row a class: count and its interval, areas, density ...",
        examples=[[{"class": "cell", "count": 53, "count_low": 53, "count_high": 60, "unit": "px"}]],
    )


class Progress(BaseModel):
    """How far a job is."""

    status: Literal["running", "done", "cancelled"]
    total: int = Field(examples=[200])
    done: int = Field(examples=[42])
    failed: int = Field(examples=[0])
    cancelled: int = Field(examples=[0])
    eta_seconds: float | None = Field(examples=[31.6])


class Job(Progress):
    """Many pictures, one concept."""

    id: str = Field(examples=[_ID])
    concept: str = Field(examples=[_ID])
    classes: list[str] = Field(examples=[["object"]])
    threshold: float | None = Field(None, examples=[0.5])
    absent: Literal["mark", "empty"]
    created: float = Field(examples=[1795600000.0])
    expires: float = Field(
        description="When it will be removed, unless it is touched.", examples=[1796204800.0]
    )


class Jobs(BaseModel):
    """All jobs, the newest first."""

    jobs: list[Job]


class ProblemDocument(BaseModel):
    """RFC 9457."""

    type: str = Field(examples=["urn:asgnet:problem:support"])
    title: str = Field(examples=["The example cannot be used"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["The mask 'of mug1.jpg' is empty: paint the object in any non-zero value."])


_SAID = {
    400: "Malformed",
    401: "A token is needed",
    403: "Asked for by another site",
    404: "Not there",
    409: "It is not in a state for this",
    413: "Too large",
    422: "Cannot be used; detail says why",
    429: "Busy: see Retry-After",
    503: "Not ready as yet",
    507: "The disk is full",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that a route may answer with, for the OpenAPI document."""
    shape = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
    always = (400, 401, 403, 422, 503)
    return {s: {"description": _SAID[s], "content": shape} for s in sorted({*always, *statuses})}


def example(value: Any, *statuses: int) -> dict[int | str, dict[str, Any]]:
    """An answer without a shape of its own, as the OpenAPI document shows it, beside its problems."""
    return {200: {"content": {"application/json": {"example": value}}}, **problems(*statuses)}
