"""The files that a whole run shares at its end: COCO's annotations, Label Studio's tasks, VOC's list, tables.

They are written from the manifest's entries one after another, so that a million pictures need no more memory
than ten.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

from asgnet.apply.output import names
from asgnet.apply.output.measure import OBJECT_COLUMNS, PICTURE_COLUMNS, csv_parts, parquet_bytes
from asgnet.data.annotations import coco_file
from asgnet.data.folder import Folder, is_url

RUN_FILES = {
    "coco": "annotations.json",
    "coco-polygons": "annotations_polygons.json",
    "labelstudio": "label_studio.json",
    "voc": "ImageSets/Segmentation/default.txt",
    "measures": "measures.csv",
    "counts": "counts.csv",
    "measures-parquet": "measures.parquet",
    "counts-parquet": "counts.parquet",
}
"""The formats that have a file for a run, and its name."""
_COLUMNS = {"measures": OBJECT_COLUMNS, "counts": PICTURE_COLUMNS}
REPORT = "report.html"

Entry = dict[str, Any]


def write_run_file(
    folder: Folder, form: str, events: Callable[[], Iterable[dict[str, Any]]], classes: Sequence[str]
) -> None:
    """Write a format's file of a run.

    Args:
        folder: of the results.
        form: one of :data:`RUN_FILES`.
        events: a new pass over the manifest's events of the finished pictures, in order.
        classes: names in the order of their indices.
    """
    if form == "voc":
        parts: Iterator[bytes] = (
            f"{event['stem']}\n".encode("utf-8", "surrogateescape") for event in events()
        )
    elif form == "labelstudio":
        parts = _tasks(events)
    elif form in names.TABLES:
        rows = (row for event in events() for row in event["entries"][form]["rows"])
        columns = _COLUMNS[form.removesuffix("-parquet")]
        parts = csv_parts(rows, columns) if form in _COLUMNS else iter([parquet_bytes(rows, columns)])
    else:
        images = (event["entries"][form]["image"] for event in events())
        annotations = (event["entries"][form]["annotations"] for event in events())
        parts = coco_parts(images, annotations, classes)
    folder.save_parts(RUN_FILES[form], parts)


def coco_parts(
    images: Iterable[Entry], annotations: Iterable[Sequence[Entry]], classes: Sequence[str]
) -> Iterator[bytes]:
    """:func:`asgnet.data.annotations.coco_file` as JSON, piece by piece; first all images are taken."""
    frame = coco_file([], [], classes)
    yield f'{{"info": {json.dumps(frame["info"])}, "images": ['.encode()
    yield from _listed({"id": i, **image} for i, image in enumerate(images, 1))
    yield b'], "annotations": ['
    linked = ({**one, "image_id": i} for i, several in enumerate(annotations, 1) for one in several)
    yield from _listed({"id": i, **one} for i, one in enumerate(linked, 1))
    yield f'], "categories": {json.dumps(frame["categories"])}}}'.encode()


def _tasks(events: Callable[[], Iterable[dict[str, Any]]]) -> Iterator[bytes]:
    root = common_folder(event["entries"]["labelstudio"]["data"]["image"] for event in events())
    yield b"["
    yield from _listed(_task(event["entries"]["labelstudio"], root) for event in events())
    yield b"]"


def _task(entry: Entry, root: str) -> Entry:
    """With the picture's address as Label Studio serves it: from the folder that is its document root."""
    picture = entry["data"]["image"]
    if not is_url(picture):
        inside = os.path.relpath(os.path.abspath(picture), root).replace(os.sep, "/")
        picture = "/data/local-files/?d=" + quote(os.fsencode(inside))
    return {**entry, "data": {"image": picture}}


def common_folder(paths: Iterable[str]) -> str:
    """The folder that holds all of these pictures of this machine; empty if there are none."""
    root = ""
    for path in paths:
        if not is_url(path):
            here = os.path.dirname(os.path.abspath(path))
            root = os.path.commonpath([root, here]) if root else here
    return root


def _listed(values: Iterable[Any]) -> Iterator[bytes]:
    comma = ""
    for value in values:
        yield (comma + json.dumps(value)).encode()
        comma = ", "
