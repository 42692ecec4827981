"""Read annotation files of other tools: labelme, COCO, Label Studio and YOLO, told apart by their content.

found = read_annotations("labels.json")
masks = found.about("mug.jpg").masks((h, w), "labels.json")     # {label: h w in {0, 1, 255}}
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

from asgnet.data.annotations.annotated import Annotated, Annotations, Match, plain_name
from asgnet.data.annotations.coco import is_coco, parse_coco
from asgnet.data.annotations.labelme import is_labelme, parse_labelme
from asgnet.data.annotations.labelstudio import is_labelstudio, parse_labelstudio
from asgnet.data.annotations.yolo import parse_yolo
from asgnet.data.names import YOLO_LISTS, names_near, read_names, read_text
from asgnet.errors import DataError, SupportError
from asgnet.files import PathLike, named

ENDINGS = frozenset((".json", ".txt"))
"""Of annotation files."""

_MOST = 2_000_000_000
_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError)


def read_annotations(path: PathLike, names: tuple[str, ...] = ()) -> Annotations:
    """Read an annotation file of any of these formats.

    Args:
        path: ``.json`` (labelme, COCO, Label Studio) or ``.txt`` (YOLO).
        names: of YOLO's indices; by default those of data.yaml or classes.txt beside or above it.

    Raises:
        SupportError: unreadable, of none of these formats, or with something malformed in it.
    """
    shown = named(path, "annotation file")
    return replace(_read(path, shown, names), home=os.path.dirname(os.path.abspath(path)))


def _read(path: PathLike, shown: str, names: tuple[str, ...]) -> Annotations:
    try:
        text = read_text(path, shown, _MOST)
        if Path(path).suffix.lower() == ".txt":
            listed = None if names else names_near(path, YOLO_LISTS, above=2)
            return _parsed(text, shown, read_names(listed, background=False).classes if listed else names)
        return _of_json(text, shown)
    except DataError as error:
        raise SupportError(str(error)) from error


def _parsed(text: str, shown: str, names: tuple[str, ...]) -> Annotations:
    try:
        return parse_yolo(text, names)
    except ValueError as error:
        raise SupportError(f"{shown} cannot be read as YOLO labels: {error}; mend that line.") from error


def _of_json(text: str, shown: str) -> Annotations:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise SupportError(f"{shown} is no JSON{where}; export it again.") from error
    for fits, parse, kind in (
        (is_labelme, parse_labelme, "labelme"),
        (is_coco, parse_coco, "COCO"),
        (is_labelstudio, parse_labelstudio, "Label Studio"),
    ):
        if fits(content):
            try:
                return parse(content)
            except _MALFORMED as error:
                what = f"lacks {error}" if isinstance(error, KeyError) else f"holds {error}"
                raise SupportError(
                    f"{shown} looks like {kind} JSON but {what}; export it again from its tool."
                ) from error
    raise SupportError(
        f"{shown} is JSON, but of none of the kinds that are read: labelme, COCO instances, Label Studio."
    )


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
