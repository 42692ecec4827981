"""What is said of a result, field by field: of lines of ``--json``, of the HTTP API and of manifests the same.

A box is everywhere ``[x, y, width, height]`` in pixels of the upright picture, a share is in [0, 1].
``asgnet schema`` prints all of it as JSON Schema. A field is never taken away or given another meaning without a new
:data:`VERSION`; new fields may come at any time.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

VERSION = 1
_BOX = [61, 40, 210, 188]

Share = Annotated[float, Field(ge=0, le=1)]
Box = Annotated[
    list[int] | None,
    Field(
        min_length=4,
        max_length=4,
        description="Around it: x, y, width, height in pixels; null where nothing was found.",
        examples=[_BOX],
    ),
]
AreaFraction = Annotated[Share, Field(description="Its part of the picture's area.", examples=[0.12])]
Confidence = Annotated[
    Share | None,
    Field(description="Mean probability of its pixels; null where there are none.", examples=[0.93]),
]
Presence = Annotated[
    Share, Field(description="Probability that it is in the picture at all.", examples=[0.97])
]
Uncertainty = Annotated[
    Share,
    Field(description="How unsure the result is; the highest are worth checking first.", examples=[0.08]),
]


class ObjectResult(BaseModel):
    """One of several objects of a class."""

    name: str = Field(description="Its class.", examples=["mug"])
    area_fraction: AreaFraction
    box: Box
    confidence: Confidence


class ClassResult(BaseModel):
    """What was found of one class."""

    name: str = Field(examples=["mug"])
    presence: Presence
    area_fraction: AreaFraction
    box: Box
    confidence: Confidence


class Found(BaseModel):
    """What was found in a picture, of all classes together and of each."""

    width: int = Field(description="Of the upright picture, in pixels.", examples=[640])
    height: int = Field(examples=[480])
    presence: Presence
    present: bool = Field(description="Is presence at least 0.5?")
    area_fraction: AreaFraction
    box: Box
    confidence: Confidence
    uncertainty: Uncertainty
    classes: list[ClassResult]


class PictureResult(Found):
    """A line of ``asgnet segment --json``, and ``summary`` in a manifest's ``done`` event."""

    picture: str = Field(description="As it was given.", examples=["photos/kitchen.jpg"])
    status: Literal["done", "skipped"] = Field(
        "done", description="skipped: an earlier run had finished it. A manifest has no status."
    )
    mask: str | None = Field(
        description="The mask's file, if one was written.", examples=["masks/kitchen.png"]
    )
    files: dict[str, str] = Field(
        description="Every file of this picture, by format.", examples=[{"png": "masks/kitchen.png"}]
    )
    objects: list[ObjectResult] | None = Field(None, description="With --instances: each object.")
    seconds: float | None = Field(ge=0, description="That finding it took.", examples=[0.11])
    frame: int | None = Field(None, ge=0, description="Of a video, an animation or pages: counted from 0.")
    time: float | None = Field(None, ge=0, description="Of a video's frame, in seconds.")


class FailedPicture(BaseModel):
    """A line of ``asgnet segment --json`` about a picture that could not be done."""

    picture: str = Field(examples=["photos/torn.jpg"])
    status: Literal["failed"]
    error: str = Field(description="What is wrong and how to mend it.")
    frame: int | None = Field(None, ge=0)


class Finding(BaseModel):
    """A line of ``asgnet doctor --json``: one example."""

    name: str = Field(description="The example's picture.", examples=["mug1.jpg"])
    label: str = Field(description="The class, where there are several.", examples=[""])
    verdict: Literal["good", "fair", "hard", "wrong", "unusable"]
    usable: bool
    wrong: bool = Field(description="Its mask seems to show something else.")
    iou: Share | None = Field(description="Overlap of its mask with what the other examples find.")
    area: Share | None = Field(description="The painted part of the picture.")
    missed: Share | None = Field(description="Part of the object that the others take for background.")
    spilled: float | None = Field(ge=0, description="Background they take for it, as a part of its area.")
    more: int = Field(ge=0, description="Pieces that look like the object and are unpainted.")
    remarks: list[str]


class Suggestion(BaseModel):
    """A line of ``asgnet suggest --json``: a picture worth painting."""

    picture: str
    rank: int = Field(ge=1, description="1 is the first to paint.")
    coverage: Share = Field(description="Part of the pictures that it and those before it stand for.")
    stands_for: int = Field(ge=1, description="Pictures that resemble this one most.")
    presence: Presence
    expected_iou: Share = Field(description="Of its mask.")


class Proposal(BaseModel):
    """The line of ``asgnet propose --json``."""

    picture: str
    mask: str
    overlay: str
    area_fraction: AreaFraction
    box: Box


class Begun(BaseModel):
    """A manifest's line before the files of a picture are written."""

    event: Literal["begin"]
    picture: str = Field(description="Absolute path or URL, with the frame; empty: files of the whole run.")
    key: str = Field(description="Of all that decides the result: concept, threshold and the like.")
    outputs: list[str] = Field(description="Files, relative to the manifest's folder.")
    adds: bool = Field(False, description="More files of a picture that is finished and remains so.")


class Done(BaseModel):
    """A manifest's line after the files of a picture were written."""

    event: Literal["done"]
    picture: str
    key: str
    outputs: list[str]
    stem: str = Field(description="How its files' names begin.")
    sha256: str | None = Field(description="Of the picture's file.")
    version: str = Field("", description="Of that file where it lies: its size and time, or the store's tag.")
    files: dict[str, str] = Field(description="Names relative to the manifest's folder, by format.")
    summary: PictureResult
    entries: dict[str, Any] = Field(description="What it adds to files of the whole run, by format.")
    thumbnail: str = Field("", description="Base64 of a JPEG for the report.")


RECORDS: tuple[type[BaseModel], ...] = (
    PictureResult, FailedPicture, Finding, Suggestion, Proposal, Begun, Done,
)  # fmt: skip
"""All that is written as lines of JSON."""


def schema() -> dict[str, Any]:
    """Every record as JSON Schema (draft 2020-12), by name under ``$defs``."""
    from pydantic.json_schema import models_json_schema

    _, found = models_json_schema([(one, "serialization") for one in RECORDS], ref_template="#/$defs/{model}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:asgnet:records:{VERSION}",
        "title": "What asgnet writes as JSON",
        **found,
    }


def tables() -> str:
    """The same in Markdown: a table of each record's fields."""
    definitions = schema()["$defs"]
    parts = []
    for name, record in sorted(definitions.items()):
        rows = [
            f"| `{field}` | {_type(says)} | {says.get('description', '')} |"
            for field, says in record["properties"].items()
        ]
        head = f"## {name}\n\n{record['description']}\n\n| field | type | meaning |\n|---|---|---|"
        parts.append("\n".join([head, *rows]))
    return "\n\n".join(parts)


def _type(says: dict[str, Any]) -> str:
    """A field's type in a word or two."""
    if "$ref" in says:
        return f"[{(name := says['$ref'].rsplit('/', 1)[-1])}](#{name.lower()})"
    if "anyOf" in says:
        return " or ".join(_type(one) for one in says["anyOf"])
    if "enum" in says or "const" in says:
        return ", ".join(f"`{one}`" for one in says.get("enum", [says.get("const")]))
    if says.get("type") == "array":
        return f"array of {_type(says['items'])}"
    if says.get("maximum") == 1:
        return "number in [0, 1]"
    return str(says.get("type", "any"))
