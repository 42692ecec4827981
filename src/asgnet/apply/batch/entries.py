"""Is a manifest's line one that a run can go on from? Files are damaged, and edited by hand."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from asgnet.data.results import ManifestEntry

_Share = Annotated[float, Field(ge=0, le=1)]
_Name = Annotated[str, Field(min_length=1, pattern=r"^[^\x00]*$")]


class _Class(BaseModel, strict=True):
    name: str
    presence: _Share


class _Summary(BaseModel, strict=True):
    picture: str
    files: dict[str, str]
    presence: _Share
    confidence: _Share | None
    area_fraction: _Share
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None
    classes: list[_Class]


class _Done(BaseModel, strict=True):
    stem: _Name
    sha256: str | None
    files: dict[str, _Name]
    summary: _Summary
    entries: dict[str, dict[str, Any]]
    thumbnail: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/=]*$")] = ""


def whole(entry: ManifestEntry) -> bool:
    """Has an entry all that a later run, its report and its lists take from it?"""
    if entry["event"] != "done":
        return entry["event"] == "begin"
    try:
        done = _Done.model_validate(entry)
        for form, said in done.entries.items():
            _check_entry(form, said)
    except (ValidationError, KeyError, TypeError, AttributeError, RecursionError):
        return False
    return True


def _check_entry(form: str, said: dict[str, Any]) -> None:
    """KeyError, TypeError or AttributeError if a format's entry is not as it writes them."""
    if form == "labelstudio":
        said["data"]["image"].encode("utf-8", "surrogateescape")
    elif form.startswith("coco"):
        said["image"].keys()
        for annotation in said["annotations"]:
            annotation.keys()
