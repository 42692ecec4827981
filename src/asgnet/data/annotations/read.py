"""Read annotation files of other tools, told apart by their content: a dialect a file.

found = read_annotations("labels.json")
masks = found.about("mug.jpg").masks((h, w), "labels.json")     # {label: h w in {0, 1, 255}}
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from asgnet.data.annotations.annotated import Annotated, Annotations, Match, plain_name
from asgnet.data.annotations.cellpose import parse_cellpose
from asgnet.data.annotations.coco import is_coco, is_coco_results, parse_coco, parse_coco_results
from asgnet.data.annotations.cvat import parse_cvat
from asgnet.data.annotations.geojson import is_geojson, parse_geojson
from asgnet.data.annotations.imagej import parse_imagej
from asgnet.data.annotations.labelme import is_labelme, parse_labelme
from asgnet.data.annotations.labelstudio import is_labelstudio, parse_labelstudio
from asgnet.data.annotations.skipped import MALFORMED, reason
from asgnet.data.annotations.via import is_via, parse_via
from asgnet.data.annotations.yolo import parse_yolo
from asgnet.data.names import YOLO_LISTS, names_near, read_names, read_text
from asgnet.errors import DataError, SupportError
from asgnet.files import PathLike, named

DIALECTS: tuple[tuple[Callable[[Any], bool], Callable[[Any], Annotations]], ...] = (
    (is_labelme, parse_labelme),
    (is_coco, parse_coco),
    (is_geojson, parse_geojson),
    (is_via, parse_via),
    (is_coco_results, parse_coco_results),
    (is_labelstudio, parse_labelstudio),
)
"""Of JSON: what it is told by, and its reader; the first that fits."""
BINARY: dict[str, Callable[[bytes], Annotations]] = {
    ".zip": parse_imagej,
    ".roi": parse_imagej,
    ".npy": parse_cellpose,
}
ENDINGS = frozenset((".json", ".geojson", ".txt", ".xml", ".zip", ".roi"))
"""Of annotation files."""
CELLPOSE = "_seg.npy"
"""What the names of Cellpose's end with."""
_KINDS = {
    "labelme": "labelme JSON",
    "coco": "COCO JSON",
    "coco_results": "COCO results",
    "labelstudio": "Label Studio JSON",
    "geojson": "GeoJSON",
    "via": "VIA JSON",
    "cvat": "CVAT XML",
    "imagej": "ImageJ regions",
    "cellpose": "Cellpose masks",
}
_MOST = 2_000_000_000


def is_annotations(path: PathLike) -> bool:
    """Is a file one of annotations, by its ending? An XML or an archive may be anything: it is looked into."""
    name = os.fspath(path).lower()
    ending = os.path.splitext(name)[1]
    if ending == ".xml":
        return b"<annotations" in _head(path)
    if ending == ".zip":
        return b".roi" in _head(path)
    return ending in ENDINGS or name.endswith(CELLPOSE)


def _head(path: PathLike, size: int = 4096) -> bytes:
    try:
        if not os.path.isfile(path):  # opening a pipe would wait for ever
            return b""
        with open(path, "rb") as stream:
            return stream.read(size)
    except OSError:
        return b""


def read_annotations(path: PathLike, names: tuple[str, ...] = (), strict: bool = False) -> Annotations:
    """Read an annotation file of any of these formats; objects in it that are malformed are skipped.

    Args:
        path: of the file.
        names: of YOLO's indices; by default those of data.yaml or classes.txt beside or above it.
        strict: refuse a file with a malformed object.

    Raises:
        SupportError: unreadable, of none of these formats, or without an object that could be used.
    """
    shown = named(path, "annotation file")
    found = _read(path, shown, names)
    if found.skipped and (strict or not any(picture.regions for picture in found.pictures)):
        raise SupportError(_refusal(found, shown))
    return replace(found, home=os.path.dirname(os.path.abspath(path)))


def _refusal(found: Annotations, shown: str) -> str:
    first = found.skipped[0]
    if found.kind.startswith("YOLO"):
        return f"{shown} cannot be read as YOLO labels: {first.why}; mend that line."
    where = f", {first}" if len(found.skipped) > 1 or found.pictures[1:] else f" {first.why}"
    return f"{shown} looks like {found.kind} but{where}; export it again from its tool."


def _read(path: PathLike, shown: str, names: tuple[str, ...]) -> Annotations:
    ending = Path(path).suffix.lower()
    try:
        if ending in BINARY:
            return _parsed(BINARY[ending], _bytes(path, shown), shown)
        text = read_text(path, shown, _MOST)
        if ending == ".txt":
            listed = None if names else names_near(path, YOLO_LISTS, above=2)
            return parse_yolo(text, read_names(listed, background=False).classes if listed else names)
        if ending == ".xml":
            return _parsed(parse_cvat, text, shown)
        return _of_json(text, shown)
    except DataError as error:
        raise SupportError(str(error)) from error


def _of_json(text: str, shown: str) -> Annotations:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise SupportError(f"{shown} is no JSON{where}; export it again.") from error
    for fits, parse in DIALECTS:
        if fits(content):
            return _parsed(parse, content, shown)
    kinds = "labelme, COCO, Label Studio, VIA, GeoJSON (QuPath)"
    raise SupportError(f"{shown} is JSON, but of none of the kinds that are read: {kinds}.")


def _parsed(parse: Callable[[Any], Annotations], content: Any, shown: str) -> Annotations:
    try:
        return parse(content)
    except MALFORMED as error:
        kind = parse.__name__.removeprefix("parse_")
        name = _KINDS.get(kind, kind)
        raise SupportError(
            f"{shown} looks like {name} but {reason(error)}; export it again from its tool."
        ) from error


def _bytes(path: PathLike, shown: str) -> bytes:
    try:
        if not os.path.isfile(path) and os.path.exists(path):
            raise SupportError(f"{shown} is a pipe or a device; save it to a file and name that.")
        if os.path.getsize(path) > _MOST:
            raise SupportError(f"{shown} is larger than {_MOST / 1e6:.0f} MB; is it the right file?")
        return Path(path).read_bytes()
    except OSError as error:
        raise SupportError(f"{shown} cannot be opened: {error.strerror}; check the path.") from error


def picture_in(annotations: Annotations, picture: PathLike, shown: str) -> Annotated:
    """What a file says about a picture; the only picture of a file needs no matching name.

    Args:
        annotations: the file's content.
        picture: path of the picture.
        shown: the file's name, for messages.

    Raises:
        SupportError: nothing, or it is not clear what.
    """
    match = annotations.match(picture)
    about = None if match is None or (match.by_stem and _beside(match, Path(picture))) else match.about
    if about is None and len(annotations.pictures) == 1:
        about = annotations.pictures[0]
    if about is None:
        some = ", ".join(repr(p.name) for p in annotations.pictures[:3])
        more = f" and {len(annotations.pictures) - 3} more" if len(annotations.pictures) > 3 else ""
        raise SupportError(
            f"{shown} says nothing about {named(picture)}; it names {some or 'no picture'}{more}."
        )
    return about


def _beside(match: Match, picture: Path) -> bool:
    """The picture that the file names lies beside this one, which only has another ending."""
    named_one = picture.with_name(plain_name(match.about.name).name)
    return named_one.is_file() and not (picture.is_file() and named_one.samefile(picture))
